"""Suspicious areas of a frame: a heat-map model over the content of the picture."""

from unmissed.datasets.closing import Closing
from unmissed.inference.endoscopy.values import Box, Lesion, View
from unmissed.inference.find import Finder
from unmissed.models import zoo

_MOST = 8  # boxes of a frame; more say that the picture is strange, not that it is full of lesions


class LesionModel(Closing):
    """A heat-map model that finds lesions.

    Parameters
    ----------
    name : of a shipped model, or the path of an .onnx file with its card; None finds nothing.
    threshold : least score of a box.
    runtime : what runs it.

    Attributes
    ----------
    file : the model file; None where none was named.
    """

    def __init__(self, name: str | None, threshold: float, *, runtime: str = "onnx-cpu") -> None:
        self.file = zoo.resolve(name) if name else None
        self._finder = None
        if self.file is not None:
            self._finder = Finder(
                self.file,
                runtime=runtime,
                batch_size=1,
                workers=1,
                threads=1,
                threshold=threshold,
                max_per_image=_MOST,
            )

    def of(self, view: View) -> tuple[Lesion, ...]:
        """Lesions of a frame, the highest score first."""
        if self._finder is None:
            return ()
        left, top = view.content.x_px, view.content.y_px
        return tuple(
            Lesion(Box(find.x_px + left, find.y_px + top, find.width_px, find.height_px), find.score)
            for find in self._finder.find_in(view.image)
        )

    def close(self) -> None:
        """Free the engine."""
        if self._finder is not None:
            self._finder.close()
