"""Films that the tests of videos make themselves: encoded, cut, damaged, joined."""

import struct
from collections.abc import Callable, Iterable
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import cv2
import numpy as np

SIZE = 160, 120
FPS, SOUND_HZ = 25, 48_000
TS_PACKET = 188
COLOURS = [(255, 255, 255), (0, 0, 0), (200, 60, 40), (40, 160, 60)]
WEIGHTS = {"601": (0.299, 0.114), "709": (0.2126, 0.0722)}  # of red and blue: ITU-R BT.601, BT.709


def picture(index: int, size: tuple[int, int] = SIZE) -> np.ndarray:
    """A disk that wanders; its blue says which picture it is."""
    image = np.full((size[1], size[0], 3), 40, np.uint8)
    return cv2.circle(image, (20 + index % 100, size[1] // 2), 15, (0, 200, 5 * (index % 50)), -1)


def texture(index: int, size: tuple[int, int] = SIZE, step_px: int = 3) -> np.ndarray:
    """A grey texture that drifts to the left."""
    width, height = size
    wide = np.random.default_rng(0).integers(0, 256, (height, width + 600), dtype=np.uint8)
    wide = cv2.normalize(cv2.GaussianBlur(wide, (0, 0), 3), None, 30, 220, cv2.NORM_MINMAX)
    start = index * step_px % 600
    return np.repeat(wide[:, start : start + width, None], 3, axis=2)


def encode(
    path: Path,
    count: int = 50,
    *,
    codec: str = "libx264",
    fps: int = FPS,
    size: tuple[int, int] = SIZE,
    pixels: str = "yuv420p",
    draw: Callable[..., np.ndarray] = picture,
    stamps: Iterable[int] | None = None,
    unit: int | None = None,
    sound_s: float = 0.0,
    sound_from_s: float = 0.0,
    options: dict[str, str] | None = None,
    container: dict[str, str] | None = None,
    kind: str | None = None,
    fields: str = "",
    rotation: int = 0,
    shape: Fraction | None = None,
    change: Callable[[av.VideoFrame], None] | None = None,
    metadata: dict[str, str] | None = None,
) -> Path:
    """Encode drawn pictures.

    Args:
        stamps: of the pictures, in 1/``unit`` s; 0, 1, 2 ... in units of 1/``fps`` without.
        sound_s: length of a sound beside them, silent; 0: none. It begins ``sound_from_s`` later.
        options, container: of the encoder and the muxer.
        kind: name of the container; by the suffix without.
        fields: which field comes first, "tff" the upper or "bff" the lower one, of interlaced pictures.
        rotation: degrees by which players turn it.
        shape: width of a pixel for its height.
        change: is given every frame before it is encoded.
    """
    options = {"threads": "1", **({"flags": "+ildct+ilme"} if fields else {}), **(options or {})}
    if fields and codec == "libx264":
        options["x264-params"] = f"{fields}=1:threads=1"
    with av.open(str(path), "w", format=kind, container_options=container or {}) as film:
        video = film.add_stream(codec, rate=fps, options=options)
        video.width, video.height = size
        video.pix_fmt = pixels
        video.metadata.update(metadata or {})
        if shape is not None:
            video.codec_context.sample_aspect_ratio = shape
        if rotation:
            video.set_display_rotation(rotation)
        if unit is not None:
            video.codec_context.time_base = Fraction(1, unit)
        sound = film.add_stream("mp2" if path.suffix in (".mpg", ".ts") else "aac", rate=SOUND_HZ) if sound_s else None
        stamps = range(count) if stamps is None else stamps
        for index, stamp in zip(range(count), stamps, strict=False):
            frame = av.VideoFrame.from_ndarray(draw(index, size), format="rgb24")
            frame = frame.reformat(format=pixels)
            frame.pts, frame.time_base = stamp, Fraction(1, unit or fps)
            if fields:
                frame = with_fields(frame, fields)
            if change is not None:
                change(frame)
            film.mux(video.encode(frame))
        film.mux(video.encode())
        if sound is not None:
            add_sound(film, sound, sound_s, sound_from_s)
    return path


def add_sound(film: av.container.OutputContainer, sound: av.AudioStream, seconds: float, from_s: float = 0.0) -> None:
    """Silence."""
    samples = 1152 if sound.codec_context.name == "mp2" else 1024
    for start in range(0, int(seconds * SOUND_HZ), samples):
        layout = sound.codec_context.layout.name
        frame = av.AudioFrame(format=sound.codec_context.format.name, layout=layout, samples=samples)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate, frame.pts = SOUND_HZ, start + int(from_s * SOUND_HZ)
        frame.time_base = Fraction(1, SOUND_HZ)
        film.mux(sound.encode(frame))
    film.mux(sound.encode())


def with_fields(frame: av.VideoFrame, order: str) -> av.VideoFrame:
    """The frame, flagged as interlaced."""
    graph = av.filter.Graph()
    source = graph.add_buffer(width=frame.width, height=frame.height, format=frame.format, time_base=frame.time_base)
    graph.link_nodes(source, graph.add("setfield", mode=order), graph.add("buffersink")).configure()
    graph.push(frame)
    return graph.vpull()


def woven(draw: Callable[..., np.ndarray], fields: str) -> Callable[..., np.ndarray]:
    """Pictures of two moments: the lines of the field that comes first show picture 2 k, the others 2 k + 1."""
    first = int(fields == "bff")

    def drawn(index: int, size: tuple[int, int]) -> np.ndarray:
        image = draw(2 * index + 1, size).copy()
        image[first::2] = draw(2 * index, size)[first::2]
        return image

    return drawn


def packets_of(path: Path) -> list[tuple[int, int]]:
    """Place and size in bytes of the packets of the video."""
    with av.open(str(path)) as film:
        return [(packet.pos, packet.size) for packet in film.demux(film.streams.video[0]) if packet.size]


def damaged(path: Path, target: Path, hit: Iterable[int], *, share: float = 0.4) -> Path:
    """A copy in which the middle of some packets, counted as they are stored, is noise."""
    data, rng = bytearray(path.read_bytes()), np.random.default_rng(1)
    places = packets_of(path)
    for index in hit:
        start, size = places[index]
        length = max(8, int(share * size))
        at = start + (size - length) // 2
        data[at : at + length] = rng.bytes(length)
    target.write_bytes(data)
    return target


def in_dicom(video: bytes, syntax: str = "1.2.840.10008.1.2.4.102", *, parts: int = 1) -> bytes:
    """A DICOM file with a video in its pixel data, after a sequence of undefined length."""

    def element(group: int, number: int, kind: bytes, value: bytes) -> bytes:
        size = struct.pack("<H", len(value)) if kind not in (b"OB", b"SQ") else struct.pack("<HI", 0, len(value))
        return struct.pack("<HH", group, number) + kind + size + value

    def item(value: bytes, number: int = 0xE000) -> bytes:
        return struct.pack("<HHI", 0xFFFE, number, len(value)) + value

    uid = syntax.encode() + b"\0" * (len(syntax) % 2)
    meta = element(2, 0x10, b"UI", uid)
    open_end = struct.pack("<I", 0xFFFFFFFF)
    sequence = struct.pack("<HH", 8, 0x1140) + b"SQ\0\0" + open_end + struct.pack("<HH", 0xFFFE, 0xE000) + open_end
    sequence += element(8, 0x1155, b"UI", b"1.2.3\0") + item(b"", 0xE00D) + item(b"", 0xE0DD)
    step = -(-len(video) // parts)
    fragments = b"".join(item(video[at : at + step]) for at in range(0, len(video), step))
    pixels = struct.pack("<HH", 0x7FE0, 0x10) + b"OB\0\0" + open_end + item(b"") + fragments + item(b"", 0xE0DD)
    return bytes(128) + b"DICM" + meta + sequence + element(0x28, 8, b"IS", b"50") + pixels


def yuv(rgb, matrix, is_full, bits):
    """By the definition of the standards."""
    red, blue = WEIGHTS[matrix]
    r, g, b = (part / 255 for part in rgb)
    y = red * r + (1 - red - blue) * g + blue * b
    u, v = (b - y) / (2 * (1 - blue)), (r - y) / (2 * (1 - red))
    if is_full:
        top = 2**bits - 1
        return [round(y * top), *(round(part * top + 2 ** (bits - 1)) for part in (u, v))]
    scale = 2 ** (bits - 8)
    return [round((16 + 219 * y) * scale), *(round((128 + 224 * part) * scale) for part in (u, v))]


def frame_of(pixels, matrix, is_full, size=(64, 64)):
    """Four patches of colour."""
    frame = av.VideoFrame(*size, pixels)
    bits = 10 if "10" in pixels else 8
    kind = np.uint16 if bits > 8 else np.uint8
    for index, plane in enumerate(frame.planes):
        rows = np.zeros((plane.height, plane.line_size // kind().itemsize), kind)
        half = plane.height // 2, plane.width // 2
        for patch, colour in enumerate(COLOURS):
            row, column = (patch // 2) * half[0], (patch % 2) * half[1]
            value = yuv(colour, matrix, is_full, bits)[index]
            rows[row : row + half[0], column : column + half[1]] = value
        plane.update(rows.tobytes())
    return frame


def patches(image):
    height, width = image.shape[:2]
    return [image[(k // 2) * height // 2 + height // 4, (k % 2) * width // 2 + width // 4].tolist() for k in range(4)]
