"""Scored slides with their truth: a strict table, and what of it counts for the proof."""

import hashlib
import unicodedata
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.basis.words import first_few, one_line
from unmissed.datasets.tables import iterate_table
from unmissed.inference.cytology.policy.life import Role

TRUTH = "truth"
GROUPS = ("site", "scanner", "grade")

POSITIVE = {  # lower-case answer -> whether it says positive
    **dict.fromkeys(("1", "positive", "阳性"), True),
    **dict.fromkeys(("0", "negative", "阴性"), False),
}
# Tables have scores with six digits, as worklist.csv does: the score itself may be this much lower.
ROUNDED = 5e-7
_AT_ONCE = 50_000  # rows


@dataclass(frozen=True)
class Coded:
    """A column of few different texts: ``names[codes[i]]`` is the text of row i."""

    names: tuple[str, ...]
    codes: np.ndarray


@dataclass(frozen=True)
class Cases:
    """Slides with truth; all arrays have one entry a slide.

    Attributes:
        slides: names, unique.
        patients: number of the patient, from 0.
        patient_names: by that number; the slide's name where the table names no patients.
        scores: 0..1; NaN for a slide without one, which is never excluded.
        positive: the truth.
        roles: entries of ``Role``, as their place in it.
        groups: site, scanner and grade, where the table has them.
        truth: the column that said who is positive.
        knows_patients, knows_roles: whether the table names patients and roles.
    """

    slides: list[str]
    patients: np.ndarray
    patient_names: list[str]
    scores: np.ndarray
    positive: np.ndarray
    roles: np.ndarray
    groups: Mapping[str, Coded] = field(default_factory=dict)
    truth: str = TRUTH
    knows_patients: bool = True
    knows_roles: bool = False

    def some(self, keep: np.ndarray) -> "Cases":
        """Some of the slides, bool (N,); patients keep their numbers."""
        return replace(
            self,
            slides=[self.slides[i] for i in np.flatnonzero(keep)],
            **{name: getattr(self, name)[keep] for name in ("patients", "scores", "positive", "roles")},
            groups={name: Coded(of.names, of.codes[keep]) for name, of in self.groups.items()},
        )

    def in_role(self, role: Role) -> np.ndarray:
        """Which slides have a role."""
        return self.roles == tuple(Role).index(role)

    def hashes(self, role: Role) -> tuple[str, str]:
        """SHA-256 of the positive patients and slides of a role, and of all its slides with score and truth.

        The order of the rows does not count.
        """
        chosen = np.flatnonzero(self.in_role(role))
        order = np.array(sorted(chosen.tolist(), key=self.slides.__getitem__), dtype=int)
        cases = self._hash(order[self.positive[order]])
        everything = self._hash(order)
        everything.update(self.scores[order].astype("<f8").tobytes() + self.positive[order].tobytes())
        return cases.hexdigest(), everything.hexdigest()

    def _hash(self, order: np.ndarray) -> "hashlib._Hash":
        """Of patients and slides, in an order."""
        found = hashlib.sha256()
        slides, names = self.slides, self.patient_names
        for start in range(0, len(order), _AT_ONCE):
            part = order[start : start + _AT_ONCE]
            pairs = zip(part.tolist(), self.patients[part].tolist(), strict=True)
            lines = [f"{names[patient]}\t{slides[slide]}\n" for slide, patient in pairs]
            found.update("".join(lines).encode("utf-8", "surrogatepass"))
        return found


def read_cases(path: Path, truth: str = TRUTH, scores: Mapping[str, float | None] | None = None) -> Cases:
    """Read a table of slides: columns slide, score and truth; patient, site, scanner, grade and role if known.

    Args:
        path: the CSV file.
        truth: the column that says who is positive: 0 or 1, negative or positive.
        scores: slide -> score, where the table is one of truth alone; None for a slide that counts for nothing.

    Raises:
        DatasetError: The table cannot be read or has no such column; a slide is there twice or has no truth; a score is
            not a number from 0 to 1; a patient is written in two ways or has slides of two roles; a slide of ``scores``
            is missing.
    """
    rows = iterate_table(path, ["slide", truth, *(() if scores is not None else ("score",))])
    _, header = next(rows)
    at = {name: header.index(name) for name in ("slide", "score", truth, "patient", "role", *GROUPS) if name in header}
    columns: dict[str, dict[str, int]] = {name: {} for name in (*GROUPS, "role") if name in at}
    codes = {name: array("i") for name in columns}
    slides: list[str] = []
    patient_of: dict[str, int] = {}
    patients, found, positive = array("i"), array("d"), array("b")
    at_slide, at_truth, at_patient = at["slide"], at[truth], at.get("patient", at["slide"])
    places = [(at[name], names, codes[name].append) for name, names in columns.items()]
    for line, cells in rows:
        slide, patient = cells[at_slide].strip(), cells[at_patient].strip()
        if not slide or not patient:
            raise _wrong(path, line, f"has no {'patient' if slide else 'slide'}", "a name in every row")
        known = POSITIVE.get(cells[at_truth].strip().lower())
        if known is None:
            raise _truth_error(path, line, slide, truth, cells[at_truth])
        if scores is None:
            found.append(_score(path, line, slide, cells[at["score"]]))
        elif slide in scores:
            score = scores[slide]
            found.append(np.nan if score is None else score)
        else:
            continue  # no result: it failed, and is never excluded
        slides.append(slide)
        patients.append(patient_of.setdefault(patient, len(patient_of)))
        positive.append(known)
        for place, names, append in places:
            code = names.get(cell := cells[place])
            append(names.setdefault(cell.strip(), len(names)) if code is None else code)
    _check_slides(path, slides, scores)
    _check_patients(path, patient_of)
    return Cases(
        slides=slides,
        patients=np.array(patients, np.int32),
        patient_names=list(patient_of),
        scores=np.array(found),
        positive=np.array(positive, bool),
        roles=_roles(path, columns.get("role", {}), codes.get("role"), np.array(patients, np.int32), list(patient_of)),
        groups={name: Coded(tuple(columns[name]), np.array(codes[name], np.int32)) for name in GROUPS if name in at},
        truth=truth,
        knows_patients="patient" in at,
        knows_roles="role" in at,
    )


