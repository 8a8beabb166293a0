"""What has to be said of a picture beside its result: what of the file was left out, and what no model has seen."""

from collections.abc import Iterable
from dataclasses import dataclass
from threading import Lock

import cv2
import numpy as np

from unmissed.datasets.basis.errors import ImageError
from unmissed.datasets.basis.words import one_line

SMALLEST_SIDE_PX = 8  # there a model guesses: of SIPaKMeD 42 % are right, of Herlev 28 %, of landmarks 7 %

# In SIPaKMeD, Herlev, CRIC, LBC fields, HyperKvasir and Kvasir-SEG the quietest picture has a standard deviation of 11
# grey levels, and in the palest one pixel of a hundred has 16 levels between its channels; in a grey JPEG none has 8.
_UNIFORM_STD = 4.0
_UNIFORM_RANGE = 48  # a speck on an empty field hardly changes the deviation
_COLOURED = 8
_COLOURED_SHARE = 0.01
_SAMPLE_PX = 64  # of the short side: every such pixel is looked at

# Brought to a third of the model's input, 96 % of SIPaKMeD are right (98 as they come), 79 % of Herlev (88) and 69 % of
# landmarks (92); at a quarter 93, 66 and 53 %. The narrowest picture of these sets is 3.9 times as long as wide.
_LEAST_SHARE = 1 / 3
_MOST_STRETCHED = 4.0
_LEAST_SHOWN = 0.5  # of the side of a crop; a place at the edge of a training picture shows no less


@dataclass(frozen=True, slots=True)
class PictureNote:
    """A sentence on a picture.

    Attributes:
        kind: the same for all sentences of this kind, so that they can be counted.
        text, text_zh: for the reader.
    """

    kind: str
    text: str
    text_zh: str

    def __str__(self) -> str:
        return self.text


_GREY = "has no colour; a model that learned from colour has seen nothing like it"


OUTSIDE = PictureNote("outside", "has a labelled place outside of it", "标注位置在图像之外")


def first_of_several(count: int, what: str) -> PictureNote:
    """Of a file with several pictures only one was read; ``what`` they are (frames, pages)."""
    return PictureNote(
        "several", f"holds {count} {what}; only the first was read", f"文件含 {count} 幅图像，仅读取第一幅"
    )


def flattened() -> PictureNote:
    """Transparency was laid on white."""
    return PictureNote("transparent", "has transparent parts; they were read as white", "含透明区域，已按白色读取")


def fourth_channel() -> PictureNote:
    """A channel beside red, green and blue, whose meaning the file does not give."""
    return PictureNote("channel", "has a fourth channel, which was left out", "含第四通道，已忽略")


def damaged(cause: str) -> PictureNote:
    """The file is not as it should be, though every pixel was found; ``cause`` as the decoder gives it."""
    text = f"is damaged, its pixels may be wrong ({one_line(cause)})"
    return PictureNote("damaged", text, "文件有损坏，像素可能有误")


def check_side(name: str, width_px: int, height_px: int) -> None:
    """Refuse what is too small to show anything.

    Raises:
        ImageError: A side has fewer than 8 px.
    """
    if min(width_px, height_px) < SMALLEST_SIDE_PX:
        raise ImageError(
            f"{name} is {width_px} x {height_px} px, too small to show anything",
            expected=f"at least {SMALLEST_SIDE_PX} px a side",
            fix="take the picture as the camera or scanner made it",
        )


def notes_on_size(width_px: int, height_px: int, wanted_px: int, fit: str) -> tuple[PictureNote, ...]:
    """Notes on a picture that is too small or too long for what is made of it.

    Args:
        width_px, height_px: of the picture.
        wanted_px: side of the square that it is fitted to; with ``crop`` of the square that is cut out of it.
        fit: see ``fit_image``.
    """
    short, long = sorted((width_px, height_px))
    size = f"{width_px} x {height_px} px"
    if fit == "crop":
        if short >= _LEAST_SHOWN * wanted_px:
            return ()
        text = f"is {size}, less than half of the {wanted_px} px that the model looks at; the rest is filled up"
        return (PictureNote("filled", text, f"图像仅 {size}，不足模型视野 {wanted_px} px 的一半，其余为填充"),)
    found = []
    if (short if fit == "squash" else long) < _LEAST_SHARE * wanted_px:
        text = f"is {size}, small for a model that looks at {wanted_px} x {wanted_px} px: details are missing"
        found.append(PictureNote("small", text, f"图像仅 {size}，远小于模型输入 {wanted_px} px，细节不足"))
    if fit == "squash" and long > _MOST_STRETCHED * short:
        text = f"is {size}: it was squeezed into a square"
        found.append(PictureNote("stretched", text, f"图像为 {size}，已被压缩为正方形"))
    return tuple(found)


def notes_on_content(pixels: np.ndarray) -> tuple[PictureNote, ...]:
    """Notes on a picture, uint8 (height, width, 3), that shows nothing or has no colour."""
    step = max(1, min(pixels.shape[:2]) // _SAMPLE_PX)
    sample = np.ascontiguousarray(pixels[::step, ::step])
    if cv2.meanStdDev(sample)[1].max() < 2 * _UNIFORM_STD and _is_uniform(pixels):
        light = float(pixels.mean())
        colour = "black" if light < 32 else "white" if light > 223 else "one colour"
        colour_zh = {"black": "黑色", "white": "白色"}.get(colour, "单色")
        return (PictureNote("uniform", f"shows nothing: all of it is {colour}", f"图像无内容：全为{colour_zh}"),)
    red, green, blue = cv2.split(sample)
    spread = cv2.subtract(cv2.max(cv2.max(red, green), blue), cv2.min(cv2.min(red, green), blue))
    if np.count_nonzero(spread >= _COLOURED) < _COLOURED_SHARE * spread.size:
        return (PictureNote("grey", _GREY, "图像无彩色，而模型由彩色图像训练"),)
    return ()


def _is_uniform(pixels: np.ndarray) -> bool:
    deviation = cv2.meanStdDev(pixels)[1].max()
    return bool(deviation < _UNIFORM_STD and np.ptp(pixels.reshape(-1, 3), axis=0).max() < _UNIFORM_RANGE)


class NoteCount:
    """Counts notes by their kind, from any thread; each kind becomes a line."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._found: dict[str, tuple[int, str, str]] = {}

    def add(self, name: str, notes: Iterable[PictureNote]) -> None:
        """Add the notes on a picture."""
        with self._lock:
            for note in notes:
                count, first, text = self._found.get(note.kind, (0, name, note.text))
                self._found[note.kind] = (count + 1, *min((first, text), (name, note.text)))

    def usual(self, pictures: int) -> list[str]:
        """The kinds that hold for more than half of so many pictures."""
        return sorted(kind for kind, (count, _, _) in self._found.items() if 2 * count > pictures)

    def lines(self) -> list[str]:
        """A line for each kind: the first picture by name, and how many more there are."""
        return [
            f"{name}{f' and {count - 1} more' if count > 1 else ''}: {text}"
            for count, name, text in (self._found[kind] for kind in sorted(self._found))
        ]
