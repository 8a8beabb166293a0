"""Why a file is not a video, from its first bytes, for a helpful message."""

from pathlib import Path

from unmissed.datasets.basis.errors import VideoError

_EXPECTED = "a video, such as MP4, MOV, AVI, MKV, MPG, TS or WMV"
_PICTURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG": "PNG",
    b"BM": "BMP",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"GIF8": "GIF",
}
_SOUNDS = {b"ID3": "MP3", b"\xff\xfb": "MP3", b"\xff\xf3": "MP3", b"\xff\xf1": "AAC", b"fLaC": "FLAC"}
_PLAYLISTS = (b"#EXTM3U", b"ffconcat", b"v=0", b"<?xml", b"[playlist]")
_MOST_BOXES = 100_000


def check_file(path: Path, source: str) -> Path:
    """The absolute path of a file that may be a video.

    Raises:
        VideoError: When it is missing, empty, no file or not to be read.
    """
    try:
        found = path.resolve(strict=True)
        if not found.is_file():
            raise VideoError(f"{source} is not a file", expected=_EXPECTED, fix="name one file")
        with found.open("rb") as stream:
            is_empty = not stream.read(1)
    except FileNotFoundError as error:
        raise VideoError(f"{source} does not exist", expected=_EXPECTED, fix="check the path") from error
    except (OSError, RuntimeError, ValueError) as error:
        raise VideoError(f"{source} cannot be read: {error}", expected=_EXPECTED, fix="check the path") from error
    if is_empty:
        raise VideoError(f"{source} is empty (0 bytes)", expected=_EXPECTED, fix="copy or export the file again")
    return found


def no_video(path: Path, source: str) -> VideoError:
    """The error for a file in which no video was found."""
    with path.open("rb") as stream:
        head = stream.read(16)
    kind = _kind_of(head, _PICTURES) or ("WebP" if head[:4] == b"RIFF" and head[8:12] == b"WEBP" else "")
    if kind:
        return VideoError(
            f"{source} is a picture ({kind})", expected=_EXPECTED, fix="for pictures use `unmissed predict`"
        )
    kind = _kind_of(head, _SOUNDS) or ("WAV" if head[:4] == b"RIFF" and head[8:12] == b"WAVE" else "")
    if kind or head[4:11] == b"ftypM4A":
        return VideoError(f"{source} is an audio file ({kind or 'M4A'})", expected=_EXPECTED)
    if head.startswith(_PLAYLISTS):
        return VideoError(
            f"{source} is a list that points to other files", expected=_EXPECTED, fix="name the video itself"
        )
    if head[4:8] == b"ftyp" and b"moov" not in boxes(path):
        return VideoError(
            f"{source} is cut off: the index at its end (moov) is missing, so it cannot be read",
            expected="a complete file",
            fix="copy or export it again; a recorder that may lose power should write MKV or TS",
        )
    return VideoError(
        f"{source} contains no readable video",
        expected=_EXPECTED,
        fix="if another player shows it, export it as MP4 (H.264)",
    )


def _kind_of(head: bytes, kinds: dict[bytes, str]) -> str:
    return next((name for magic, name in kinds.items() if head.startswith(magic)), "")


def boxes(path: Path) -> list[bytes]:
    """Names of the outermost boxes of an MP4 or MOV file; one that is cut off is not among them."""
    found: list[bytes] = []
    at, size = 0, path.stat().st_size
    with path.open("rb") as stream:
        while len(found) < _MOST_BOXES:
            stream.seek(at)
            head = stream.read(16)
            length = int.from_bytes(head[:4], "big")
            if length == 1:
                length = int.from_bytes(head[8:16], "big")
            if length == 0:  # to the end of the file
                length = size - at
            at += length
            if len(head) < 8 or length < 8 or at > size:
                break
            found.append(head[4:8])
    return found
