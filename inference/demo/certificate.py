"""The demonstration of a certificate: refused on a few slides, issued on thousands of scores, used; all is drawn."""

import csv
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.slides.base import Slide, SlideError
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.certification.certify import certify
from unmissed.inference.cytology.certification.issue import Issued
from unmissed.inference.cytology.policy.certificates import KNOWN_SLIDE
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.results.summary import EXCLUDED
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.triage import TriageOutcome, TriagePlan, triage
from unmissed.inference.cytology.values import (
    Adequacy,
    AdequacyVerdict,
    HeatMap,
    SlideReading,
    SlideResult,
    StageSeconds,
    ThreadSeconds,
)
from unmissed.inference.study.run import REPORT, run_study
from unmissed.models.familiarity import Likeness

WITH_TRUTH, LATER = 12, 20  # slides: of the first run, and of the run under the certificate
_SIDE_PX = 768
_SCORES = {True: (3200, 2.0, 0.8), False: (4000, -2.0, 1.0)}  # number, mean and spread of the logits
_CELLS = 6000
_MODEL = "drawn scores, no model"
_SHA256 = hashlib.sha256(_MODEL.encode()).hexdigest()  # of no model, so that its certificate covers none

NOTE = (
    "Everything here is drawn: the slides, and their scores, grades and cells, which are random numbers and no "
    "model's. The certificate rests on drawn scores and covers this demonstration alone; the rules and the code are "
    "the real ones."
)
NOTE_ZH = (
    "本页全部内容均由程序绘制：玻片为绘制，评分、分级与细胞数为随机数，并非模型结果。"
    "证书依据绘制的评分，仅适用于本演示；规则与程序代码与实际使用相同。"
)


@dataclass(frozen=True, slots=True)
class CertificateDemo:
    """What the demonstration left on the disk, and how it went.

    Attributes:
        page: the worklist under the certificate.
        report: of a study of these slides.
        refusal: why the few slides prove too little.
        threshold: that the drawn scores prove; 0 where they do not.
        slides, excluded: of the run under the certificate.
        missed: excluded slides that show drawn abnormal cells.
    """

    page: Path
    report: Path
    refusal: str
    threshold: float
    slides: int
    excluded: int
    missed: int

    @property
    def is_as_expected(self) -> bool:
        """The few slides were refused, the many scores were not, and some normal slides were excluded."""
        return bool(self.refusal) and self.threshold > 0 and 0 < self.excluded < self.slides and not self.missed


class DrawnScores:
    """Stands in for the models of a triage: gives each slide the score that was drawn for it.

    Args:
        scores: name of the slide -> score.
    """

    def __init__(self, scores: Mapping[str, float]) -> None:
        self._scores = scores

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """A result with the slide's picture, its drawn score, and nothing found.

        Raises:
            SlideError: When the pixel size is not known, or a tile cannot be read.
        """
        level, pixel, score = slide.levels[0], slide.pixel_size, self._scores[name]
        if pixel is None:
            raise SlideError(f"{path} has no pixel size", fix="draw it again")
        rows = [
            np.concatenate([slide.read(0, column, row) for column in range(level.columns)], axis=1)
            for row in range(level.rows)
        ]
        picture = np.ascontiguousarray(np.concatenate(rows)[: level.height_px, : level.width_px])
        return SlideResult(
            slide=name,
            path=path,
            sha256=None,
            reader=slide.reader,
            width_px=level.width_px,
            height_px=level.height_px,
            pixel_size=pixel,
            score=score,
            grade="NILM" if score < 0.5 else "LSIL",
            findings=(),
            adequacy=Adequacy(AdequacyVerdict.ADEQUATE, round(_CELLS * (1 + score)), 5000, 1.0, 0.0, 0.0),
            heat_map=HeatMap(np.zeros((level.rows, level.columns), np.float32), float(level.tile_width_px)),
            thumbnail=picture,
            crops=(),
            features={},
            notes=(),
            likeness=Likeness(score / 2, "colour", "drawn", 1),
            reading=SlideReading(
                tiles_read=level.rows * level.columns, tiles_damaged=0, thumbnail_grey=float(picture.mean())
            ),
            times_s=StageSeconds(),
            thread_s=ThreadSeconds(),
            counts={},
            provenance={
                "models": {"scores": {"name": _MODEL, "version": "0", "sha256": _SHA256, "answers": [0.5]}},
                "preset_values": {"name": "drawn"},
                "runtime": "none",
                KNOWN_SLIDE.replace(" ", "_"): [0.5],
                "scanner": "drawn",
            },
        )

    def close(self) -> None:
        """Nothing to free."""


