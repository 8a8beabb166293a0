"""Screen one slide: scan, judge, sample the rest, score. The only place that knows the order of the stages."""

import logging
from time import perf_counter
from typing import Self

import cv2
import numpy as np

from unmissed.datasets.basis.closing import Closing
from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.basis.hardware import physical_cores
from unmissed.datasets.slides.base import PixelSize, Slide, SlideError
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.datasets.slides.view import read_crop
from unmissed.inference.cytology.policy.policy import grade_of
from unmissed.inference.cytology.screening.adequacy import assess
from unmissed.inference.cytology.screening.damage import ForgivingSlide
from unmissed.inference.cytology.screening.judging import judge, propose
from unmissed.inference.cytology.screening.known_slide import known_answers
from unmissed.inference.cytology.screening.likeness import compared
from unmissed.inference.cytology.screening.models import ScreenerModels
from unmissed.inference.cytology.screening.notes import notes_on
from unmissed.inference.cytology.screening.regions import find_regions
from unmissed.inference.cytology.screening.scan import Scan, scan
from unmissed.inference.cytology.screening.score import slide_features
from unmissed.inference.cytology.screening.settings import ScreenSettings
from unmissed.inference.cytology.screening.threads import Stopwatch
from unmissed.inference.cytology.screening.unseen import Sample
from unmissed.inference.cytology.values import Candidate, Finding, HeatMap, SlideReading, SlideResult, StageSeconds

log = logging.getLogger(__name__)

_CACHE_BYTES = 256 * 2**20
_THUMBNAIL_PX = 1600
_GALLERY = 48  # crops that are kept for the pages
TOO_COARSE = 2.0  # times the judge's pixel size


