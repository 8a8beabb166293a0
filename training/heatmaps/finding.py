"""From the map of a field to finds that hit or miss its objects."""

import numpy as np

from unmissed.datasets.pictures.boxes import find_boxes
from unmissed.datasets.pictures.peaks import find_peaks
from unmissed.training.evaluation.finds import FieldFinds
from unmissed.training.heatmaps.data import LabelledField, Scale
from unmissed.training.heatmaps.maps import score_map
from unmissed.training.recipes.heatmaps import HeatmapConfig

LOWEST_SCORE = 1e-3  # lower peaks are noise, and there are very many of them


def finds_of(field: LabelledField, maps: np.ndarray, config: HeatmapConfig, scale: Scale) -> FieldFinds:
    """Match the peaks of a field with its objects.

    A labelled point is found by every peak within ``match_um``, so one peak may find several points that lie close
    together: a person who is shown that place sees them all. An object of a mask is found by a peak (or the centre of
    a box, where boxes span their finds) inside it. False
    are all peaks of a field that is known to hold no target, and in masked pictures those outside all objects; where
    unlabelled places are unknown, none is called false.

    Args:
        maps: float32 (K, rows, columns), probabilities.
    """
    names = list(config.classes)
    score = score_map(maps, [names.index(name) for name in config.target])
    stride_px = scale.stride_px
    radius_px = scale.px(config.nms_um)
    if config.box_um is None:
        boxes, scores, _ = find_boxes(score, stride_px, radius_px, LOWEST_SCORE)
        places = (boxes[:, :2] + boxes[:, 2:]) / 2
    else:
        rows, columns, scores = find_peaks(score, radius_px / stride_px, LOWEST_SCORE)
        places = (np.stack([columns, rows], axis=1) + 0.5) * stride_px
    wanted = np.flatnonzero(field.is_target)
    if field.objects is None:
        apart = np.linalg.norm(field.points[wanted, None] - places[None], axis=2)
        hits = apart <= scale.px(config.match_um)
        false = scores if field.complete and not len(wanted) else None
    else:
        limits = np.array(field.objects.shape[::-1]) - 1
        x, y = np.clip(places.astype(int), 0, limits).T
        inside = field.objects[y, x]
        hits = inside[None] == wanted[:, None] + 1
        false = scores[inside == 0]
    best = np.where(hits, scores[None], 0.0).max(axis=1, initial=0.0)
    return FieldFinds(
        name=field.name,
        group=field.group,
        size=field.size if false is not None else 0.0,
        false_scores=tuple(np.sort(scores[:0] if false is None else false)[::-1].tolist()),
        labels=tuple(field.labels[index] for index in wanted),
        scores=tuple(best.tolist()),
    )
