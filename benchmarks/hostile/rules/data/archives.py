"""Archives as a server could send them: paths and links that lead outside, bombs, repeated names, damage."""

import gzip
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path

from unmissed.benchmarks.hostile.files import deflate
from unmissed.benchmarks.hostile.files.pixels import encoded, jpeg, stained
from unmissed.benchmarks.hostile.values import Expect, Kind, Place, rule

_R = Expect.REFUSED


def _content() -> dict[str, bytes]:
    mask = encoded(stained(64, 64)[:, :, 0] // 128 * 255, "PNG")
    found = {f"Kvasir-SEG/images/{index}.jpg": jpeg(64, 64, index) for index in range(3)}
    return found | {f"Kvasir-SEG/masks/{index}.png": mask for index in range(3)}


def _zip(files: dict[str, bytes], *more: tuple[zipfile.ZipInfo | str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in [*files.items(), *more]:
            info = name if isinstance(name, zipfile.ZipInfo) else zipfile.ZipInfo(name)
            archive.writestr(info, data, zipfile.ZIP_DEFLATED)
    return stream.getvalue()


def _entry(name: str, mode: int) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = mode << 16
    info.create_system = 3
    return info


@rule(Kind.ARCHIVE, {"sound": 0}, Expect.READ)
def archive_intact(place: Place, variant: int) -> Path:
    return place.write(".zip", _zip(_content()))


@rule(
    Kind.ARCHIVE,
    {
        "parents": "../../../stray.txt",
        "absolute": "ABSOLUTE",
        "backslashes": "..\\..\\stray.txt",
        "drive": "C:\\stray.txt",
        "middle": "Kvasir-SEG/../../../stray.txt",
        "nul": "a\0../../stray.txt",
        "dot": ".",
        "long": "x" * 4000,
        "deep": "d/" * 3000 + "x",
        "bytes": "\udce9\udcff.jpg".encode("utf-8", "surrogateescape").decode("latin-1"),
        "unc": "\\\\host\\share\\x",
        "tilde": "~/stray.txt",
        "newline": "a\nb.jpg",
        "receipt": ".unmissed/kvasir-seg.zip.json",
    },
)
def zip_path(place: Place, name: str) -> Path:
    name = name.replace("ABSOLUTE", str(place.secret.parent / "stray.txt"))
    return place.write(".zip", _zip(_content(), (name, b"stray")))


@rule(
    Kind.ARCHIVE,
    {
        "link": stat.S_IFLNK,
        "device": stat.S_IFCHR,
        "fifo": stat.S_IFIFO,
        "setuid": stat.S_IFREG | 0o4755,
        "socket": stat.S_IFSOCK,
    },
)
def zip_mode(place: Place, mode: int) -> Path:
    return place.write(".zip", _zip(_content(), (_entry("Kvasir-SEG/odd", mode | 0o777), b"/etc/passwd")))


@rule(
    Kind.ARCHIVE,
    {
        "same-name": "Kvasir-SEG/images/0.jpg",
        "file-as-folder": "Kvasir-SEG/images/0.jpg/x.jpg",
        "case": "kvasir-seg/IMAGES/0.JPG",
        "folder-as-file": "Kvasir-SEG/images",
    },
)
def zip_name_twice(place: Place, name: str) -> Path:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return place.write(".zip", _zip(_content(), (name, b"other")))


@rule(Kind.ARCHIVE, {"zeros": 0, "declares-less": 1, "declares-more": 2, "many-entries": 3, "overlapping": 4}, _R)
def zip_bomb(place: Place, variant: int) -> Path:
    if variant == 3:
        return place.write(".zip", _zip({f"{number}": b"" for number in range(500_010)}))
    zeros = _zip({"Kvasir-SEG/images/bomb.jpg": bytes(400_000_000)})
    data = bytearray(zeros)
    if variant == 0:
        return place.write(".zip", _zip({f"{number}.jpg": bytes(100) for number in range(3)}) + zeros)
    size = {1: 100, 2: 2**32 - 2, 4: 100}[variant]
    at, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    data[at + 22 : at + 26] = data[central + 24 : central + 28] = struct.pack("<I", size)
    return place.write(".zip", bytes(data))


@rule(
    Kind.ARCHIVE,
    {
        "cut": 0,
        "central-noise": 1,
        "no-central": 2,
        "encrypted": 3,
        "method-99": 4,
        "checksum": 5,
        "empty": 6,
        "text": 7,
        "zip64": 8,
        "comment": (Expect.ANY, 9),
    },
    _R,
)
def zip_damaged(place: Place, variant: int) -> Path:
    data = bytearray(_zip(_content()))
    at, central = data.index(b"PK\x03\x04"), data.index(b"PK\x01\x02")
    if variant == 0:
        del data[len(data) // 2 :]
    elif variant == 1:
        data[central + 20 : central + 40] = place.rng.randbytes(20)
    elif variant == 2:
        del data[central:]
    elif variant == 3:
        data[central + 8] |= 1
        data[at + 6] |= 1
    elif variant == 4:
        data[at + 8 : at + 10] = data[central + 10 : central + 12] = struct.pack("<H", 99)
    elif variant == 5:
        data[at + 60] ^= 0xFF
    elif variant == 8:
        data[-22 + 12 : -22 + 20] = b"\xff" * 8
    elif variant == 9:
        data[-2:] = b"\xff\xff"
    texts = {6: b"", 7: b"<html>404</html>"}
    return place.write(".zip", texts.get(variant, bytes(data)))


def _tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        for name, data in _content().items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
        for info, data in members:
            archive.addfile(info, io.BytesIO(data))
    return stream.getvalue()


def _member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, 5 if kind == tarfile.REGTYPE else 0
    return info


@rule(
    Kind.ARCHIVE,
    {
        "parents": ("../../stray.txt", tarfile.REGTYPE, ""),
        "absolute": ("ABSOLUTE", tarfile.REGTYPE, ""),
        "link": ("Kvasir-SEG/l", tarfile.SYMTYPE, "/etc"),
        "hard-link": ("Kvasir-SEG/h", tarfile.LNKTYPE, "/etc/passwd"),
        "device": ("Kvasir-SEG/d", tarfile.CHRTYPE, ""),
        "fifo": ("Kvasir-SEG/f", tarfile.FIFOTYPE, ""),
        "sparse": (Expect.ANY, ("Kvasir-SEG/s", tarfile.GNUTYPE_SPARSE, "")),
    },
    _R,
)
def tar_member(place: Place, variant: tuple[str, bytes, str]) -> Path:
    """A tar under the name of a zip, which the program that unpacks looks for."""
    name = variant[0].replace("ABSOLUTE", str(place.secret.parent / "stray.txt"))
    return place.write(".zip", _tar((_member(name, *variant[1:]), b"stray")))


@rule(Kind.ARCHIVE, {"sound": 0, "gzip-bomb": 1, "gzip-cut": 2, "size-huge": 3, "pax-huge": 4, "checksum": 5})
def tar_coded(place: Place, variant: int) -> Path:
    data = bytearray(_tar())
    if variant == 1:
        head = _member("Kvasir-SEG/images/b.jpg")
        head.size = 2**36
        start = gzip.compress(head.tobuf(), mtime=0)
        return place.write(".zip", start + start[:10] + deflate.zeros(600)[2:])
    if variant == 3:
        data[124:136] = b"77777777777\0"
    elif variant == 4:
        return place.write(
            ".zip",
            b"".join(_member("x").create_pax_global_header({"comment": "x" * 5_000_000}) for _ in range(3))
            + bytes(data),
        )
    elif variant == 5:
        data[148] ^= 0xFF
    packed = gzip.compress(bytes(data), mtime=0)
    return place.write(".zip", packed[: len(packed) // 2] if variant == 2 else packed if variant else bytes(data))