class Screener(Closing):
    """Loaded models that screen slide after slide.

    Args:
        settings: how much is looked at, and with what.
        models: loaded by ``Screener.load``.

    Attributes:
        known_slide: what a drawn slide gives here, for certificates; see ``known_slide.known_answers``.
    """

    def __init__(self, settings: ScreenSettings, models: ScreenerModels) -> None:
        self.settings, self.models = settings, models
        self.threads = settings.threads or physical_cores()
        self.known_slide: tuple[float, ...] = ()

    @classmethod
    def load(cls, settings: ScreenSettings) -> Self:
        """Load the models.

        Raises:
            ModelError, RuntimeUnavailableError: When a model is missing or damaged, or cannot run here.
        """
        screener = cls(settings, ScreenerModels.load(settings))
        try:
            screener.known_slide = known_answers(screener.screen, screener.models.fingerprint(settings))
        except UnmissedError as error:  # a preset of other pixel sizes, say: it can run, and cannot be certified
            log.warning("the known slide cannot be screened, so no slide can be excluded: %s", error)
        return screener

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """Screen an open slide.

        Args:
            slide: its pixel size must be known.
            name: unique within the run.
            path: as the user named it.

        Raises:
            SlideError: When the pixel size is unknown or out of the models' range, or nothing at all can be read.
        """
        started = perf_counter()
        pixel_size = _check_pixel_size(slide, self.models.judge_um_per_px)
        source = ForgivingSlide(slide)
        cache, watch = TileCache(_CACHE_BYTES), Stopwatch()
        models, preset = self.models, self.settings.preset

        finder = models.scanning
        grid = finder.grid(source)
        seen = scan(grid, finder.session, finder.target, cache, self.threads, watch)
        scanned = perf_counter()
        if source.damaged and source.damaged_share == 1 and source.first_error is not None:
            raise source.first_error
        um_per_cell = grid.cell_px * pixel_size.um_per_px
        regions = find_regions(seen, um_per_cell)
        adequacy = assess(seen.nucleus, regions, um_per_cell, self.settings.adequacy)
        assessed = perf_counter()
        heat = np.where(regions.foreground, seen.abnormal, 0)
        candidates, proposed = propose(heat, grid.cell_px, finder.radius_cells, preset.min_score, preset.max_crops)
        chosen = perf_counter()
        sample = None
        if models.sampling is not None:
            sample = Sample(source, models.sampling, regions.foreground, grid.cell_px, candidates, preset.sample_share)
            sample.search(cache, self.threads, watch)
        sampled = perf_counter()
        findings = self._judge(source, pixel_size, candidates, cache, watch)
        unseen = None
        if sample is not None:
            unseen = sample.estimate(self._judge(source, pixel_size, sample.candidates, cache, watch))
        judged = perf_counter()
        features = slide_features(findings, regions.foreground_mm2)
        score = models.slide_score.predict(features)
        crops = self._gallery(source, findings, cache)
        likeness = compared(source, regions, grid.cell_px, finder.card, cache)
        thumbnail = _thumbnail(seen, slide)
        ended = perf_counter()
        return SlideResult(
            slide=name,
            path=path,
            sha256=None,
            reader=slide.reader,
            width_px=slide.levels[0].width_px,
            height_px=slide.levels[0].height_px,
            pixel_size=pixel_size,
            score=score,
            grade=grade_of(findings, self.settings.grade),
            findings=tuple(findings),
            adequacy=adequacy,
            heat_map=HeatMap(heat, grid.cell_px),
            thumbnail=thumbnail,
            crops=crops,
            features=features,
            notes=(*models.notes, *notes_on(source, pixel_size, models.judge_um_per_px, regions, unseen)),
            likeness=likeness,
            unseen=unseen,
            reading=SlideReading(
                tiles_read=len(source.seen) - len(source.damaged),
                tiles_damaged=len(source.damaged),
                thumbnail_grey=round(regions.mean, 1),
            ),
            times_s=StageSeconds(
                scan=scanned - started,
                regions=assessed - scanned,
                candidates=chosen - assessed,
                sample=sampled - chosen,
                judge=judged - sampled,
                aggregate=ended - judged,
                total=ended - started,
            ),
            thread_s=watch.seconds(),
            counts={
                "canvases": seen.canvases,
                "canvases_empty": seen.empty,
                "candidates": proposed,
                "crops_judged": len(findings),
                "places_sampled": len(sample.places) if sample else 0,
            },
            provenance={
                **models.provenance(self.settings),
                "known_slide": list(self.known_slide),
                "scanner": slide.scanner,
            },
        )

    def _judge(
        self, slide: Slide, pixel_size: PixelSize, candidates: list[Candidate], cache: TileCache, watch: Stopwatch
    ) -> list[Finding]:
        session, card, um_per_px = self.models.judge, self.models.judge_card, self.models.judge_um_per_px
        box_px = session.input_size * um_per_px / pixel_size.um_per_px
        return judge(slide, candidates, session, card, um_per_px, box_px, cache, self.threads, watch)

    def _gallery(self, slide: Slide, findings: list[Finding], cache: TileCache) -> tuple[np.ndarray, ...]:
        size, um_per_px = self.models.judge.input_size, self.models.judge_um_per_px
        return tuple(read_crop(slide, f.x_px, f.y_px, size, um_per_px, cache) for f in findings[:_GALLERY])

    def close(self) -> None:
        """Free the models."""
        self.models.close()


def _check_pixel_size(slide: Slide, judged_at: float) -> PixelSize:
    found = slide.pixel_size
    if found is None:
        raise SlideError(
            f"{slide.path} has no pixel size",
            expected="micrometres per pixel in the file",
            fix="give --um-per-px, or --um-per-px-table with a line for this slide",
        )
    if found.um_per_px > TOO_COARSE * judged_at:
        raise SlideError(
            f"{slide.path} has {found.um_per_px:g} um/px ({found.source}): too coarse to judge nuclei",
            expected=f"{TOO_COARSE * judged_at:g} um/px or less; a 40x scan has about 0.25",
            fix="scan the glass at 40x, or correct the pixel size with --um-per-px",
        )
    return found


def _thumbnail(seen: Scan, slide: Slide) -> np.ndarray:
    """The overview at about 1,600 px; it was read anyway."""
    level = slide.levels[0]
    factor = min(1.0, _THUMBNAIL_PX / max(level.width_px, level.height_px))
    across, down = level.width_px / seen.grid.cell_px, level.height_px / seen.grid.cell_px
    whole = seen.overview[: max(1, round(down)), : max(1, round(across))]
    size = (max(1, round(level.width_px * factor)), max(1, round(level.height_px * factor)))
    interpolation = cv2.INTER_AREA if size[0] <= whole.shape[1] else cv2.INTER_CUBIC
    return cv2.resize(whole, size, interpolation=interpolation)
