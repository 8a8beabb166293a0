"""Made slides: fields composed to a pyramidal TIFF, with the truth beside it."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmissed.datasets.files import write_whole
from unmissed.datasets.synthetic.fields import FieldLibrary, worst_of
from unmissed.datasets.synthetic.placements import LayoutSpec, Placement, VisibleNucleus, visible_nuclei
from unmissed.datasets.synthetic.slide_layout import simulate_layout
from unmissed.datasets.synthetic.slide_painter import SlidePainter
from unmissed.datasets.synthetic.slide_writer import write_pyramid


@dataclass(frozen=True, slots=True)
class MadeSlide:
    """A slide that was written.

    Attributes
    ----------
    path, truth : the TIFF, and its truth as GeoJSON.
    placements : the fields, from the lowest to the topmost.
    nuclei : the labelled nuclei that show.
    bytes : size of the TIFF.
    """

    path: Path
    truth: Path
    placements: tuple[Placement, ...]
    nuclei: tuple[VisibleNucleus, ...]
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
    abnormal_fields: int = 0,
    seed: int = 0,
    quality: int = 80,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> MadeSlide:
    """Compose one slide and write it as PATH, with its truth as PATH with the suffix .geojson.

    Parameters
    ----------
    path : the TIFF.
    library : the fields.
    spec : size and shape.
    abnormal_fields : how many fields hold abnormal nuclei.
    seed : same arguments and seed give the same pixels.
    quality : of the JPEG tiles.
    threads : see ``write_pyramid``.
    progress : called with pixels done and in all.

    Raises
    ------
    ConfigError
        When the layout is impossible.
    OutputError
        When a file cannot be written.
    """
    placements = simulate_layout(library, spec, abnormal_fields=abnormal_fields, seed=seed)
    nuclei = visible_nuclei(library, spec, placements)
    painter = SlidePainter(library, spec, placements, seed=seed)
    size = write_pyramid(
        path,
        spec.width_px,
        spec.height_px,
        painter.paint,
        um_per_px=library.um_per_px,
        quality=quality,
        note={"made": "not a real slide", "source": library.source, "fields": len(placements), "seed": seed},
        threads=threads,
        progress=progress,
    )
    truth = path.with_suffix(".geojson")
    names = [library.fields[placement.field].name for placement in placements]
    write_truth(truth, nuclei, names)
    return MadeSlide(path, truth, tuple(placements), tuple(nuclei), size)


def write_truth(path: Path, nuclei: Sequence[VisibleNucleus], field_names: Sequence[str]) -> None:
    """Write a GeoJSON FeatureCollection, as QuPath reads it, one feature a line.

    Parameters
    ----------
    path : the file.
    nuclei : become points with their Bethesda class as classification.
    field_names : name of the field of each placement.
    """
    features = [
        _feature(
            {"type": "Point", "coordinates": [round(nucleus.x_px, 1), round(nucleus.y_px, 1)]},
            nucleus.label,
            {"field": field_names[nucleus.placement]},
        )
        for nucleus in nuclei
    ]
    with write_whole(path) as stream:
        stream.write('{"type": "FeatureCollection", "features": [\n')
        stream.write(",\n".join(json.dumps(feature) for feature in features))
        stream.write("\n]}\n")


def _feature(geometry: dict[str, Any], name: str, more: dict[str, Any]) -> dict[str, Any]:
    properties = {"objectType": "annotation", "classification": {"name": name}, **more}
    return {"type": "Feature", "geometry": geometry, "properties": properties}
