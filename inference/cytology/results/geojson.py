"""Findings as GeoJSON that QuPath opens: boxes in level-0 pixels, origin at the upper left.

The properties follow what QuPath reads since version 0.4 (``objectType``, ``classification`` with a colour,
``measurements`` as an object of numbers): https://qupath.readthedocs.io/en/stable/docs/advanced/exporting_annotations.html
"""

from collections.abc import Iterable
from typing import Any

from unmissed.inference.cytology.results.bethesda import colour_of
from unmissed.inference.cytology.values import Finding


def feature_collection(findings: Iterable[Finding]) -> dict[str, Any]:
    """Boxes around findings, in their order, as a GeoJSON FeatureCollection."""
    return {"type": "FeatureCollection", "features": [_feature(finding) for finding in findings]}


def _feature(finding: Finding) -> dict[str, Any]:
    half = finding.box_px / 2
    left, right = round(finding.x_px - half, 2), round(finding.x_px + half, 2)
    top, bottom = round(finding.y_px - half, 2), round(finding.y_px + half, 2)
    return {
        "type": "Feature",
        "geometry": {
            "type": "Polygon",
            "coordinates": [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]],
        },
        "properties": {
            "objectType": "annotation",
            "name": f"{finding.class_id} {finding.probability:.2f}",
            "classification": {"name": finding.class_id, "color": list(colour_of(finding.class_id))},
            "isLocked": True,  # a machine's box is not to be dragged by accident
            "measurements": {
                "probability": round(finding.probability, 6),
                "abnormal": round(finding.abnormal, 6),
                "finder score": round(finding.finder_score, 6),
            },
        },
    }
