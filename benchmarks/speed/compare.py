"""What changed between two results of benchmarks, and whether it is more than noise.

Rounds are few, so nothing is assumed about how they spread: a figure has changed when all rounds of one side lie beyond
all rounds of the other, and the medians differ by more than a tolerance. If nothing has changed and rounds may be
exchanged, all orders of n + m rounds are alike and two of them part the sides: that happens by chance with a
probability of 2 / C(n + m, n), 10 % for 3 rounds against 3, 2.9 % for 4 against 4, 0.8 % for 5 against 5. Five rounds
a side keep the error of one figure below 1 %; among a hundred figures about one still lies apart by chance. Rounds of
two runs are not quite exchangeable (a machine is warmer, or has other guests, an hour later): hence the tolerance.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from unmissed.benchmarks.speed.machine import warnings as load_warnings
from unmissed.benchmarks.speed.values import Bench, Figure, Results

TOLERANCE = 5.0  # per cent
FEW_ROUNDS = 3  # with fewer, the ranges say next to nothing ...
LARGE = 25.0  # ... and only a change by more per cent than this is believed

_TIMES = ("s", "ms", "us", "min", "fps")
_WHERE_TO = frozenset({"-o", "--output"})

ChangeVerdict = Literal["slower", "worse", "too few rounds", "only in A", "only in B", "faster", "better", "same"]
_ORDER: tuple[ChangeVerdict, ...] = get_args(ChangeVerdict)  # in the order of the tables


@dataclass(frozen=True, slots=True)
class Change:
    """One figure on both sides.

    Attributes:
        bench: "slide", "video", "model" or "io".
        what: the row.
        name, unit: of the figure.
        before, after: the figure in A and in B; None where a side lacks it.
        verdict: in a word; times and rates get faster or slower, everything else better or worse.
        same_machine: whether both sides come from the same class of machine, so that the code is what differs.
        why_missing: what the side that lacks the figure says; "" when it says nothing.
    """

    bench: str
    what: Mapping[str, str]
    name: str
    unit: str
    before: Figure | None
    after: Figure | None
    verdict: ChangeVerdict
    same_machine: bool
    why_missing: str = ""

    @property
    def ratio(self) -> float | None:
        """Median of B over median of A; None where it says nothing: a side is missing, zero or negative."""
        if self.before is None or self.after is None or min(self.before.median, self.after.median) <= 0:
            return None
        ratio = self.after.median / self.before.median
        return ratio if 0 < ratio < math.inf else None

    @property
    def is_worse(self) -> bool:
        """Whether B is worse beyond noise."""
        return self.verdict in ("slower", "worse")


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two results of benchmarks side by side.

    Attributes:
        changes: every figure that has a better side; worse ones first, and among these the largest change first.
        warnings: what must be known before the ratios are read: other machines, other models, a loaded machine.
        notes: what is not compared, and what else differs: commands, versions of packages.
    """

    changes: tuple[Change, ...]
    warnings: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def regressions(self) -> tuple[Change, ...]:
        """What is worse beyond noise on the same class of machine."""
        return tuple(change for change in self.changes if change.is_worse and change.same_machine)

    @property
    def compared(self) -> int:
        """Number of figures that both sides have."""
        return sum(change.before is not None and change.after is not None for change in self.changes)

    @property
    def by_chance(self) -> float:
        """Of how many figures the rounds would be separate if nothing had changed; those with few rounds left out."""
        counts = [
            (len(change.before.rounds), len(change.after.rounds))
            for change in self.changes
            if change.before is not None and change.after is not None
        ]
        return sum(chance_apart(*pair) for pair in counts if min(pair) >= FEW_ROUNDS)


def compare(before: Results, after: Results, tolerance: float = TOLERANCE) -> Comparison:
    """Match the figures of two results by benchmark and row, and judge each that has a better side.

    Args:
        before, after: A and B.
        tolerance: per cent by which medians may differ without being called changed.
    """
    warnings: list[str] = []
    notes: list[str] = []
    changes: list[Change] = []
    for name in dict.fromkeys((*before.benches, *after.benches)):
        old, new = before.benches.get(name), after.benches.get(name)
        if old is None or new is None:
            notes.append(f"`bench {name}` is only in {'B' if old is None else 'A'}, and is not compared.")
            continue
        warnings += _warnings(name, old, new)
        notes += _notes(name, old, new)
        changes += _changes(name, old, new, tolerance)
    changes.sort(key=lambda change: (_ORDER.index(change.verdict), -_moved_by(change)))
    return Comparison(tuple(changes), tuple(dict.fromkeys(warnings)), tuple(dict.fromkeys(notes)))


def chance_apart(rounds: int, others: int) -> float:
    """Probability that this many rounds per side are separate although nothing has changed; the module says why."""
    return 2 / math.comb(rounds + others, rounds)


