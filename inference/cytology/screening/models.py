"""The models of a screening, loaded once: finders, judge and slide score."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import sha256_of
from unmissed.datasets.slides.base import Slide
from unmissed.inference.cytology.screening.canvases import CanvasGrid
from unmissed.inference.cytology.screening.score import SlideScore
from unmissed.inference.cytology.screening.settings import ScreenSettings
from unmissed.inference.runtimes.base import Session
from unmissed.inference.runtimes.registry import select
from unmissed.inference.runtimes.variants import Choice, choose
from unmissed.models.cards import Card, HeatmapSpec, InputSpec, TableInput, load_card
from unmissed.models.zoo import ModelFile, find_card

# Side of what a canvas adds to the map. Maps of integers stay in the second-level cache while it is small; those of
# floats never do, so a wider canvas, with less overlap, costs nothing until about twice the side. A plain network has
# small maps from its first layer on.
SCAN_CORE_PX, FLOAT_SCAN_CORE_PX, PLAIN_SCAN_CORE_PX = 256, 384, 512
_PLAIN = "plain"
PLACE_CORE_CELLS = 16  # side of a place that is drawn at random: 128 um
CPU_CANVASES, CPU_CROPS = 1, 2  # per batch on a CPU, where small batches stay in the cache
FLOAT_CPU_CROPS = 4
ACCELERATOR_BATCH_PX = 4_000_000  # large enough to fill a device, small enough that the readers are never far behind


@dataclass(frozen=True)
class HeatMapModel:
    """A heat-map model, loaded for canvases of one size.

    Attributes:
        session: maps (N, K, cells, cells) of canvases.
        card: what it was trained for.
        target: indices of the classes that count as a find.
        um_per_px: of a model pixel.
        size_px, halo_px: side of a canvas, and its border that is context only, model pixels.
        stride_px: model pixels per cell of its map.
        radius_cells: candidates are further apart than this.
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
    def from_card(cls, session: Session, card: Card, size_px: int) -> Self:
        """Take over what the card says.

        Raises:
            ModelError: When the card does not say how large a pixel was in training.
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
class ScreenerModels:
    """What a screener runs.

    Attributes:
        scanning: goes over the whole slide.
        sampling: searches places drawn at random; None when the preset draws none.
        judge, judge_card, judge_um_per_px: classify crops of that pixel size.
        slide_score: turns findings into one number.
        chosen: role -> the file that runs and why, for the record.
    """

    scanning: HeatMapModel
    sampling: HeatMapModel | None
    judge: Session
    judge_card: Card
    judge_um_per_px: float
    slide_score: SlideScore
    chosen: Mapping[str, Choice]

    @classmethod
    def load(cls, settings: ScreenSettings) -> Self:
        """Load what the preset asks for.

        Raises:
            ModelError, RuntimeUnavailableError: When a model is missing or damaged, is of another kind, or cannot run
                here.
        """
        preset = settings.preset
        chosen = {"finder": _choose(preset.finder, "heatmap", settings)}
        file = chosen["finder"].file
        scanning = _finder(file, settings, _scan_core_px(file))
        sampling = None
        if preset.sample_share:
            chosen["sampler"] = _choose(preset.sampler, "heatmap", settings)
            file = chosen["sampler"].file
            sampling = _finder(file, settings, PLACE_CORE_CELLS * _spec(file.card).stride_px)
        chosen["judge"] = _choose(preset.judge, "classification", settings)
        chosen["slide score"] = _choose(preset.slide_score, "slide-score", settings)
        file, score = chosen["judge"].file, chosen["slide score"].file
        return cls(
            scanning,
            sampling,
            _load(file, settings, FLOAT_CPU_CROPS if _is_float(file) else CPU_CROPS),
            file.card,
            _um_per_px(file.card),
            SlideScore(score.path, _features(score.card)),
            chosen,
        )

    def provenance(self, settings: ScreenSettings) -> dict[str, Any]:
        """Models with versions and hashes, preset and runtime, for the result."""
        return {
            "preset": settings.preset.name,
            "preset_values": settings.preset.model_dump(mode="json"),
            "runtime": settings.runtime,
            "provider": self.judge.provider,
            "models": {role: choice.provenance() for role, choice in self.chosen.items()},
        }

    def fingerprint(self, settings: ScreenSettings) -> list[Any]:
        """Everything that shapes a score but the code and the machine, as plain values."""
        files = {role: (choice.provenance()["sha256"], choice.verdict.answers) for role, choice in self.chosen.items()}
        return [settings.preset.model_dump(mode="json"), settings.runtime, self.judge.provider, files]

    @property
    def notes(self) -> tuple[str, ...]:
        """What a reader of the result must know about the files that run."""
        return tuple(note for choice in self.chosen.values() for note in choice.notes)

    def close(self) -> None:
        """Free the engines."""
        for session in (self.scanning.session, self.judge, *([self.sampling.session] if self.sampling else [])):
            session.close()


def _choose(name: str, task: str, settings: ScreenSettings) -> Choice:
    choice = settings.chosen.get(name) or choose_model(name, settings.runtime)
    if settings.elsewhere and name in settings.chosen:
        choice = _same_here(name, choice, settings.runtime)
    # Chosen in another process, perhaps long ago: what is loaded here has to be the same file still.
    if sha256_of(choice.file.path) != choice.file.card.files[choice.file.variant].sha256:
        raise ModelError(f"{choice.file.path} was replaced during the run", fix="start the run again")
    if choice.file.card.task != task:
        raise ModelError(
            f"the model {name} is made for {choice.file.card.task}",
            expected=f"a model for {task}",
            fix="correct the preset",
        )
    return choice


def _same_here(name: str, wanted: Choice, runtime: str) -> Choice:
    """The file that another machine chose, as this one has it."""
    sha256 = wanted.file.card.files[wanted.file.variant].sha256
    found = choose_model(name, runtime, wanted.file.variant, earlier=sha256)
    here = found.file.card.files[found.file.variant].sha256
    if here != sha256:
        raise ModelError(
            f"the model {name} is another file here ({here[:12]}...)",
            expected=f"{wanted.file.path.name} with the hash {sha256[:12]}...",
            fix="install the same models on all machines",
        )
    return found


def choose_model(name: str, runtime: str, variant: str = "auto", earlier: str | None = None) -> Choice:
    """The file of a model that runs; the slide score is a table, which every machine computes on its CPU.

    Args:
        variant: taken by the models that have it.
        earlier: sha256 of the file to keep to, where "auto" leaves the choice and the file is right here.
    """
    card = load_card(find_card(name))
    if isinstance(card.input, TableInput):
        return choose(name)
    return choose(name, runtime, variant if variant in card.files else "auto", keep=earlier)


def _spec(card: Card) -> HeatmapSpec:
    if card.heatmap is None:
        raise _unfit(card, "it does not specify how finds are taken from its map")
    return card.heatmap


def _um_per_px(card: Card) -> float:
    if not isinstance(card.input, InputSpec) or card.input.um_per_px is None:
        raise _unfit(card, "it has no pixel size")
    return card.input.um_per_px


def _features(card: Card) -> tuple[str, ...]:
    if not isinstance(card.input, TableInput):
        raise _unfit(card, "it does not take a table")
    return card.input.features


def _unfit(card: Card, why: str) -> ModelError:
    return ModelError(
        f"the card of {card.name} cannot be used for triage: {why}", fix="name another model in the preset"
    )


def _halo_px(spec: HeatmapSpec) -> int:
    """The halo in whole cells of the map."""
    return -(-spec.halo_px // spec.stride_px) * spec.stride_px


def _is_float(file: ModelFile) -> bool:
    return file.card.files[file.variant].precision == "fp32"


def _scan_core_px(file: ModelFile) -> int:
    if file.card.architecture.get("backbone") == _PLAIN:
        return PLAIN_SCAN_CORE_PX
    return FLOAT_SCAN_CORE_PX if _is_float(file) else SCAN_CORE_PX


def _finder(file: ModelFile, settings: ScreenSettings, core_px: int) -> HeatMapModel:
    size_px = core_px + 2 * _halo_px(_spec(file.card))
    return HeatMapModel.from_card(_load(file, settings, CPU_CANVASES, size_px), file.card, size_px)


def _load(file: ModelFile, settings: ScreenSettings, batch: int, canvas_px: int | None = None) -> Session:
    """A session that several threads share: on a CPU each of them brings its own core."""
    runtime = select(settings.runtime)
    on_cpu = runtime.concurrent
    side_px = canvas_px or file.card.picture_input.size_px
    return runtime.load(
        file,
        batch_size=batch if on_cpu else max(1, ACCELERATOR_BATCH_PX // side_px**2),
        threads=1 if on_cpu else None,
        canvas_px=canvas_px,
    )
