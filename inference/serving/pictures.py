"""Tiles, crops and layers of a slide; an address holds numbers and the hash of the slide, and never a path."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response

from unmissed.datasets.basis.jpeg import jpeg
from unmissed.inference.cytology.results.reading import OVERLAY, THUMBNAIL
from unmissed.inference.cytology.review.worklist import ListedSlide
from unmissed.inference.serving.entering import desk_of, entered

_FOR_EVER = {"cache-control": "private, max-age=31536000, immutable"}
_CROP_PX, _LARGE_PX = 160, 512
_LARGEST_SIDE_PX = 4096
_LAYERS = {"heat.png": OVERLAY, "thumbnail.jpg": THUMBNAIL}


def tile(request: Request) -> Response:
    """A tile of the pyramid; ``x-stored`` says whether the bytes are those of the file."""
    listed, of = _listed(request), request.path_params
    try:
        data, stored = desk_of(request).tiles(listed).tile(of["level"], of["column"], of["row"])
    except ValueError as error:
        raise HTTPException(404, str(error)) from error
    return Response(data, media_type="image/jpeg", headers={**_FOR_EVER, "x-stored": "1" if stored else "0"})


def crop(request: Request) -> Response:
    """A square around a place."""
    listed, of = _listed(request), request.path_params
    if not 1 <= of["side"] <= _LARGEST_SIDE_PX:
        raise HTTPException(404, f"a crop has a side of 1 to {_LARGEST_SIDE_PX} px")
    size_px = _LARGE_PX if request.query_params.get("size") == str(_LARGE_PX) else _CROP_PX
    image = desk_of(request).tiles(listed).area(of["x"], of["y"], of["side"], size_px)
    return Response(jpeg(image, 88), media_type="image/jpeg", headers=_FOR_EVER)


def layer(request: Request) -> Response:
    """The heat map, or the small picture of the whole slide."""
    listed = _listed(request)
    name = _LAYERS.get(request.path_params["name"])
    path = listed.folder / name if name else None
    if path is None or not path.is_file():
        raise HTTPException(404, "there is no such layer")
    return FileResponse(path, headers=_FOR_EVER)


def _listed(request: Request) -> ListedSlide:
    entered(request)
    listed = desk_of(request).slide(request.path_params["key"])
    if not listed.sha256.startswith(request.path_params["sha"]) or len(request.path_params["sha"]) != 16:
        raise HTTPException(404, "the slide has changed: load the page again")
    return listed
