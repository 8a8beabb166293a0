"""Batches of made slides: composed of held-out fields, triaged, put down in a table, deleted."""

import csv
import shutil
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path

import numpy as np

from unmissed.benchmarks.studies.simulation.settings import SimulatedStudy
from unmissed.datasets.basis.errors import ConfigError, DatasetError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.synthetic.slides.compose import make_slide
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.datasets.tables import read_table
from unmissed.inference.cytology.policy.dispositions import Case, could_be_excluded
from unmissed.inference.cytology.policy.policy import Policy, Preparation, load_policy
from unmissed.inference.cytology.results.reading import RESULT_FILE, read_slide_result
from unmissed.inference.cytology.run.plan import triage

_DRAWS = 10  # of a layout

NOTE = "A simulation: these slides are composed of photographed fields, are of no patient, and prove nothing of any."
NOTE_ZH = "本页为模拟：玻片由视野照片拼合而成，不属于任何患者，也不能证明任何临床性能。"


@dataclass(frozen=True)
class Laboratory:
    """A fold of the cross-validation.

    Attributes:
        fold: its number.
        folder: where its results are kept.
        rules: path of the policy that is triaged with.
        unseen: the fields that its models never saw.
    """

    fold: int
    folder: Path
    rules: Path
    unseen: FieldLibrary

    @property
    def preset(self) -> Path:
        """The preset with the models of the fold."""
        return self.folder / "preset.yaml"

    @property
    def run(self) -> Path:
        """The results, as in the folder of a triage run."""
        return self.folder / "run"


@dataclass(frozen=True)
class ScoredSlide:
    """A row of the tables of the study; the first columns are those of `unmissed certify`.

    Attributes:
        slide, patient: its name; each slide is a patient of its own.
        site: the fold.
        truth: 1 where an abnormal nucleus shows.
        grade: the worst class that shows.
        role: calibrate or check.
        score: of the triage; "" for a slide that is never excluded whatever its score.
        found: the grade of the triage.
        why: what keeps the slide from being excluded whatever its score.
        normal, abnormal: source blocks of the fields that it shows.
    """

    slide: str
    patient: str
    site: str
    truth: int
    grade: str
    role: str
    score: str
    found: str
    why: str
    normal: str
    abnormal: str


def is_finished(laboratory: Laboratory, number: int) -> bool:
    """Whether a batch is done: its table is written after all else."""
    return _table(laboratory, number).exists()


def finish_batch(laboratory: Laboratory, number: int, study: SimulatedStudy) -> int:
    """Make, triage and put down the slides of a batch; the number of slides.

    Raises:
        ConfigError: When a layout is impossible.
        OutputError: When a file cannot be written.
        UnmissedError: When a model cannot be loaded.
    """
    folder = laboratory.folder / f"batch-{number:03d}"
    shutil.rmtree(folder, ignore_errors=True)  # of a session that was interrupted
    make_folder(folder)
    planned = list(_planned(laboratory, number, study))
    made = [_make(folder, laboratory, study, *one) for one in planned]
    triage(
        [folder / f"{slide.slide}.tiff" for slide in made],
        folder / "triage",
        preset=str(laboratory.preset),
        policy=laboratory.rules,
        preparation=study.preparation.value,
        variant=study.variant,
        no_hash=True,
        note=NOTE,
        note_zh=NOTE_ZH,
    )
    policy = load_policy(str(laboratory.rules))
    rows = [_scored(folder / "triage" / "slides" / one.slide, one, policy, study.preparation) for one in made]
    for slide in rows:
        kept = make_folder(laboratory.run / "slides" / slide.slide)
        (folder / "triage" / "slides" / slide.slide / RESULT_FILE).replace(kept / RESULT_FILE)
    make_folder(_table(laboratory, number).parent)
    write_slides(_table(laboratory, number), rows)
    shutil.rmtree(folder)
    return len(rows)


def read_slides(laboratory: Laboratory) -> list[ScoredSlide]:
    """The slides of all batches that are done."""
    names = [field.name for field in fields(ScoredSlide)]
    found = []
    for path in sorted((laboratory.folder / "parts").glob("*.csv")):
        for row in read_table(path, names):
            texts = {name: row[name] for name in names if name != "truth"}
            found.append(ScoredSlide(truth=int(row["truth"]), **texts))
    return found


def write_slides(path: Path, slides: list[ScoredSlide]) -> None:
    """Write a table of slides, whole or not at all."""
    with write_whole(path) as stream:
        table = csv.DictWriter(stream, [field.name for field in fields(ScoredSlide)], lineterminator="\n")
        table.writeheader()
        table.writerows(map(asdict, slides))


def _table(laboratory: Laboratory, number: int) -> Path:
    return laboratory.folder / "parts" / f"{number:03d}.csv"


def _planned(laboratory: Laboratory, number: int, study: SimulatedStudy) -> Iterator[tuple[int, int, int, str]]:
    """Number, seed, count of abnormal fields and role of the slides of a batch: drawn once for the whole fold."""
    rng = np.random.default_rng([study.seed, laboratory.fold, 4])
    abnormal = rng.permutation(study.slides) < study.abnormal_slides
    counts = rng.integers(study.abnormal_fields[0], study.abnormal_fields[1] + 1, study.slides)
    seeds = rng.integers(0, 2**31, study.slides)
    checks = np.zeros(study.slides, bool)
    for kind in (True, False):
        of_kind = rng.permutation(np.flatnonzero(abnormal == kind))
        checks[of_kind[: round(study.check_share * len(of_kind))]] = True
    for index in range(number * study.batch, min((number + 1) * study.batch, study.slides)):
        role = "check" if checks[index] else "calibrate"
        yield index, int(seeds[index]), int(counts[index]) if abnormal[index] else 0, role


def _make(
    folder: Path, laboratory: Laboratory, study: SimulatedStudy, index: int, seed: int, abnormal: int, role: str
) -> ScoredSlide:
    name = f"simulated-{laboratory.fold}-{index:05d}"
    spec = LayoutSpec(study.size_px, study.size_px)
    for draw in range(_DRAWS):
        library = laboratory.unseen.with_normal(study.normal_fields, seed + draw)
        try:
            slide = make_slide(folder / f"{name}.tiff", library, spec, abnormal_fields=abnormal, seed=seed + draw)
            break
        except ConfigError:  # in one draw of a hundred some abnormal field shows none of its abnormal nuclei
            if draw == _DRAWS - 1:
                raise
    shown = {placement.field for placement in slide.placements}
    groups = ({library.fields[i].group for i in shown & set(kind)} for kind in (library.normal, library.abnormal))
    normal, abnormal_groups = (" ".join(sorted(group)) for group in groups)
    truth = int(slide.worst != "NILM")
    site = f"fold-{laboratory.fold}"
    return ScoredSlide(name, name, site, truth, slide.worst, role, "", "", "", normal, abnormal_groups)


def _scored(folder: Path, slide: ScoredSlide, policy: Policy, preparation: Preparation) -> ScoredSlide:
    """The slide with what the triage says of it."""
    if not folder.exists():
        raise DatasetError(f"{slide.slide} has no result", expected="every made slide screened", fix="run it again")
    result = read_slide_result(folder)
    case = Case.from_result(result, slide.slide, policy, preparation)
    why = "" if could_be_excluded(case, policy) else "; ".join([str(case.verdict), *case.doubts])
    return replace(slide, score="" if why else f"{result.score:.6f}", found=result.grade, why=why)
