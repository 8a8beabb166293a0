"""Where a peer's patches are: side by side over the whole slide, the last ones reaching over its edge."""

Corner = tuple[int, int]


def corners(width_px: int, height_px: int, patch_px: int) -> list[Corner]:
    """Upper left corners (x, y) of the patches of a slide, row by row; all in pixels of the resolution that is read."""
    return [(x, y) for y in range(0, height_px, patch_px) for x in range(0, width_px, patch_px)]
