"""Which file of a model runs: the fastest of those that this machine computes correctly."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.inference.runtimes.answers import Agreement, Verdict, verdict_of
from unmissed.inference.runtimes.registry import select
from unmissed.models.cards import Card
from unmissed.models.zoo import ModelFile, checked, resolve

# Less is within what a measurement of milliseconds can tell: then the file with the better precision runs.
_FASTER = 1.1


@dataclass(frozen=True, slots=True)
class Choice:
    """The file that runs, and why.

    Attributes:
        file: its hash is checked.
        verdict: on that file.
        others: verdicts on the variants that do not run.
    """

    file: ModelFile
    verdict: Verdict
    others: tuple[Verdict, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user has to know: a variant that was refused, or one that could not be verified."""
        name, runs = self.file.card.name, self.file.variant
        notes = [
            f"{name}: {verdict}; {runs} is used instead"
            for verdict in self.others
            if verdict.agreement in (Agreement.WRONG, Agreement.FAILED)
        ]
        if self.verdict.agreement is Agreement.NOT_VERIFIED:
            notes.append(f"{name}: {self.verdict}; nothing that it scores can be excluded")
        return tuple(notes)

    def provenance(self) -> dict[str, Any]:
        """For the record: file, hash, verdict, what was measured, and the answers as computed here."""
        card, spec = self.file.card, self.file.card.files[self.file.variant]
        every = (self.verdict, *self.others)
        return {
            "name": card.name,
            "version": card.version,
            "variant": self.file.variant,
            "file": spec.file,
            "sha256": spec.sha256,
            "precision": spec.precision,
            "verified": self.verdict.agreement is Agreement.RIGHT,
            "off_by": self.verdict.apart,
            "allowed": self.verdict.allowed,
            "notes": list(self.notes),
            "ms": {verdict.variant: verdict.ms for verdict in every if verdict.ms is not None},
            "answers": list(self.verdict.answers),
        }


def choose(
    model: str,
    runtime: str = "onnx-cpu",
    variant: str = "auto",
    device: str | None = None,
    keep: str | None = None,
) -> Choice:
    """Find a model, check its file, and choose the variant that runs here.

    With "auto" all variants of free batch are asked for their known answers, and the fastest right one is taken; one in
    fp32 where the others gain less than a tenth. Integer files are left out where the runtime does not compute with
    integers: there, each of their operators is several of float. A variant or a file that was named is taken or
    refused.

    Args:
        runtime, device: as ``Runtime.load`` takes them.
        model, variant: as ``zoo.resolve`` takes them.
        keep: sha256 of a file that is taken if it is among the right ones, however fast it is.

    Raises:
        ModelError: When the model or variant is missing, or the file is not the one of the card.
        RuntimeUnavailableError: When the runtime cannot run here, or computes none of the files right.
    """
    engine = select(runtime)
    named = variant != "auto" or Path(model).suffix == ".onnx"
    first = resolve(model, variant)
    if Path(model).suffix == ".onnx" and Path(model).name != first.path.name:
        raise ModelError(
            f"{Path(model).name} was given together with the variant {variant!r}, which is {first.path.name}",
            fix="name one of them",
        )
    names = [first.variant] if named else candidates(first.card, fast_int8=engine.fast_int8)
    files = [first if name == first.variant else checked(first.card, first.path.parent, name) for name in names]
    verdicts = [verdict_of(file, runtime, device) for file in files]
    usable = [verdict for verdict in verdicts if verdict.agreement is Agreement.RIGHT]
    if all(verdict.agreement is Agreement.NOT_VERIFIED for verdict in verdicts):
        usable = verdicts[:1]  # older cards have no known answers: their default runs, and says so
    if not usable:
        available = engine.is_available()  # asked this late, because a cached verdict needs no engine in this process
        if not available.ok:
            raise RuntimeUnavailableError(f"{runtime} cannot run here: {available.reason}", fix=available.fix)
        if all(verdict.agreement is Agreement.FAILED for verdict in verdicts):
            engine.load(files[0], device=device).close()  # its own error says what to do
        raise _refusal(first.card, runtime, verdicts, named=named)
    kept = [verdict for verdict in usable if first.card.files[verdict.variant].sha256 == keep]
    best = kept[0] if kept else _fastest(usable, first.card)
    file = next(file for file in files if file.variant == best.variant)
    return Choice(file, best, tuple(verdict for verdict in verdicts if verdict is not best))


def candidates(card: Card, *, fast_int8: bool) -> list[str]:
    """Variants of free batch that are worth asking; the card's default first."""
    free = [name for name, spec in card.files.items() if spec.batch is None]
    usable = [name for name in free if fast_int8 or card.files[name].precision == "fp32"] or [card.default_variant]
    return sorted(usable, key=lambda name: name != card.default_variant)


def _fastest(verdicts: list[Verdict], card: Card) -> Verdict:
    if any(verdict.ms is None for verdict in verdicts):
        return verdicts[0]

    def cost(verdict: Verdict) -> float:
        is_full = card.files[verdict.variant].precision == "fp32"
        return (verdict.ms or 0.0) * (1.0 if is_full else _FASTER)

    return min(verdicts, key=cost)


def _refusal(card: Card, runtime: str, verdicts: list[Verdict], *, named: bool) -> RuntimeUnavailableError:
    return RuntimeUnavailableError(
        f"{card.name} is not computed correctly on this machine: {'; '.join(map(str, verdicts))}",
        expected="the known answers of its card",
        fix="leave the variant to --variant auto, or see `unmissed doctor`"
        if named and len(card.files) > 1
        else f"see `unmissed doctor`; update {runtime}'s package and driver, or take another --runtime",
    )