def judge(before: Figure, after: Figure, tolerance: float = TOLERANCE) -> ChangeVerdict:
    """Whether a figure has changed beyond noise; the module says what that means.

    Args:
        before, after: the figure in A and in B, with the same unit and direction.
        tolerance: per cent; for a figure in per cent, points.
    """
    if before.rounds == after.rounds:
        return "same"
    apart = before.high < after.low or after.high < before.low
    is_few = min(len(before.rounds), len(after.rounds)) < FEW_ROUNDS
    if not apart or moved(before, after) <= (max(LARGE, tolerance) if is_few else tolerance):
        return "too few rounds" if is_few else "same"
    is_time = after.unit in _TIMES or after.unit.endswith("/s")
    if (after.median < before.median) == (after.better == "lower"):
        return "faster" if is_time else "better"
    return "slower" if is_time else "worse"


def moved(before: Figure, after: Figure) -> float:
    """How far the medians are apart: per cent of the smaller one, the same from A to B as from B to A.

    Figures in per cent differ in points: growth from 0.01 % to 0.02 % is no doubling that anybody must know. Between
    zero (or less) and another value lies infinity.
    """
    small, large = sorted((before.median, after.median))
    if after.unit == "%":
        return large - small
    if small == large:
        return 0.0
    return 100 * (large / small - 1) if small > 0 else math.inf


def _moved_by(change: Change) -> float:
    return 0.0 if change.before is None or change.after is None else moved(change.before, change.after)


_Key = tuple[tuple[tuple[str, str], ...], int, str, str]


def _changes(bench: str, old: Bench, new: Bench, tolerance: float) -> list[Change]:
    olds, new_figures = _figures(old), _figures(new)
    same_machine = old.machine_class == new.machine_class
    changes = []
    for key in dict.fromkeys((*olds, *new_figures)):
        what, _, name, unit = key
        before, after = olds.get(key), new_figures.get(key)
        if (after or before or Figure(rounds=(0,), unit="")).better == "":
            continue
        verdict: ChangeVerdict = "only in B" if before is None else "only in A"
        if before is not None and after is not None:
            verdict = judge(before, after, tolerance)
        why = _why_missing(old if before is None else new, what) if before is None or after is None else ""
        changes.append(Change(bench, dict(what), name, unit, before, after, verdict, same_machine, why))
    return changes


def _figures(bench: Bench) -> dict[_Key, Figure]:
    """By row, by number among rows that are otherwise identical, by name and unit."""
    found: dict[_Key, Figure] = {}
    rows: Counter = Counter()
    for row in bench.rows:
        what = tuple(row.what.items())
        found |= {(what, rows[what], name, figure.unit): figure for name, figure in row.figures.items()}
        rows[what] += 1
    return found


def _why_missing(bench: Bench, what: tuple[tuple[str, str], ...]) -> str:
    return next((row.not_measured for row in bench.rows if row.not_measured and tuple(row.what.items()) == what), "")


def _warnings(name: str, old: Bench, new: Bench) -> list[str]:
    found = []
    if old.machine_class != new.machine_class:
        found.append(
            f"OTHER MACHINE: bench {name} ran on {old.machine_class} in A and on {new.machine_class} in B. "
            "The ratios compare machines, not code."
        )
    for model in dict.fromkeys((*old.models, *new.models)):
        one, other = old.models.get(model), new.models.get(model)
        if one is None or other is None:
            found.append(f"OTHER MODEL: bench {name} ran {model} only in {'B' if one is None else 'A'}.")
        elif one.get("sha256") != other.get("sha256"):
            found.append(f"OTHER MODEL: {model} of bench {name} is not the same file in A and in B.")
    for side, bench in (("A", old), ("B", new)):
        found += [f"LOADED, {side}, bench {name}: {words}" for words in load_warnings(bench.load)]
    return found


def _notes(name: str, old: Bench, new: Bench) -> list[str]:
    found = []
    commands = [" ".join(_without_output(bench.command)) for bench in (old, new)]
    if commands[0] != commands[1]:
        found.append(f"The commands differ: `bench {commands[0]}` in A, `bench {commands[1]}` in B.")
    for package in dict.fromkeys((*old.versions, *new.versions)):
        one, other = old.versions.get(package, "none"), new.versions.get(package, "none")
        if one != other:
            found.append(f"bench {name}: {package} {one} in A, {other} in B.")
    return found


def _without_output(words: tuple[str, ...]) -> list[str]:
    """A command without the folder it wrote to."""
    return [
        word
        for before, word in zip(("", *words), words, strict=False)
        if word not in _WHERE_TO and before not in _WHERE_TO and not word.startswith("--output=")
    ]
