"""CSV tables: pixel sizes of slides, labels of pictures; cells that are formulas, quotes that never close."""

from pathlib import Path

from unmissed.benchmarks.hostile.files.pixels import jpeg
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_R, _A = Expect.REFUSED, Expect.ANY
_SOUND = b"slide,um_per_px\ngood,0.25\n"


@rule(
    Kind.SIZES,
    {
        "sound": (Expect.READ, _SOUND),
        "empty": (_R, b""),
        "header-only": (_A, b"slide,um_per_px\n"),
        "no-header": (_R, b"good,0.25\n"),
        "twice": (_R, b"slide,um_per_px\ngood,0.25\ngood,0.5\n"),
        "columns-twice": (_A, b"slide,um_per_px,um_per_px\ngood,0.25,0.5\n"),
        "comma": (_A, b"slide;um_per_px\ngood;0,25\n"),
        "nan": (_R, b"slide,um_per_px\ngood,nan\n"),
        "inf": (_R, b"slide,um_per_px\ngood,inf\n"),
        "negative": (_R, b"slide,um_per_px\ngood,-0.25\n"),
        "huge": (_R, b"slide,um_per_px\ngood,1e308\n"),
        "underscore": (_A, b"slide,um_per_px\ngood,0_0.2_5\n"),
        "full-width": (_A, "slide,um_per_px\ngood,０.２５\n".encode()),
        "short-row": (_R, b"slide,um_per_px\ngood\n"),
        "long-row": (_A, b"slide,um_per_px\ngood,0.25" + b",x" * 100_000 + b"\n"),
        "blank-rows": (_A, b"slide,um_per_px\n" + b"\n" * 100_000 + b"good,0.25\n"),
        "million-columns": (_A, b"slide,um_per_px" + b",c" * 1_000_000 + b"\ngood,0.25\n"),
        "million-rows": (_A, b"slide,um_per_px\n" + b"".join(b"s%d,0.25\n" % n for n in range(1_000_000))),
        "quote-open": (_A, b'slide,um_per_px\n"good,0.25\n' + b"x,1\n" * 100_000),
        "cell-of-1-mb": (_A, b"slide,um_per_px\n" + b"g" * 1_000_000 + b",0.25\n"),
        "nul": (_A, b"slide,um_per_px\ngo\0od,0.25\n"),
        "utf-16": (_A, _SOUND.decode().encode("utf-16")),
        "utf-8-bom": (_A, b"\xef\xbb\xbf" + _SOUND),
        "latin-1": (_A, b"slide,um_per_px\ncaf\xe9,0.25\n"),
        "gb18030": (_A, "slide,um_per_px\n玻片,0.25\n".encode("gb18030")),
        "carriage-returns": (_A, b"slide,um_per_px\rgood,0.25\r"),
        "formula": (_A, b"slide,um_per_px\n\"=cmd|' /C calc'!A0\",0.25\n"),
        "escape": (_A, b"slide,um_per_px\n\x1b[2J\x07,abc\n"),
        "path": (_A, b"slide,um_per_px\n../../etc/passwd,0.25\n"),
        "unmatched": (_A, b"slide,um_per_px\nother,0.25\n"),
        "binary": (_A, bytes(range(256)) * 100),
        "spaces": (_A, b" slide , um_per_px \n good , 0.25 \n"),
        "case": (_A, b"Slide,UM_PER_PX\ngood,0.25\n"),
    },
)
def pixel_sizes(place: Place, text: bytes) -> Path:
    return place.write(".csv", text)


@rule(Kind.SIZES, {"folder": 0, "fifo-like": 1, "itself": 2}, Expect.REFUSED)
def pixel_sizes_that_are_no_file(place: Place, variant: int) -> Path:
    path = place.path(".csv")
    if variant == 0:
        path.mkdir()
    else:
        path.symlink_to("/dev/full" if variant == 1 else path.name)
    return path


@rule(
    Kind.LABELS,
    {
        "sound": (Expect.READ, b"path,label\na.jpg,x\nb.jpg,y\n"),
        "empty": (_R, b""),
        "header-only": (_R, b"path,label\n"),
        "columns-missing": (_R, b"file,class\na.jpg,x\n"),
        "outside": (_R, b"path,label\n../../secret.jpg,x\n"),
        "absolute": (_R, b"path,label\n/etc/passwd,x\n"),
        "drive": (_A, b"path,label\nC:\\a.jpg,x\nb.jpg,y\n"),
        "backslash": (_A, b"path,label\n.\\a.jpg,x\nb.jpg,y\n"),
        "absent": (_R, b"path,label\nno.jpg,x\nnone.jpg,y\n"),
        "mostly-absent": (_A, b"path,label\na.jpg,x\n" + b"".join(b"n%d.jpg,y\n" % n for n in range(5000))),
        "two-labels": (_A, b"path,label\na.jpg,x\na.jpg,y\n"),
        "no-label": (_R, b"path,label\na.jpg,\nb.jpg,y\n"),
        "formula": (_A, b"path,label\na.jpg,=cmd()\nb.jpg,@x\n"),
        "label-of-a-path": (_A, b"path,label\na.jpg,../../x\nb.jpg,y\n"),
        "escape": (_A, b"path,label\na.jpg,\x1b[2J\nb.jpg,y\n"),
        "bad-split": (_R, b"path,label,split\na.jpg,x,holdout\nb.jpg,y,train\n"),
        "fold-nan": (_A, b"path,label,fold\na.jpg,x,nan\nb.jpg,y,1\n"),
        "fold-inf": (_A, b"path,label,fold\na.jpg,x,inf\nb.jpg,y,1\n"),
        "fold-fraction": (_A, b"path,label,fold\na.jpg,x,1.5\nb.jpg,y,1\n"),
        "fold-huge": (_A, b"path,label,fold\na.jpg,x,1e300\nb.jpg,y,1\n"),
        "one-coordinate": (_R, b"path,label,x_px,y_px\na.jpg,x,5,\nb.jpg,y,5,5\n"),
        "coordinate-nan": (_A, b"path,label,x_px,y_px\na.jpg,x,nan,nan\nb.jpg,y,5,5\n"),
        "coordinate-far": (_A, b"path,label,x_px,y_px\na.jpg,x,1e9,-1e9\nb.jpg,y,5,5\n"),
        "um-0": (_A, b"path,label,um_per_px\na.jpg,x,0\nb.jpg,y,-1\n"),
        "quote-open": (_A, b'path,label\n"a.jpg,x\nb.jpg,y\n'),
        "nul": (_A, b"path,label\na\0.jpg,x\nb.jpg,y\n"),
        "utf-16": (_A, "path,label\na.jpg,x\nb.jpg,y\n".encode("utf-16")),
        "million-columns": (_A, b"path,label" + b",c" * 1_000_000 + b"\na.jpg,x\n"),
        "long-cell": (_A, b"path,label\na.jpg," + b"x" * 1_000_000 + b"\n"),
        "long-path": (_A, b"path,label\n" + b"a" * 5000 + b".jpg,x\na.jpg,y\n"),
        "short-row": (_A, b"path,label\na.jpg\nb.jpg,y\n"),
        "long-row": (_A, b"path,label\na.jpg,x,,,,,,\nb.jpg,y\n"),
        "binary": (_A, bytes(range(256)) * 100),
    },
)
def labels_table(place: Place, text: bytes) -> Path:
    folder = place.path("")
    folder.mkdir()
    for index, name in enumerate("ab"):
        (folder / f"{name}.jpg").write_bytes(jpeg(64, 64, index))
    (folder / "labels.csv").write_bytes(text)
    return folder
