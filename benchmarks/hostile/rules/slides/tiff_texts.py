"""What TIFF files say of their scale, absurdly: Aperio descriptions, OME-XML, ImageJ, resolution tags."""

from pathlib import Path

from unmissed.benchmarks.hostile.files import tiff
from unmissed.benchmarks.hostile.files.tiff import ASCII, RATIONAL, SHORT, Tag, build, tiled_page
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_R, _N, _A = Expect.REFUSED, Expect.NOTED, Expect.ANY


def _described(place: Place, text: bytes, *, tags: bool = False) -> Path:
    page = tiled_page()
    page.tags[tiff.DESCRIPTION] = Tag(ASCII, text + b"\0")
    if not tags:
        page = page.without(tiff.X_RESOLUTION, tiff.Y_RESOLUTION, tiff.RESOLUTION_UNIT)
    return place.write(".svs", build([page]))


@rule(
    Kind.SCALE,
    {
        "plain": (Expect.READ, b"MPP = 0.25|AppMag = 40"),
        "zero": (_R, b"MPP = 0"),
        "negative": (_R, b"MPP = -0.25"),
        "nan": (_R, b"MPP = nan"),
        "inf": (_R, b"MPP = inf"),
        "huge": (_R, b"MPP = 1e308"),
        "overflow": (_R, b"MPP = 1e400"),
        "underscore": (_N, b"MPP = 0_25"),
        "comma": (_A, b"MPP = 0,25"),
        "hex": (_R, b"MPP = 0x10"),
        "fullwidth": (_A, "MPP = ０.２５".encode()),
        "two": (_N, b"MPP = 0.25|MPP = 0.5"),
        "digits": (_A, b"MPP = 0." + b"2" * 100_000),
        "contradiction": (_N, b"MPP = 0.635|AppMag = 40"),
        "power-only": (_N, b"AppMag = 40"),
        "power-0": (_R, b"AppMag = 0"),
        "power-nan": (_R, b"AppMag = nan"),
        "power-huge": (_R, b"AppMag = 1e9"),
        "nothing": (_R, b""),
        "spaces": (_A, b"MPP" + b" " * 200_000 + b"= 0.25"),
        "pipes": (_A, b"|" * 900_000 + b"MPP = 0.25"),
        "nul": (_A, b"MPP = 0\x00.25"),
        "latin": (_A, b"User = \xff\xfe\xe9|MPP = 0.25"),
        "injection": (_A, b"MPP = 0.25|=cmd|' /C calc'!A0"),
        "escape": (_A, b"MPP = 0.25\x1b[2J\x1b]0;owned\x07"),
    },
)
def aperio_description(place: Place, text: bytes) -> Path:
    return _described(place, b"Aperio Image Library v1\r\n512x512 JPEG|" + text)


_XML = (
    '<?xml version="1.0"?>{before}<OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06"><Image>'
    '<Pixels {pixels} SizeX="512" SizeY="512"/>{after}</Image></OME>'
)
_LAUGHS = (
    "<!DOCTYPE l [<!ENTITY a0 'ha'>" + "".join(f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 12)) + "]>"
)


def _pixels(x: str, y: str = "", unit: str = "µm") -> str:
    units = f' PhysicalSizeXUnit="{unit}" PhysicalSizeYUnit="{unit}"' if unit else ""
    return f'PhysicalSizeX="{x}" PhysicalSizeY="{y or x}"{units}'


