"""What has to be said of a slide: each note is a doubt, and a slide in doubt is never excluded."""

from unmissed.datasets.slides.base import PixelSize
from unmissed.inference.cytology.screening.damage import ForgivingSlide
from unmissed.inference.cytology.screening.regions import Regions
from unmissed.inference.cytology.values import Unseen

TINY_UM = 60.0  # side of a slide: a superficial cell is 40 to 60 um wide
COARSE = 1.35  # times the judge's pixel size


def notes_on(
    source: ForgivingSlide, pixel_size: PixelSize, judged_at: float, regions: Regions, unseen: Unseen | None
) -> list[str]:
    """Notes on a slide that was screened, with ``judged_at`` um/px as the pixel size of the judge."""
    notes = [*source.notes, *([pixel_size.warning] if pixel_size.warning else [])]
    if pixel_size.um_per_px > COARSE * judged_at:
        notes.append(f"{pixel_size.um_per_px:g} um/px is coarser than the judge was trained for ({judged_at:g})")
    level = source.levels[0]
    if min(level.width_px, level.height_px) * pixel_size.um_per_px < TINY_UM:
        notes.append(f"the slide is only {level.width_px} x {level.height_px} px: hardly a cell fits in")
    if regions.is_grey:
        notes.append("the slide has no colour: the models know stained cells, so score and grade mean nothing here")
    if unseen is not None and unseen.found:
        notes.append(
            f"{unseen.found} abnormal cells in {unseen.sampled_mm2:.2g} mm2 drawn at random of what was not judged: "
            f"about {unseen.estimate:.0f} may be unseen, at most {unseen.at_most:.0f}"
        )
    if source.damaged:
        notes.append(
            f"{len(source.damaged)} of {len(source.seen)} tiles are damaged and were left out; "
            f"the first: {source.first_error}"
        )
    return notes
