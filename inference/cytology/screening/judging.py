"""Choose candidates, and judge them one by one at the pixel size where the doctor would look at them."""

from collections.abc import Sequence
from time import perf_counter

import numpy as np

from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import read_crop
from unmissed.inference.cytology.screening.threads import Stopwatch, run_all
from unmissed.inference.cytology.values import Candidate, Finding
from unmissed.inference.runtimes.base import Session
from unmissed.models.cards import Card

_NEAR_TILES_PX = 1024  # candidates are visited in bands of this height, so that their tiles are decoded once


def propose(
    heat: np.ndarray, cell_px: float, radius_cells: float, least: float, most: int | None = None
) -> tuple[list[Candidate], int]:
    """The peaks of a finder's map as candidates, the highest first, at most ``most``; and how many peaks there are.

    Args:
        heat: float32 (rows, columns), probability of an abnormal nucleus.
        cell_px: side of its entries, level-0 pixels.
        radius_cells, least: see ``find_peaks``.
    """
    rows, columns, scores = find_peaks(heat, radius_cells, least)
    best = zip(rows[:most], columns[:most], scores[:most], strict=True)
    return [Candidate((float(c) + 0.5) * cell_px, (float(r) + 0.5) * cell_px, float(s)) for r, c, s in best], len(rows)


def judge(
    slide: Slide,
    candidates: Sequence[Candidate],
    session: Session,
    card: Card,
    um_per_px: float,
    box_px: float,
    cache: TileCache,
    threads: int,
    watch: Stopwatch,
) -> list[Finding]:
    """Classify a crop around every candidate; the most suspicious finding comes first.

    Args:
        card: of the judge; its normal classes form the group "normal".
        um_per_px: of the crops.
        box_px: side of the box to show around a finding, level-0 pixels.
        watch: gets the seconds of "read_crops" and "judge".

    Raises:
        SlideError: When the slide's pixel size is not known.
    """
    size_px = session.input_size
    probabilities = np.zeros((len(candidates), len(card.classes)), np.float32)
    order = sorted(range(len(candidates)), key=lambda i: (candidates[i].y_px // _NEAR_TILES_PX, candidates[i].x_px))
    batches = [order[i : i + session.batch_size] for i in range(0, len(order), session.batch_size)]

    def work(batch: Sequence[int]) -> None:
        started = perf_counter()
        crops = np.stack(
            [read_crop(slide, candidates[i].x_px, candidates[i].y_px, size_px, um_per_px, cache) for i in batch]
        )
        started = watch.add("read_crops", started)
        probabilities[list(batch)] = session.run(crops)
        watch.add("judge", started)

    run_all(batches, work, threads)
    normal = list(card.groups().get("normal", (0,)))
    findings = [
        _finding(candidate, row, normal, card, box_px) for candidate, row in zip(candidates, probabilities, strict=True)
    ]
    return sorted(findings, key=lambda f: (-f.abnormal, -f.finder_score, f.y_px, f.x_px))


def _finding(candidate: Candidate, row: np.ndarray, normal: Sequence[int], card: Card, box_px: float) -> Finding:
    best = int(row.argmax())
    return Finding(
        x_px=candidate.x_px,
        y_px=candidate.y_px,
        box_px=box_px,
        class_id=card.class_ids[best],
        probability=float(row[best]),
        abnormal=float(np.clip(1 - row[list(normal)].sum(), 0, 1)),
        probabilities={name: float(value) for name, value in zip(card.class_ids, row, strict=True)},
        finder_score=candidate.score,
    )