def run_certificate_demo(folder: Path) -> CertificateDemo:
    """Certify a few drawn slides, which is refused; certify drawn scores; triage other drawn slides under it.

    Args:
        folder: gets ``slides/``, ``first/`` and ``later/`` (the runs), the tables, the policies ``refused.yaml`` and
            ``drawn.yaml``, and ``study/``; an earlier demonstration there is replaced.

    Raises:
        OutputError: When the disk fails.
    """
    library, plan = draw_fields(normal=4, abnormal=2, seed=2), CohortPlan(WITH_TRUTH + LATER, 0.4, (1, 1), seed=2)
    made = make_cohort(make_folder(folder / "slides"), library, LayoutSpec(_SIDE_PX, _SIDE_PX), plan)
    truth = {f"drawn-{number:02d}": slide.worst != "NILM" for number, slide in enumerate(made, 1)}
    rng = np.random.default_rng(5)
    scores = {name: _draw(rng, is_abnormal) for name, is_abnormal in truth.items()}
    jobs = [SlideJob(slide.path, slide=name) for name, slide in zip(truth, made, strict=True)]
    known = list(truth)[:WITH_TRUTH]
    _screen(folder / "first", jobs[:WITH_TRUTH], scores, "screening")

    _write(folder / "truth.csv", known, truth)
    refused = _anew(folder / "refused.yaml", folder / "first", truth=folder / "truth.csv")
    for is_abnormal, (number, _, _) in _SCORES.items():
        names = [f"score-{'abnormal' if is_abnormal else 'normal'}-{index:04d}" for index in range(1, number + 1)]
        truth |= dict.fromkeys(names, is_abnormal)
        scores |= {name: _draw(rng, is_abnormal) for name in names}
        known += names
    _write(folder / "scores.csv", known, truth, scores)
    certified = _anew(folder / "drawn.yaml", folder / "scores.csv", run=folder / "first")
    later = _screen(folder / "later", jobs[WITH_TRUTH:], scores, str(folder / "drawn.yaml"))
    excluded = [row.slide for row in later.rows if row.disposition == EXCLUDED]
    _write(folder / "later.csv", [row.slide for row in later.rows], truth)
    run_study(folder / "later", folder / "study", truth=folder / "later.csv", title="drawn slides")
    return CertificateDemo(
        page=folder / "later" / "index.html",
        report=folder / "study" / REPORT,
        refusal=refused.refusal,
        threshold=0.0 if certified.refusal else certified.proof.threshold,
        slides=len(later.rows),
        excluded=len(excluded),
        missed=sum(truth[slide] for slide in excluded),
    )


def _draw(rng: np.random.Generator, is_abnormal: bool) -> float:
    """A score with six digits, as a table has it."""
    _, mean, spread = _SCORES[is_abnormal]
    return round(float(1 / (1 + np.exp(-rng.normal(mean, spread)))), 6)


def _screen(folder: Path, jobs: Sequence[SlideJob], scores: Mapping[str, float], policy: str) -> TriageOutcome:
    plan = TriagePlan(
        output=folder,
        inputs=jobs,
        make_screener=partial(DrawnScores, {job.slide: scores[job.slide] for job in jobs}),
        settings={"preset": "drawn"},
        policy=load_policy(policy),
        preparation=Preparation.LIQUID,
        overwrite=True,
        note=NOTE,
        note_zh=NOTE_ZH,
    )
    return triage(plan, lambda progress: None)


def _anew(policy: Path, table: Path, *, truth: Path | None = None, run: Path | None = None) -> Issued:
    """As `unmissed certify TABLE -o POLICY` where there is no such policy yet."""
    policy.unlink(missing_ok=True)
    return certify(table, policy, truth=truth, run=run)


def _write(
    path: Path, names: Sequence[str], truth: Mapping[str, bool], scores: Mapping[str, float] | None = None
) -> None:
    """A table for `unmissed certify`; each slide is a patient of its own."""
    with write_whole(path) as stream:
        table = csv.writer(stream, lineterminator="\n")
        table.writerow(["slide", "patient", "truth", *(["score"] if scores else [])])
        table.writerows([name, name, int(truth[name]), *([f"{scores[name]:.6f}"] if scores else [])] for name in names)
