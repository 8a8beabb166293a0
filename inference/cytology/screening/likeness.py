"""Whether a slide looks like the fields that the finder was trained on."""

from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.looks import looks_of
from unmissed.datasets.slides.tile_cache import TileCache
from unmissed.inference.cytology.screening.regions import Regions
from unmissed.models.cards import Card
from unmissed.models.familiarity import Likeness


def compared(slide: Slide, regions: Regions, cell_px: float, card: Card, cache: TileCache) -> Likeness | None:
    """Compare some places that hold cells, and the glass.

    Args:
        cell_px: side of an entry of the regions, level-0 pixels.
        card: of the finder that scanned the slide.

    Returns:
        None where too few places hold cells, or the card does not say how the fields look.
    """
    known = card.slide_familiarity
    if known is None or not known.is_known:
        return None
    return known.of(looks_of(slide, regions.foreground, regions.glass, cell_px, cache))
