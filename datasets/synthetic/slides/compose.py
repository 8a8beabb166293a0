"""Made slides: fields composed to a pyramidal TIFF, with the truth beside it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.synthetic.slides.artefacts import Artefact, ArtefactShares, simulate_artefacts
from unmissed.datasets.synthetic.slides.fields import FieldLibrary, worst_of
from unmissed.datasets.synthetic.slides.layout import simulate_layout
from unmissed.datasets.synthetic.slides.painter import SlidePainter
from unmissed.datasets.synthetic.slides.placements import LayoutSpec, Placement, VisibleNucleus, visible_nuclei
from unmissed.datasets.synthetic.slides.stain import stain_shift
from unmissed.datasets.synthetic.slides.truth import write_truth
from unmissed.datasets.synthetic.slides.writer import write_pyramid


@dataclass(frozen=True, slots=True)
class SlideLook:
    """How a slide departs from clean fields.

    Attributes:
        artefacts: shares of the area that is spoilt.
        stain: how much hue, saturation, density and brightness differ from slide to slide, 0 to 1.
        quality: of the JPEG tiles, 1 to 100.
    """

    artefacts: ArtefactShares = field(default_factory=ArtefactShares)
    stain: float = 0.0
    quality: int = 80

    def __post_init__(self) -> None:
        if not 0 <= self.stain <= 1:
            raise ConfigError(f"stain {self.stain}", expected="0 (fields as they are) to 1 (strong)")


CLEAN = SlideLook()


@dataclass(frozen=True, slots=True)
class MadeSlide:
    """A slide that was written.

    Attributes:
        path, truth: the TIFF, and its truth as GeoJSON.
        placements: the fields, from the lowest to the topmost.
        nuclei: the labelled nuclei that show, those under artefacts too.
        artefacts: what spoils the slide.
        bytes: size of the TIFF.
    """

    path: Path
    truth: Path
    placements: tuple[Placement, ...]
    nuclei: tuple[VisibleNucleus, ...]
    artefacts: tuple[Artefact, ...]
    bytes: int

    @property
    def worst(self) -> str:
        """The most severe class that shows."""
        return worst_of(nucleus.label for nucleus in self.nuclei)


def make_slide(
    path: Path,
    library: FieldLibrary,
    spec: LayoutSpec,
    *,
    look: SlideLook = CLEAN,
    abnormal_fields: int = 0,
    seed: int = 0,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MadeSlide:
    """Compose one slide and write it as PATH, with its truth as PATH with the suffix .geojson.

    Args:
        path: the TIFF.
        library: the fields.
        spec: size and shape.
        look: stain, artefacts and JPEG quality.
        abnormal_fields: how many fields hold abnormal nuclei.
        seed: same arguments and seed give the same pixels.
        threads: see ``write_pyramid``.
        progress: called with pixels done and in all.

    Raises:
        ConfigError: When the layout is impossible.
        OutputError: When a file cannot be written.
    """
    placements = simulate_layout(library, spec, abnormal_fields=abnormal_fields, seed=seed)
    nuclei = visible_nuclei(library, spec, placements)
    artefacts = simulate_artefacts(spec.width_px, spec.height_px, library.um_per_px, look.artefacts, seed=seed)
    stain = stain_shift(look.stain, library.glass, seed)
    painter = SlidePainter(library, spec, placements, artefacts=artefacts, stain=stain, seed=seed)
    # The truth first: a slide that is there has its truth.
    truth = path.with_suffix(".geojson")
    write_truth(truth, spec, library, placements, nuclei, artefacts)
    size = write_pyramid(
        path,
        spec.width_px,
        spec.height_px,
        painter.paint,
        um_per_px=library.um_per_px,
        quality=look.quality,
        note={"made": "not a real slide", "source": library.source, "fields": len(placements), "seed": seed},
        threads=threads,
        progress=progress,
    )
    return MadeSlide(path, truth, tuple(placements), tuple(nuclei), tuple(artefacts), size)
