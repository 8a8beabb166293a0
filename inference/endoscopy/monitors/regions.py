"""Which regions were seen, where a classifier tells regions and no sites: credited as sites are."""

from unmissed.inference.endoscopy.monitors.coverage import CoverageTracker
from unmissed.inference.endoscopy.protocol import Protocol, Site
from unmissed.inference.endoscopy.values import Sight


class RegionTracker:
    """A coverage tracker whose sites are the regions that the protocol gives classes.

    Args:
        protocol: its ``models.regions`` and limits of coverage.
    """

    def __init__(self, protocol: Protocol) -> None:
        sites = tuple(
            Site.model_construct(code=name, name=name, name_zh=name, region=name, wall="", neighbours=())
            for name in protocol.models.regions
        )
        self._coverage = CoverageTracker(protocol.model_copy(update={"sites": sites}))
        self._is_told = False

    def update(self, time_s: float, legible: bool, sight: Sight) -> None:
        """Take a frame; one that is not legible, or frozen, counts for no region."""
        if sight.regions:
            self._is_told = True
            self._coverage.update(time_s, legible, Sight(sight.scene, sight.regions))

    def result(self) -> tuple[str, ...] | None:
        """The regions that were seen, in the order of the protocol; None where no model tells them."""
        return tuple(site.code for site in self._coverage.result().sites if site.seen) if self._is_told else None
