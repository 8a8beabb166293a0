"""How steady the score of a slide is when the slide is tinted, brightened or blurred as scanners differ.

``python -m unmissed.benchmarks.studies.laboratories.score_steadiness --fields $UNMISSED_DATA/cric``. Each slide is
screened as it is and changed in every way of ``changed_pictures``; the ranks (Spearman) of the changed scores are
compared with those of the untouched. Two half-changes say where a difference comes from: *finder*, the candidates of
the changed slide judged on the untouched one; *judge*, those of the untouched slide judged on the changed one.
"""

import argparse
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from unmissed.benchmarks.studies.laboratories.changed_pictures import (
    CHANGES,
    PictureSlide,
    picture_of,
    with_white_glass,
)
from unmissed.benchmarks.studies.simulated_slides import tested_fields
from unmissed.datasets.basis.errors import ConfigError, run_main
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.slides.opening import open_slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.fields import read_fields
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.screening.judging import judge
from unmissed.inference.cytology.screening.score import slide_features
from unmissed.inference.cytology.screening.screen import Screener
from unmissed.inference.cytology.screening.settings import Preset, ScreenSettings, load_preset
from unmissed.inference.cytology.screening.threads import Stopwatch
from unmissed.inference.cytology.values import Candidate, Finding, SlideResult
from unmissed.training.evaluation.metrics import areas_under_roc

PARTS = ("all", "finder", "judge")
_ROLES = ("finder", "sampler", "judge")
_UM_PER_PX = 0.25  # of made slides
_SAMPLES = 1000


@dataclass(frozen=True)
class Row:
    """The scores of one slide.

    Attributes:
        slide: its name.
        abnormal: whether it is; None where nobody knows.
        untouched: score as it is.
        changed: change -> part -> score.
    """

    slide: str
    abnormal: bool | None
    untouched: float
    changed: dict[str, dict[str, float]]


def spearman(one: np.ndarray, other: np.ndarray) -> float:
    """Correlation of ranks; 0 where all of one side are the same."""
    from scipy.stats import rankdata

    ranks = [rankdata(values) for values in (one, other)]
    return float(np.corrcoef(*ranks)[0, 1]) if all(np.ptp(rank) for rank in ranks) else 0.0


def steadiness(untouched: np.ndarray, changed: np.ndarray) -> dict[str, float]:
    """Spearman with its 95 % interval over slides (bootstrap), and the largest change of a score.

    Args:
        untouched: (N,) scores.
        changed: (C, N) scores of the same slides under each change; the mean of the C correlations is meant.
    """

    def mean(at: np.ndarray) -> float:
        return float(np.mean([spearman(untouched[at], one[at]) for one in changed]))

    rows = np.random.default_rng(0).integers(len(untouched), size=(_SAMPLES, len(untouched)))
    low, high = np.percentile([mean(row) for row in rows], [2.5, 97.5])
    largest = float(np.abs(changed - untouched).max())
    return {"spearman": mean(np.arange(len(untouched))), "low": float(low), "high": float(high), "largest": largest}


def screened(
    screener: Screener, name: str, abnormal: bool | None, picture: np.ndarray, um_per_px: float, white: bool = False
) -> Row:
    """Screen a picture as it is and changed; ``white``: each with white glass."""

    def slide_of(picture: np.ndarray, um_per_px: float) -> PictureSlide:
        return PictureSlide(with_white_glass(picture, um_per_px) if white else picture, um_per_px)

    slide = slide_of(picture, um_per_px)
    plain = screener.screen(slide, name, name)
    changed = {}
    for change, apply in CHANGES.items():
        other = slide_of(*apply(picture, um_per_px))
        result = screener.screen(other, name, name)
        finer = other.levels[0].width_px / slide.levels[0].width_px
        changed[change] = {
            "all": result.score,
            "finder": _score(screener, slide, result, 1 / finer),
            "judge": _score(screener, other, plain, finer),
        }
    return Row(name, abnormal, plain.score, changed)


def _score(screener: Screener, slide: PictureSlide, found: SlideResult, factor: float) -> float:
    """Score of a slide with the candidates of another picture of it, whose pixels are so many times as large."""
    models = screener.models
    candidates = [Candidate(f.x_px * factor, f.y_px * factor, f.finder_score) for f in found.findings]
    findings: Sequence[Finding] = judge(
        slide, candidates, models.judge, models.judge_card, models.judge_um_per_px, 1.0, TileCache(), 1, Stopwatch()
    )
    return models.slide_score.predict(slide_features(findings, found.adequacy.foreground_mm2))


