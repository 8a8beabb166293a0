"""All findings of a slide as Microscopy Bulk Simple Annotations: points on level 0, a group for each class."""

from typing import TYPE_CHECKING

import numpy as np

from unmissed.inference.cytology.results.bethesda import colour_of
from unmissed.inference.exchange.dicom.common import Source

if TYPE_CHECKING:
    from pydicom import Dataset


def annotations(source: Source) -> "Dataset | None":
    """The findings with their three scores; None where there is none, because the object may not be empty."""
    from highdicom.ann import AnnotationGroup, Measurements, MicroscopyBulkSimpleAnnotations
    from highdicom.color import CIELabColor
    from pydicom.sr.codedict import codes

    groups = []
    for number, (name, findings) in enumerate(source.report.classes.items(), 1):
        places = np.array([(one.x_px, one.y_px) for one in findings], np.float32)
        scores = {
            part: np.array([getattr(one, part) for one in findings], np.float32)
            for part in ("probability", "abnormal", "finder_score")
        }
        groups.append(
            AnnotationGroup(
                number,
                source.uid(f"group {name}"),
                name,
                source.concept("finding"),
                source.concept(name),
                "POINT",
                list(places[:, None]),
                "AUTOMATIC",
                source.algorithm(),
                [Measurements(source.concept(part), values, codes.UCUM.NoUnits) for part, values in scores.items()],
                display_color=CIELabColor.from_rgb(*colour_of(name)),
            )
        )
    if not groups:
        return None
    return MicroscopyBulkSimpleAnnotations(
        [source.twin.levels[0]],
        "2D",
        groups,
        content_label="FINDINGS",
        content_description="Findings of Unmissed, not confirmed",
        **source.identity("annotations", 1),
        **source.device(),
    )
