"""Folders of pictures and masks to train on: damaged, mixed up, linked in circles, masks of other sizes and values."""

import os
from pathlib import Path

import numpy as np

from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, stained
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_CLASSES = ("normal", "abnormal")


def _set(place: Place, count: int = 6) -> Path:
    folder = place.path("")
    for number, name in enumerate(_CLASSES):
        (folder / name).mkdir(parents=True)
        for index in range(count):
            (folder / name / f"{index}.jpg").write_bytes(jpeg(64, 64, 10 * number + index))
    return folder


@rule(
    Kind.FOLDER,
    {
        "sound": (Expect.READ, 0),
        "damaged-picture": (Expect.REFUSED, 1),
        "empty-picture": (Expect.REFUSED, 2),
        "text-as-picture": (Expect.REFUSED, 3),
        "link-loop": 4,
        "device": (Expect.NOTED, 5),
        "fifo": (Expect.NOTED, 6),
        "macosx": 7,
        "train-beside-classes": 8,
        "picture-at-the-top": 9,
        "class-of-one": 10,
        "empty-class": 11,
        "odd-class-names": 12,
        "same-picture-twice": (Expect.REFUSED, 13),
        "picture-folder": 14,
        "huge-picture": (Expect.REFUSED, 15),
        "no-classes": (Expect.REFUSED, 16),
        "16-bits": (Expect.REFUSED, 17),
        "dangling": (Expect.NOTED, 18),
        "hidden": 19,
    },
)
def folder_of_classes(place: Place, variant: int) -> Path:
    folder = _set(place)
    first = folder / "normal"
    files = {1: jpeg(64, 64)[:700], 2: b"", 3: b"no picture", 13: jpeg(64, 64, 10), 15: b"BM" + b"\xff" * 60}
    files[17] = encoded(stained(64, 64)[:, :, 0].astype(np.uint16) * 257, "PNG")
    if variant in files:
        (first / f"odd.{'png' if variant == 17 else 'jpg'}").write_bytes(files[variant])
    elif variant == 4:
        (first / "loop").symlink_to(folder)
    elif variant == 6:
        os.mkfifo(first / "odd.jpg")
    elif variant in (5, 18):
        (first / "odd.jpg").symlink_to("/dev/zero" if variant == 5 else "nowhere")
    elif variant in (7, 8, 19):
        other = folder / {7: "__MACOSX", 8: "train", 19: ".hidden"}[variant]
        other.mkdir()
        (other / "._0.jpg").write_bytes(b"\0\5\x16\7")
        (other / "x.jpg").write_bytes(jpeg(64, 64, 40))
    elif variant == 9:
        (folder / "top.jpg").write_bytes(jpeg(64, 64, 41))
    elif variant in (10, 11):
        (folder / "rare").mkdir()
        if variant == 10:
            (folder / "rare" / "x.jpg").write_bytes(jpeg(64, 64, 42))
    elif variant == 12:
        for index, name in enumerate(("=cmd()", "-o", "a\nb", "\u202egnp", "x" * 255, "你好")):
            (folder / name).mkdir()
            (folder / name / "x.jpg").write_bytes(jpeg(64, 64, 50 + index))
    elif variant == 14:
        (first / "odd.jpg").mkdir()
    elif variant == 16:
        return place.folder / "nothing-here"
    return folder


def _masks(place: Place, count: int = 6) -> Path:
    folder = place.path("")
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    for index in range(count):
        (folder / "images" / f"{index}.jpg").write_bytes(jpeg(96, 96, index))
        mask = np.zeros((96, 96), np.uint8)
        mask[20 : 50 + index, 30:70] = 255
        (folder / "masks" / f"{index}.png").write_bytes(encoded(mask, "PNG"))
    return folder


_MASK = np.zeros((96, 96), np.uint8)
_MASK[30:60, 30:60] = 1


@rule(
    Kind.MASKS,
    {
        "sound": (Expect.READ, 0),
        "stored-as-0-1": (Expect.NOTED, 1),
        "other-size": (Expect.NOTED, 2),
        "missing": (Expect.NOTED, 3),
        "damaged": (Expect.REFUSED, 4),
        "empty-file": (Expect.REFUSED, 5),
        "all-white": 6,
        "all-black": 7,
        "coloured": 8,
        "16-bits": (Expect.REFUSED, 9),
        "palette": 10,
        "jpeg": 11,
        "no-masks": (Expect.REFUSED, 12),
        "two-masks": (Expect.NOTED, 13),
        "mask-without-picture": (Expect.NOTED, 14),
        "device": (Expect.NOTED, 15),
        "transparent": 16,
        "huge": (Expect.REFUSED, 17),
        "label-numbers": (Expect.NOTED, 18),
        "folder": 19,
    },
)
def masks_of_pictures(place: Place, variant: int) -> Path:
    folder = _masks(place)
    masks = folder / "masks"
    first = masks / "0.png"
    replaced = {
        1: encoded(_MASK, "PNG"),
        2: encoded(np.zeros((50, 50), np.uint8), "PNG"),
        4: encoded(_MASK * 255, "PNG")[:60],
        5: b"",
        6: encoded(np.full((96, 96), 255, np.uint8), "PNG"),
        7: encoded(np.zeros((96, 96), np.uint8), "PNG"),
        8: encoded(np.dstack([_MASK * 200, _MASK * 3, _MASK * 90]), "PNG"),
        9: encoded(_MASK.astype(np.uint16) * 65535, "PNG"),
        16: encoded(np.dstack([_MASK, _MASK, _MASK, _MASK * 255]), "PNG"),
        17: b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\1\0\0\0\1\0\0\x08\0\0\0\0" + bytes(90),
        18: encoded(_MASK * 7, "PNG"),
    }
    if variant == 1 or variant == 18:
        for path in masks.iterdir():
            path.write_bytes(replaced[variant])
    elif variant in replaced:
        first.write_bytes(replaced[variant])
    elif variant in (3, 15, 19):
        first.unlink()
        if variant == 15:
            first.symlink_to("/dev/zero")
        elif variant == 19:
            first.mkdir()
    elif variant == 11:
        first.unlink()
        (masks / "0.jpg").write_bytes(encoded(_MASK * 255, "JPEG", quality=30))
    elif variant == 12:
        for path in masks.iterdir():
            path.unlink()
    elif variant == 13:
        (masks / "0.bmp").write_bytes(encoded(_MASK * 255, "BMP"))
    elif variant == 14:
        (masks / "99.png").write_bytes(encoded(_MASK * 255, "PNG"))
    return folder


@rule(Kind.TRAINING, {"sound": (Expect.READ, 0), "damaged-picture": 1, "picture-of-1-px": 2})
def training_set(place: Place, variant: int) -> Path:
    """Trained for one epoch."""
    folder = _set(place, 12)
    if variant:
        (folder / "normal" / "0.jpg").write_bytes(
            jpeg(64, 64)[:700] if variant == 1 else encoded(stained(1, 1), "JPEG")
        )
    return folder
