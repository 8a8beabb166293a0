"""Intact pictures, slides and videos behind strange names, links, pipes and devices."""

import os
import shutil
from pathlib import Path

from unmissed.benchmarks.hostile.files.pixels import jpeg
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

# Without the suffix of a picture no slide is looked for, but what is named is predicted.
_NAMES = {
    "newline": "a\nb.jpg",
    "carriage-return": "a\rb.jpg",
    "tab": "a\tb.jpg",
    "escape": "a\x1b[2Jb.jpg",
    "bell": "a\x07.jpg",
    "right-to-left": "\u202egnp.jpg",
    "zero-width": "a\u200b\ufeffb.jpg",
    "longest": "x" * 251 + ".jpg",
    "longest-utf-8": "玻" * 83 + ".jpg",
    "no-utf-8": os.fsdecode(b"a\xff\xfeb.jpg"),
    "gb18030": os.fsdecode("玻片.jpg".encode("gb18030")),
    "surrogate-bytes": os.fsdecode(b"\xed\xa0\x80.jpg"),
    "dash-o": (Expect.ANY, "-o"),
    "option": (Expect.ANY, "--help"),
    "overwrite": "--overwrite.jpg",
    "formula": "=cmd('x').jpg",
    "at": "@SUM(1).jpg",
    "quote": "a'b\"c.jpg",
    "html": "<script>alert(1)<\u2215script>.jpg",
    "glob": "[a-z]*?.jpg",
    "brace": "{a,b}.jpg",
    "tilde": "~.jpg",
    "dollar": "$HOME.jpg",
    "percent": "%s%n%d.jpg",
    "backslash": "a\\..\\b.jpg",
    "colon": "c:x.jpg",
    "reserved": "CON.jpg",
    "dot-end": (Expect.ANY, "a.jpg."),
    "spaces": "  a  .jpg",
    "hidden": ".a.jpg",
    "dots": (Expect.ANY, "....jpg"),
    "no-suffix": (Expect.ANY, "picture"),
    "decomposed": "e\u0301.jpg",
    "emoji": "👩🏽‍🔬.jpg",
    "digits": (Expect.ANY, "0"),
    "partial": (Expect.ANY, ".x.csv.abc.partial"),
    "rich-markup": "[red]a[.jpg",
    "braces": "{}{0}{x.__class__}.jpg",
}


@rule(Kind.NAME, _NAMES, Expect.READ)
def file_name(place: Place, name: str) -> Path:
    path = place.folder / name
    path.write_bytes(jpeg(128, 128))
    return path


@rule(
    Kind.NAME,
    {
        "link": (Expect.READ, 0),
        "link-to-link": (Expect.READ, 1),
        "link-outside": (Expect.READ, 8),
        "link-to-itself": 2,
        "dangling": 3,
        "fifo": 4,
        "null": 5,
        "zero": 6,
        "full": 7,
        "socket": 9,
        "folder": 10,
        "proc": 11,
    },
    Expect.REFUSED,
)
def file_type(place: Place, variant: int) -> Path:
    path, real = place.path(".jpg"), place.folder / "real.bin"
    real.write_bytes(jpeg(128, 128))
    targets = {
        0: real.name,
        1: "second",
        2: path.name,
        3: "nowhere",
        5: "/dev/null",
        6: "/dev/zero",
        7: "/dev/full",
        11: "/proc/self/mem",
    }
    if variant in targets:
        path.symlink_to(targets[variant])
        if variant == 1:
            (place.folder / "second").symlink_to(real.name)
    elif variant == 8:
        shutil.copyfile(real, place.secret.parent / "outside.jpg")
        path.symlink_to(place.secret.parent / "outside.jpg")
    elif variant == 4:
        os.mkfifo(path)
    elif variant == 9:
        import socket

        here = Path.cwd()
        os.chdir(place.folder)  # the path of a socket has at most 107 bytes
        try:
            with socket.socket(socket.AF_UNIX) as server:
                server.bind(path.name)
        finally:
            os.chdir(here)
    else:
        path.mkdir()
    return path
