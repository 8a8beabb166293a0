"""The contract of every reader of slides, as a class of tests: subclass it in a test file and write a slide."""

from abc import abstractmethod
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import cv2
import numpy as np
import pytest

from unmissed.datasets.slides.base import Slide
from unmissed.datasets.slides.view import LevelView, read_area

LOSSLESS, JPEG = (0.0, 0.0), (1.5, 20.0)


class SlideReaderContract:
    """What every reader must pass: the right pixels, whole tiles, edges, threads, clear errors.

    A subclass names the reader and implements ``write``.

    Attributes:
        reader: the class under test.
        tolerance: mean and largest difference of a level from its picture, in grey levels.
        coarse: by how much more the levels below the finest may differ, where a reader places them between pixels.
    """

    reader: ClassVar[type[Slide]]
    tolerance: ClassVar[tuple[float, float]] = LOSSLESS
    coarse: ClassVar[float] = 1

    @abstractmethod
    def write(self, folder: Path, levels: list[np.ndarray]) -> Path:
        """Write a slide of a picture and its halves, and return what is opened.

        A format that stores fewer levels takes the first ones. Where it has a pixel size, it is 0.25 um.
        """

    @pytest.fixture
    def levels(self) -> list[np.ndarray]:
        """A picture and its halves: uint8 (212, 340, 3) and so on; the last has odd sides, none is of whole tiles."""
        return picture_levels()

    @pytest.fixture
    def slide(self, tmp_path: Path, levels: list[np.ndarray]) -> Iterator[Slide]:
        """The slide, open."""
        path = self.write(tmp_path, levels)
        assert self.reader.is_supported(path)
        with self.reader.open(path) as slide:
            yield slide

    def test_every_level_shows_the_picture(self, slide: Slide, levels: list[np.ndarray]) -> None:
        """All levels that there are, at their size."""
        mean, largest = self.tolerance
        for number, expected in enumerate(levels[: len(slide.levels)]):
            height, width = expected.shape[:2]
            assert (slide.levels[number].width_px, slide.levels[number].height_px) == (width, height)
            difference = np.abs(read_area(LevelView(slide, number, 1), 0, 0, width, height).astype(int) - expected)
            blur = self.coarse if number else 1
            assert difference.mean() <= mean * blur and difference.max() <= largest * blur

    def test_levels_are_ordered_and_whole(self, slide: Slide) -> None:
        """From the finest to the coarsest; the pixel size is left to ``open_slide``."""
        assert slide.levels[0].downsample == 1
        assert all(1 in level.scales for level in slide.levels)
        for number, level in enumerate(slide.levels):
            assert level.downsample == pytest.approx(2**number, rel=0.02)
        assert slide.background == (255, 255, 255)
        assert slide.pixel_size is None

    def test_every_tile_has_the_size_that_its_level_tells(self, slide: Slide) -> None:
        """At every scale; contiguous and writeable."""
        for number, level in enumerate(slide.levels):
            for scale in level.scales:
                for row, column in np.ndindex(level.rows, level.columns):
                    tile = slide.read(number, column, row, scale)
                    width, height = level.tile_size(column, row, scale)
                    assert tile.shape == (height, width, 3)
                    assert tile.dtype == np.uint8 and tile.flags.c_contiguous and tile.flags.writeable

    def test_a_scaled_tile_is_the_tile_made_smaller(self, slide: Slide) -> None:
        """What is shrunk while it is decoded shows the same."""
        for scale in slide.levels[0].scales:
            full, small = slide.read(0, 0, 0), slide.read(0, 0, 0, scale)
            expected = cv2.resize(full, small.shape[1::-1], interpolation=cv2.INTER_AREA).astype(int)
            # The last row and column may hold what lies beyond.
            inner = np.s_[: full.shape[0] // scale - 1, : full.shape[1] // scale - 1]
            assert np.abs(small[inner] - expected[inner]).mean() < 3

    def test_a_stored_jpeg_is_what_is_read(self, slide: Slide) -> None:
        """Where a tile can be passed on as it is, it shows the same; none is given for one that is cut by the edge."""
        for number, level in enumerate(slide.levels):
            for row, column in np.ndindex(level.rows, level.columns):
                data = slide.stored_jpeg(number, column, row)
                if data is not None:
                    assert level.tile_size(column, row) == (level.tile_width_px, level.tile_height_px)
                    shown = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR_RGB)
                    assert shown is not None and np.abs(shown.astype(int) - slide.read(number, column, row)).max() <= 3

    def test_threads_read_what_one_thread_reads(self, slide: Slide) -> None:
        """Eight at once."""
        level = slide.levels[0]
        tiles = [(column, row) for row, column in np.ndindex(level.rows, level.columns)] * 4
        with ThreadPoolExecutor(8) as pool:
            together = list(pool.map(lambda tile: slide.read(0, *tile), tiles))
        for tile, image in zip(tiles, together, strict=True):
            np.testing.assert_array_equal(image, slide.read(0, *tile))

    @pytest.mark.parametrize("tile", [(0, -1, 0), (0, 0, 99), (0, 99, 0), (0, 0, 0, 3)])
    def test_a_tile_that_does_not_exist_is_refused(self, slide: Slide, tile: tuple[int, ...]) -> None:
        """Also at a scale that the level has not."""
        with pytest.raises(ValueError, match="no tile"):
            slide.read(*tile)

    def test_it_may_be_closed_twice(self, slide: Slide) -> None:
        """The ``with`` statement closes it again."""
        slide.close()


def picture_levels(width: int = 340, height: int = 212, levels: int = 3) -> list[np.ndarray]:
    """A smooth coloured picture, which JPEG and resizing change little, and its halves."""
    y, x = np.mgrid[:height, :width]
    waves = np.sin(x / 37) * 60 + 150, np.cos(y / 29) * 50 + 120, np.sin((x + 2 * y) / 53) * 70 + 140
    images: list[np.ndarray] = [np.stack(waves, axis=-1).round().astype(np.uint8)]
    for _ in range(levels - 1):
        height, width = images[-1].shape[:2]
        images.append(cv2.resize(images[-1], (width // 2, height // 2), interpolation=cv2.INTER_AREA))
    return images
