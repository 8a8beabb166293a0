"""The values that pass between the stages of triage. Coordinates are level-0 pixels, x before y."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field

from unmissed.datasets.slides.base import PixelSize
from unmissed.models.familiarity import Likeness

_Count = Annotated[int, Field(ge=0, strict=True)]
_Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_Grey = Annotated[float, Field(ge=0, le=255, strict=True, allow_inf_nan=False)]
_Seconds = Annotated[float, Field(ge=0, strict=True, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[float, Field(gt=0)]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A place that the finder proposes: centre, and the finder's score 0..1."""

    x_px: float
    y_px: float
    score: float


@dataclass(frozen=True, slots=True)
class Finding:
    """A judged candidate. Stored as it is.

    Attributes:
        x_px, y_px: centre, level-0 pixels.
        box_px: side of the box to show around it, level-0 pixels.
        class_id: the most probable class of the judge ("HSIL").
        probability: of that class.
        abnormal: probability that the cell is abnormal at all (sum over the abnormal classes).
        probabilities: class id -> probability, in the order of the judge's card.
        finder_score: 0..1.
    """

    x_px: float
    y_px: float
    box_px: Positive
    class_id: str
    probability: Share
    abnormal: Share
    probabilities: Mapping[str, Share]
    finder_score: Share


@dataclass(frozen=True, slots=True)
class HeatMap:
    """The finder's map of the whole slide.

    Attributes:
        scores: float32 (rows, columns), probability 0..1 that an abnormal nucleus is here; 0 where nothing was looked
            at.
        cell_px: side of one entry, level-0 pixels; entry (r, c) covers x from c * cell_px, y from r * cell_px.
    """

    scores: np.ndarray
    cell_px: float


class AdequacyVerdict(StrEnum):
    """Whether the slide shows enough to be judged at all."""

    ADEQUATE = "adequate"
    """Enough clearly visible cells."""
    SCANT = "scant"
    """Fewer cells than the preparation needs."""
    OBSCURED = "obscured"
    """Too much of the cells cannot be seen (blood, clumps, pen, bubbles)."""
    OUT_OF_FOCUS = "out_of_focus"
    """Too much of it is out of focus: scan it again."""
    EMPTY = "empty"
    """Glass, or black: nothing to assess."""


@dataclass(frozen=True, slots=True)
class Adequacy:
    """How much of the slide can be judged. Stored as it is.

    Attributes:
        verdict: one of ``AdequacyVerdict``.
        cells: estimated number of squamous cells.
        needed: number that the preparation asks for.
        foreground_mm2: area that holds cells.
        out_of_focus, obscured: share of the foreground, 0..1.
    """

    verdict: AdequacyVerdict
    cells: int
    needed: int
    foreground_mm2: float
    out_of_focus: Share
    obscured: Share


@dataclass(frozen=True, slots=True, kw_only=True)
class SlideReading:
    """How the file could be read; dispositions rest on it, so nothing here has a default. Stored as it is.

    Attributes:
        tiles_read: different tiles that were asked for and came.
        tiles_damaged: different tiles that were asked for and could not be read.
        thumbnail_grey: mean grey level of the whole slide, 0 (black) to 255.
    """

    tiles_read: _Count
    tiles_damaged: _Count
    thumbnail_grey: _Grey


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """What a random sample tells of the places that nobody judged. Stored as it is.

    Attributes:
        unseen_mm2: area that holds cells and is further from every judged crop than two nuclei are apart.
        sampled_mm2: the part of it that was drawn, searched with the finer finder and judged.
        judged: crops of the sample that were judged.
        found: those of them that the judge called abnormal with certainty (``unseen.SURE``).
        estimate: as many are expected in the whole unseen area.
        at_most: upper end of a one-sided 95 % interval of that (Poisson).
    """

    unseen_mm2: _Amount
    sampled_mm2: _Amount
    judged: _Count
    found: _Count
    estimate: _Amount
    at_most: _Amount


@dataclass(frozen=True, slots=True, kw_only=True)
class StageSeconds:
    """Wall time of the stages of a slide, s; 0 for a stage that did not happen. Stored as it is.

    Attributes:
        open: the slide's headers.
        scan: the finder over the whole slide.
        regions: foreground and adequacy.
        candidates: peaks of the map.
        judge: the crops.
        sample: places that were not judged, drawn at random.
        aggregate: slide score and pictures.
        hash: what was left of hashing the file after the screening.
        total: all of them; stages that overlap may add up to more.
    """

    open: _Seconds = 0.0
    scan: _Seconds = 0.0
    regions: _Seconds = 0.0
    candidates: _Seconds = 0.0
    judge: _Seconds = 0.0
    sample: _Seconds = 0.0
    aggregate: _Seconds = 0.0
    hash: _Seconds = 0.0
    total: _Seconds = 0.0


ThreadWork = Literal["read", "foreground", "finder", "read_crops", "judge", "read_sample", "finder_sample"]
"""A piece of work of the threads; a field of ``ThreadSeconds``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadSeconds:
    """Seconds that all threads together spent on a piece of work. Stored as it is.

    Attributes:
        read, foreground, finder: of the scan.
        read_crops, judge: of the judging.
        read_sample, finder_sample: of the places drawn at random; their crops count as judging.
    """

    read: _Seconds = 0.0
    foreground: _Seconds = 0.0
    finder: _Seconds = 0.0
    read_crops: _Seconds = 0.0
    judge: _Seconds = 0.0
    read_sample: _Seconds = 0.0
    finder_sample: _Seconds = 0.0


Count = Literal["canvases", "canvases_empty", "candidates", "crops_judged", "places_sampled"]
"""What is counted of a slide."""


@dataclass(frozen=True)
class SlideResult:
    """What triage found on one slide; says nothing yet of its place among other slides.

    Attributes:
        slide: name of the slide, unique within a run (file name without suffix).
        path: the file as the user named it.
        sha256: None when hashing was switched off.
        reader: which reader opened it.
        width_px, height_px: level 0.
        pixel_size: micrometres per level-0 pixel and where they come from.
        score: 0..1, higher is worse.
        grade: the most severe class that the findings support ("NILM" when none).
        findings: most suspicious first.
        adequacy: how much of the slide can be judged.
        heat_map: the finder's map.
        thumbnail: uint8 (h, w, 3) RGB of the whole slide, longest side about 1,600 px.
        crops: uint8 (size, size, 3) RGB pictures of the first findings, in their order.
        features: the named inputs of the slide score.
        notes: what the doctor should know: a guessed pixel size, tiles that could not be read, a limit that was hit.
        likeness: whether it looks like the training fields; None when it was not compared: too few places hold cells,
            or the finder's card does not say how its fields look.
        unseen: what a random sample tells of the places that were not judged; None when none was drawn.
        reading: how the file could be read.
        times_s: wall time of the stages.
        thread_s: what the threads did meanwhile.
        counts: to show and for nothing else; what is not counted is missing.
        provenance: models with versions and hashes, preset, runtime.
    """

    slide: str
    path: str
    sha256: str | None
    reader: str
    width_px: int
    height_px: int
    pixel_size: PixelSize
    score: float
    grade: str
    findings: tuple[Finding, ...]
    adequacy: Adequacy
    heat_map: HeatMap
    thumbnail: np.ndarray
    crops: tuple[np.ndarray, ...]
    features: Mapping[str, float]
    notes: tuple[str, ...]
    likeness: Likeness | None
    unseen: Unseen | None
    reading: SlideReading
    times_s: StageSeconds
    thread_s: ThreadSeconds
    counts: Mapping[Count, float]
    provenance: Mapping[str, Any] = field(default_factory=dict)
