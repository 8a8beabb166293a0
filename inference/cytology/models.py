"""The models of a screening, loaded once: finders, judge and slide score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from unmissed.datasets.errors import ModelError
from unmissed.datasets.slides.base import Slide
from unmissed.inference.cytology.canvases import CanvasGrid
from unmissed.inference.cytology.score import SlideScore
from unmissed.inference.cytology.settings import FineSearch, ScreenSettings
from unmissed.inference.runtimes.base import Session
from unmissed.inference.runtimes.registry import select
from unmissed.inference.runtimes.variants import resolve_for
from unmissed.models.cards import Card, HeatmapSpec, InputSpec, TableInput
from unmissed.models.zoo import ModelFile

SCAN_CORE_PX = 256  # of a canvas: maps of larger ones leave the second-level cache, smaller ones are mostly halo
WINDOW_CORE_CELLS = 4  # side of a place that is looked at again: 32 um
CPU_CANVASES, CPU_WINDOWS, CPU_CROPS = 1, 8, 2  # per batch on a CPU, where small batches stay in the cache
ACCELERATOR_BATCH_PX = 4_000_000  # large enough to fill a device, small enough that the readers are never far behind


@dataclass(frozen=True)
class Finder:
    """A heat-map model, loaded for canvases of one size.

    Attributes
    ----------
    session : maps (N, K, cells, cells) of canvases.
    card : what it was trained for.
    target : indices of the classes that count as a find.
    um_per_px : of a model pixel.
    size_px, halo_px : side of a canvas, and its border that is context only, model pixels.
    stride_px : model pixels per cell of its map.
    radius_cells : candidates are further apart than this.
    """

    session: Session
    card: Card
    target: tuple[int, ...]
    um_per_px: float
    size_px: int
    halo_px: int
    stride_px: int
    radius_cells: float

    @classmethod
    def of(cls, session: Session, card: Card, size_px: int) -> Self:
        """Take over what the card says.

        Raises
        ------
        ModelError
            When the card does not say how large a pixel was in training.
        """
        spec, um_per_px = _spec(card), _um_per_px(card)
        target = tuple(card.class_ids.index(name) for name in spec.target)
        radius = spec.radius_px / spec.stride_px
        return cls(session, card, target, um_per_px, size_px, _halo_px(spec), spec.stride_px, radius)

    def grid(self, slide: Slide) -> CanvasGrid:
        """Its canvases over a slide."""
        core = self.size_px - 2 * self.halo_px
        return CanvasGrid.over(slide, self.um_per_px, core, self.halo_px, self.stride_px)


@dataclass(frozen=True)
class Models:
    """What a screener runs.

    Attributes
    ----------
    scanning : goes over the whole slide.
    windows : looks again at chosen places; None unless the preset asks for it.
    judge, judge_card, judge_um_per_px : classify crops of that pixel size.
    slide_score : turns findings into one number.
    files : role -> model file, for the record.
    """

    scanning: Finder
    windows: Finder | None
    judge: Session
    judge_card: Card
    judge_um_per_px: float
    slide_score: SlideScore
    files: Mapping[str, ModelFile]

    @classmethod
    def load(cls, settings: ScreenSettings) -> Self:
        """Load what the preset asks for.

        Raises
        ------
        ModelError, RuntimeUnavailableError
            When a model is missing or damaged, is of another kind, or cannot run here.
        """
        preset = settings.preset
        everywhere = preset.fine_search is FineSearch.EVERYWHERE
        files = {"finder": _resolve(preset.finder if everywhere else preset.coarse_finder, "heatmap", settings)}
        scanning = _finder(files["finder"], settings, SCAN_CORE_PX, CPU_CANVASES)
        windows = None
        if preset.fine_search is FineSearch.WHERE_IT_MATTERS:
            files["finer finder"] = _resolve(preset.finder, "heatmap", settings)
            core_px = WINDOW_CORE_CELLS * _spec(files["finer finder"].card).stride_px
            windows = _finder(files["finer finder"], settings, core_px, CPU_WINDOWS)
        files["judge"] = _resolve(preset.judge, "classification", settings)
        files["slide score"] = _resolve(preset.slide_score, "slide-score", settings)
        judge_card, score = files["judge"].card, files["slide score"]
        return cls(
            scanning,
            windows,
            _load(files["judge"], settings, CPU_CROPS),
            judge_card,
            _um_per_px(judge_card),
            SlideScore(score.path, _features(score.card)),
            files,
        )

    def provenance(self, settings: ScreenSettings) -> dict[str, Any]:
        """Models with versions and hashes, preset and runtime, for the result."""
        return {
            "preset": settings.preset.name,
            "preset_values": settings.preset.model_dump(mode="json"),
            "runtime": settings.runtime,
            "provider": self.judge.provider,
            "models": {
                role: {
                    "name": file.card.name,
                    "version": file.card.version,
                    "variant": file.variant,
                    "file": file.card.files[file.variant].file,
                    "sha256": file.card.files[file.variant].sha256,
                }
                for role, file in self.files.items()
            },
        }

    def close(self) -> None:
        """Free the engines."""
        for session in (self.scanning.session, self.judge, *([self.windows.session] if self.windows else [])):
            session.close()


def _resolve(name: str, task: str, settings: ScreenSettings) -> ModelFile:
    file = resolve_for(settings.runtime, name)
    if file.card.task != task:
        raise ModelError(
            f"the model {name} is made for {file.card.task}", expected=f"a model for {task}", fix="correct the preset"
        )
    return file


def _spec(card: Card) -> HeatmapSpec:
    if card.heatmap is None:
        raise _unfit(card, "it does not say how finds are taken from its map")
    return card.heatmap


def _um_per_px(card: Card) -> float:
    if not isinstance(card.input, InputSpec) or card.input.um_per_px is None:
        raise _unfit(card, "it does not say at which pixel size it was trained")
    return card.input.um_per_px


def _features(card: Card) -> tuple[str, ...]:
    if not isinstance(card.input, TableInput):
        raise _unfit(card, "it does not take a table")
    return card.input.features


def _unfit(card: Card, why: str) -> ModelError:
    return ModelError(
        f"the card of {card.name} does not serve for triage: {why}", fix="name another model in the preset"
    )


def _halo_px(spec: HeatmapSpec) -> int:
    """The halo in whole cells of the map."""
    return -(-spec.halo_px // spec.stride_px) * spec.stride_px


def _finder(file: ModelFile, settings: ScreenSettings, core_px: int, batch: int) -> Finder:
    size_px = core_px + 2 * _halo_px(_spec(file.card))
    return Finder.of(_load(file, settings, batch, size_px), file.card, size_px)


def _load(file: ModelFile, settings: ScreenSettings, batch: int, canvas_px: int | None = None) -> Session:
    """A session that several threads share: on a CPU each of them brings its own core."""
    runtime = select(settings.runtime)
    on_cpu = runtime.concurrent
    side_px = canvas_px or file.card.picture_input.size_px
    return runtime.load(
        file,
        device=settings.device,
        batch_size=batch if on_cpu else max(1, ACCELERATOR_BATCH_PX // side_px**2),
        threads=1 if on_cpu else None,
        canvas_px=canvas_px,
    )