def _check_slides(path: Path, slides: list[str], scores: Mapping[str, float | None] | None) -> None:
    if len(seen := set(slides)) < len(slides):
        twice = sorted(slide for slide, rows in Counter(slides).items() if rows > 1)
        raise DatasetError(
            f"{path.name} has several rows for {first_few(twice)}",
            expected="one row a slide",
            fix="remove the repeated rows, or give the slides different names",
        )
    missing = sorted((scores or {}).keys() - seen)
    if missing:
        raise DatasetError(
            f"{path.name} has no truth for {len(missing)} of the slides of the run: {first_few(missing)}",
            expected="a row for every slide that was screened",
            fix="add these rows; slides that are left out by hand would make the proof worthless",
        )


def _check_patients(path: Path, names: Collection[str]) -> None:
    """One who is written as P1 and as p1, or in full width, would count as two trials."""
    if len({hash(_folded(name)) for name in names}) == len(names):  # of a million texts only the numbers are kept
        return
    alike: dict[str, list[str]] = {}
    for name in names:
        alike.setdefault(_folded(name), []).append(name)
    several = [name for group in alike.values() if len(group) > 1 for name in group]
    if several:
        raise DatasetError(
            f"{path.name} has patients who differ by case or width of letters alone: {first_few(several)}",
            expected="the same text for the same patient, because each is one trial",
            fix="write the patient alike everywhere, or name other patients differently",
        )


def _folded(name: str) -> str:
    return (name if name.isascii() else unicodedata.normalize("NFKC", name)).casefold()


def _score(path: Path, line: int, slide: str, cell: str) -> float:
    """A score, lowered by what rounding may have added; NaN for an empty cell."""
    text = cell.strip()
    if not text:
        return np.nan
    try:
        score = float(text)
    except ValueError:
        score = -1.0
    if 0 <= score <= 1 and "_" not in text:
        return max(0.0, score - ROUNDED)
    hint = "write it with a decimal point, without thousands separators" if "," in text else "correct that row"
    raise _wrong(path, line, f"(slide {slide}): score is {one_line(repr(text), 40)}", "a number from 0 to 1", hint)


def _truth_error(path: Path, line: int, slide: str, truth: str, cell: str) -> DatasetError:
    text = cell.strip()
    what = f"{truth} is {one_line(repr(text), 40)}" if text else f"{truth} is empty"
    return _wrong(path, line, f"(slide {slide}): {what}", "1 or 0, positive or negative, 阳性 or 阴性")


def _roles(
    path: Path, names: Mapping[str, int], codes: array | None, patients: np.ndarray, patient_names: list[str]
) -> np.ndarray:
    """The role of every slide; all calibrate where the table does not say."""
    roles = [role.value for role in Role]
    if codes is None:
        return np.full(len(patients), roles.index(Role.CALIBRATE), np.int8)
    unknown = [name for name in names if name.lower() not in roles]
    if unknown:
        raise DatasetError(f"{path.name} has the role {one_line(repr(unknown[0]), 40)}", expected=", ".join(roles))
    found = np.array([roles.index(name.lower()) for name in names], np.int8)[np.array(codes, np.int32)]
    of_patient = np.zeros(len(patient_names), np.int8)
    of_patient[patients] = found
    in_two = np.flatnonzero(of_patient[patients] != found)
    if len(in_two):
        several = sorted({patient_names[patients[i]] for i in in_two})
        raise DatasetError(
            f"{path.name} has patients in two roles: {first_few(several)}",
            expected="all slides of a patient in one role",
            fix="give all their rows the same role: otherwise the threshold is tried on those who set it",
        )
    return found


def _wrong(path: Path, line: int, found: str, expected: str, fix: str = "correct that row") -> DatasetError:
    return DatasetError(f"{path.name}, line {line} {found}", expected=expected, fix=fix)