@rule(
    Kind.SCALE,
    {
        "plain": (Expect.READ, (_pixels("0.25"), "", "")),
        "entity-unit": (_A, (_pixels("0.25", unit="&#181;m"), "", "")),
        "unknown-unit": (_R, (_pixels("0.25", unit="furlong"), "", "")),
        "reference-frame": (_R, (_pixels("0.25", unit="reference frame"), "", "")),
        "pixel-unit": (_R, (_pixels("0.25", unit="pixel"), "", "")),
        "angstrom": (_A, (_pixels("2500", unit="Å"), "", "")),
        "laughs": (_A, (_pixels("&a11;"), _LAUGHS, "")),
        "laughs-beside": (_A, (_pixels("0.25"), _LAUGHS, "<D>&a11;</D>")),
        "external": (_A, (_pixels("&x;"), "<!DOCTYPE x [<!ENTITY x SYSTEM 'file:///etc/passwd'>]>", "")),
        "external-web": (_A, (_pixels("0.25"), "<!DOCTYPE x SYSTEM 'ADDRESS/x.dtd'>", "")),
        "nan": (_R, (_pixels("NaN"), "", "")),
        "negative": (_R, (_pixels("-0.25"), "", "")),
        "one-axis": (_A, ('PhysicalSizeX="0.25"', "", "")),
        "different-axes": (_R, (_pixels("0.25", "0.5"), "", "")),
        "huge": (_R, (_pixels("1e300"), "", "")),
        "deep": (_A, (_pixels("0.25"), "", "<a>" * 20_000)),
        "long": (_A, (_pixels("0.25"), "", "<!--" + "x" * 4_000_000 + "-->")),
        "attributes": (_A, (_pixels("0.25") + "".join(f' a{n}="{n}"' for n in range(30_000)), "", "")),
        "single-quotes": (_A, (_pixels("0.25").replace('"', "'"), "", "")),
        "cut": (_A, (_pixels("0.25"), "", "\0")),
        "in-comment": (_N, ("", "", f"<!-- {_pixels('0.25')} -->")),
        "two-images": (_A, (_pixels("0.25"), "", f"</Image><Image><Pixels {_pixels('0.5')}/>")),
        "big-tiff-data": (_A, (_pixels("0.25"), "", "<TiffData IFD='99999999' PlaneCount='-1'/>" * 2000)),
    },
)
def ome_xml(place: Place, variant: tuple[str, str, str]) -> Path:
    pixels, before, after = variant
    text = _XML.format(pixels=pixels, before=before, after=after).replace("ADDRESS", place.address)
    return _described(place, text.encode())


@rule(
    Kind.SCALE,
    {
        "zero": (_R, ((0, 1), (0, 1), 3)),
        "zero-denominator": (_R, ((40000, 0), (40000, 0), 3)),
        "screen": (_R, ((72, 1), (72, 1), 2)),
        "no-unit": (_R, ((40000, 1), (40000, 1), 1)),
        "unit-99": (_R, ((40000, 1), (40000, 1), 99)),
        "not-square": (_R, ((40000, 1), (20000, 1), 3)),
        "inch": (Expect.READ, ((101600, 1), (101600, 1), 2)),
        "huge": (_R, ((0xFFFFFFFF, 1), (0xFFFFFFFF, 1), 3)),
        "tiny": (_R, ((1, 0xFFFFFFFF), (1, 0xFFFFFFFF), 3)),
    },
)
def resolution_tags(place: Place, variant: tuple[tuple[int, int], tuple[int, int], int]) -> Path:
    x, y, unit = variant
    page = tiled_page().having(t282=Tag(RATIONAL, x), t283=Tag(RATIONAL, y), t296=Tag(SHORT, (unit,)))
    return place.write(".tif", build([page]))


@rule(Kind.SCALE, {"ascii": 2, "short": 3, "float": 11, "long": 4, "undefined": 7})
def resolution_of_other_types(place: Place, kind: int) -> Path:
    values: tuple[float, ...] | bytes = b"40000\0" if kind in (2, 7) else (40000,)
    page = tiled_page().having(t282=Tag(kind, values), t283=Tag(kind, values))
    return place.write(".tif", build([page]))


@rule(
    Kind.SCALE,
    {
        "imagej": b"ImageJ=1.53\nunit=\\u00B5m\nimages=99999999\nslices=99999999\nhyperstack=true\n",
        "imagej-negative": b"ImageJ=1.53\nimages=-1\nframes=x\n",
        "shaped": b'{"shape": [999999999, 999999999, 3]}',
        "shaped-deep": b'{"shape": ' + b"[" * 60_000 + b"]" * 60_000 + b"}",
        "philips": b'<?xml version="1.0"?><DataObject ObjectType="DPUfsImport">' + b"<Array>" * 5000,
        "scn": b'<?xml version="1.0"?><scn xmlns="http://www.leica-microsystems.com/scn/2010/10/01">',
        "bif": b'<?xml version="1.0"?><iScan Magnification="x"/>',
        "stk": b"MetaMorph",
        "trestle": b"MedScan\nBackground Color=zzzzzz;OverlapsXY= -1 -1 99999 99999;",
        "fluoview": b"Acquisition Parameters\nMap\x00",
    },
)
def described_as_another_kind(place: Place, text: bytes) -> Path:
    page = tiled_page()
    page.tags[tiff.DESCRIPTION] = Tag(ASCII, text + b"\0")
    page.tags[tiff.SOFTWARE] = Tag(ASCII, text[:200] + b"\0")
    return place.write(".tif", build([page]))