def summary(rows: Sequence[Row]) -> dict[str, dict[str, Any]]:
    """Change -> part -> ``steadiness``, and the mean over changes under "every change"."""
    untouched = np.array([row.untouched for row in rows])
    scores = {p: np.array([[row.changed[c][p] for row in rows] for c in CHANGES]) for p in PARTS}
    told: dict[str, dict[str, Any]] = {
        change: {part: steadiness(untouched, scores[part][[number]]) for part in PARTS}
        for number, change in enumerate(CHANGES)
    }
    told["every change"] = {part: steadiness(untouched, scores[part]) for part in PARTS}
    if all(row.abnormal is not None for row in rows):
        truth = np.array([bool(row.abnormal) for row in rows])
        told["untouched"] = {"auc": _auc(truth, untouched)}
        for number, change in enumerate(CHANGES):
            told[change]["auc"] = _auc(truth, scores["all"][number])
    return told


def _auc(truth: np.ndarray, scores: np.ndarray) -> float | None:
    area = float(areas_under_roc(truth, scores)[0])
    return None if np.isnan(area) else area


def main() -> None:
    """Make or read the slides, screen them, print a table and write what it says."""
    given = _parser().parse_args()
    if (given.fields is None) == (not given.slides):
        raise ConfigError("either --fields or slides", expected="a folder of labelled fields, or slides as they are")
    rows: list[Row] = []
    with TemporaryDirectory() as folder:
        for fold in given.folds or [None]:
            policy = load_policy("screening")
            preset = _preset(given, fold)
            settings = ScreenSettings(preset, policy.adequacy[Preparation.CONVENTIONAL], policy.grade)
            with Screener.load(settings) as screener:
                for name, abnormal, path in _slides(given, fold, Path(folder)):
                    with open_slide(path, um_per_px=given.um_per_px) as slide:
                        um_per_px = slide.pixel_size.um_per_px if slide.pixel_size else _UM_PER_PX
                        picture = picture_of(slide)
                    rows.append(screened(screener, name, abnormal, picture, um_per_px, given.white_glass))
                    print(f"{name}: {rows[-1].untouched:.3f}", flush=True)
    told = summary(rows)
    saved = {"summary": told, "slides": [row.__dict__ for row in rows]}
    write_text(given.output, json.dumps(saved, indent=1))
    for line in table(told):
        print(line)


def table(told: dict[str, dict[str, Any]]) -> Iterator[str]:
    """The summary as lines of a table."""
    yield "| change | Spearman | largest change | finder alone | judge alone | AUC |"
    yield "|---|---|---|---|---|---|"
    for change, parts in told.items():
        auc = f"{parts['auc']:.3f}" if parts.get("auc") is not None else ""
        if "all" not in parts:
            yield f"| {change} | | | | | {auc} |"
            continue
        whole = parts["all"]
        alone = " | ".join(f"{parts[part]['spearman']:.3f}" for part in PARTS[1:])
        interval = f"{whole['spearman']:.3f} ({whole['low']:.3f} to {whole['high']:.3f})"
        yield f"| {change} | {interval} | {whole['largest']:.2f} | {alone} | {auc} |"


def _preset(given: argparse.Namespace, fold: int | None) -> Preset:
    """The preset with the models that were named: of a fold, ``fold-K/export`` below the named run."""
    named = {role: getattr(given, role) for role in _ROLES if getattr(given, role) is not None}
    if fold is not None:
        named = {role: str(Path(run) / f"fold-{fold}" / "export") for role, run in named.items()}
    return load_preset(given.preset).model_copy(update={**named, "slide_score": given.slide_score})


def _slides(given: argparse.Namespace, fold: int | None, folder: Path) -> Iterator[tuple[str, bool | None, Path]]:
    """Name, truth and file of every slide; those that are made are of the fields that the fold has not seen."""
    for path in given.slides:
        yield path.stem, None, path
    if given.fields is None:
        return
    names = None if fold is None else tested_fields(Path(given.finder), fold)
    spec = LayoutSpec(given.size, given.size)
    plan = CohortPlan(given.number, 0.5, (1, 3), given.seed * 1000 + (fold or 0))
    for made in make_cohort(folder / f"fold-{fold}", read_fields(given.fields, _UM_PER_PX, names), spec, plan):
        yield f"{made.path.parent.name}/{made.path.stem}", made.worst != "NILM", made.path


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("slides", type=Path, nargs="*", help="slides as they are, instead of made ones")
    parser.add_argument("--um-per-px", type=float, help="of slides that do not say it")
    parser.add_argument("--fields", type=Path, help="folder of labelled fields (CRIC) that slides are made of")
    parser.add_argument("--number", type=int, default=24, help="of made slides, for each fold")
    parser.add_argument("--size", type=int, default=3072, help="side of a made slide, px of 0.25 um")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--white-glass", action="store_true", help="first bring the glass of each slide to white")
    parser.add_argument("--finder", help="of the scan: model, or with --folds a run that has fold-K/export")
    parser.add_argument("--sampler", help="as --finder")
    parser.add_argument("--judge", help="as --finder")
    parser.add_argument("--folds", type=int, nargs="+", help="slides of the test fields of these folds of the finder")
    parser.add_argument("--slide-score", default="slide-score")
    parser.add_argument("--preset", default="default")
    parser.add_argument("-o", "--output", type=Path, default=Path("runs/score-steadiness.json"))
    return parser


if __name__ == "__main__":
    run_main(main)
