"""The truth of a made slide as GeoJSON, which QuPath reads: points and polygons in level-0 pixels, x before y."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from unmissed.datasets.basis.files import json_line, write_whole
from unmissed.datasets.synthetic.slides.artefacts import Artefact
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import LayoutSpec, Placement, VisibleNucleus


def write_truth(
    path: Path,
    spec: LayoutSpec,
    library: FieldLibrary,
    placements: Sequence[Placement],
    nuclei: Sequence[VisibleNucleus],
    artefacts: Sequence[Artefact],
) -> None:
    """Write a FeatureCollection, one feature per line.

    Nuclei are points with their Bethesda class as classification, the name of the ``field`` they are from, and, under
    an artefact, ``obscured_by``. Artefacts are polygons, cut at the edge of the slide.

    Raises:
        OutputError: When the file cannot be written.
    """
    obscured = _obscured(nuclei, artefacts)

    def features() -> Iterator[dict[str, Any]]:
        for index, nucleus in enumerate(nuclei):
            more = {"field": library.fields[placements[nucleus.placement].field].name}
            if index in obscured:
                more["obscured_by"] = obscured[index]
            place = [round(nucleus.x_px, 1), round(nucleus.y_px, 1)]
            yield _feature("Point", place, nucleus.label, more)
        for artefact in artefacts:
            ring = np.clip(artefact.polygon, 0, (spec.width_px, spec.height_px)).round(1).tolist()
            yield _feature("Polygon", [[*ring, ring[0]]], artefact.kind, {})

    with write_whole(path) as stream:
        stream.write('{"type": "FeatureCollection", "features": [')
        for number, feature in enumerate(features()):
            stream.write((",\n" if number else "\n") + json_line(feature))
        stream.write("\n]}\n")


def _feature(kind: str, coordinates: list[Any], name: str, more: dict[str, str]) -> dict[str, Any]:
    properties = {"objectType": "annotation", "classification": {"name": name}, **more}
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def _obscured(nuclei: Sequence[VisibleNucleus], artefacts: Sequence[Artefact]) -> dict[int, str]:
    """Index of each nucleus under an artefact, and the kind of that artefact."""
    places = np.array([(nucleus.x_px, nucleus.y_px) for nucleus in nuclei]).reshape(-1, 2)
    found: dict[int, str] = {}
    for artefact in artefacts:
        low, high = artefact.polygon.min(axis=0), artefact.polygon.max(axis=0)
        for index in np.flatnonzero(np.all((places >= low) & (places <= high), axis=1)):
            if artefact.holds(*places[index]):
                found[int(index)] = artefact.kind
    return found
