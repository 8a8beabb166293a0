"""What happens in a flight of each kind: segments drawn at random, and the bowel and endoscope they happen with."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.words import unknown_name
from unmissed.datasets.synthetic.flights.plans import Camera, FlightPlan, Segment, Tube, tracks_of

FASTEST_MM_S = 60.0
_START_MM = 250.0
_SHORTEST_S, _LONGEST_S = 2.0, 3600.0
_SMALLEST_PX, _LARGEST_PX = 64, 2160

Script = Callable[[float, np.random.Generator], list[Segment]]


def plan_flight(kind: str, seed: int, duration_s: float = 40.0, fps: float = 25.0, size_px: int = 480) -> FlightPlan:
    """Plan a flight.

    Args:
        kind: "plain" (cruises at 0 to 60 mm/s, rotation, angulation, pauses, and everything that spoils a picture),
            "mixed" (every cruise also rolls, angulates and the bowel contracts), "still" (only rotation, angulation,
            pauses and frozen pictures) or "colonoscopy" (a short examination from entry to exit, for demonstrations).
        seed: same arguments and seed give the same flight.
        duration_s, fps, size_px: of the film; the picture is a square.

    Raises:
        ConfigError: For an unknown kind, or a film that is too short, too long, too small or too large.
    """
    if kind not in _SCRIPTS:
        raise unknown_name(ConfigError, "kind of flight", kind, _SCRIPTS)
    if not (_SHORTEST_S <= duration_s <= _LONGEST_S and 5 <= fps <= 120 and _SMALLEST_PX <= size_px <= _LARGEST_PX):
        raise ConfigError(
            f"a film of {duration_s:g} s, {fps:g} frames per second and {size_px} px",
            expected=f"{_SHORTEST_S:g} to {_LONGEST_S:g} s, 5 to 120 per second, {_SMALLEST_PX} to {_LARGEST_PX} px",
        )
    rng = np.random.default_rng([seed, list(_SCRIPTS).index(kind)])
    tube, camera = _tube(rng), _camera(rng)
    segments = _cut(_SCRIPTS[kind](duration_s, rng), duration_s)
    start_mm = _START_MM
    if kind == "colonoscopy":
        # One blind end, and a polyp that the tip passes on its way out.
        start_mm = 0.0
        inward = np.cumsum([0.0, *(-s.duration_s * sum(s.speed_mm_s) / 2 for s in segments)])
        passes = float(inward[[s.name for s in segments].index("polyp")])
        tube = replace(tube, end_mm=float(inward.max()) + 1.5 * tube.radius_mm, polyp_mm=passes - 4.0)
        camera = replace(camera, mask="octagon", shutter_s=1 / 100)
    tracks = tracks_of(segments, fps, start_mm, rng)
    return FlightPlan(kind, seed, duration_s, fps, size_px, tube, camera, tuple(segments), tracks)


def _tube(rng: np.random.Generator) -> Tube:
    radius = rng.uniform(14, 28)
    return Tube(
        radius_mm=radius,
        fold_spacing_mm=rng.uniform(22, 45),
        fold_height_mm=radius * rng.uniform(0.12, 0.4),
        bend_mm=rng.uniform(0.2, 1.0) * radius,
        bend_length_mm=rng.uniform(160, 340),
        seed=int(rng.integers(2**31)),
    )


def _camera(rng: np.random.Generator) -> Camera:
    return Camera(
        view_deg=rng.uniform(110, 170),
        shutter_s=float(np.exp(rng.uniform(np.log(1 / 250), np.log(1 / 30)))),
        off_axis=rng.uniform(0.05, 0.3),
        noise=rng.uniform(0.8, 4.0),
        gamma=rng.uniform(1.8, 2.4),
        vignette=rng.uniform(0.0, 0.5),
        gloss=rng.uniform(0.2, 1.0),
        mask=str(rng.choice(["none", "circle", "octagon"])),  # type: ignore[arg-type]
        jpeg=int(rng.integers(40, 90)) if rng.random() < 0.5 else None,
    )


def _speeds(rng: np.random.Generator, balance: float) -> tuple[float, float]:
    """Speed at start and end of a cruise, constant or not; the direction tends back to where the flight began."""
    sign = 1.0 if rng.random() < 0.5 + np.clip(balance / 400, -0.4, 0.4) else -1.0
    first = rng.uniform(0, FASTEST_MM_S)
    last = first if rng.random() < 0.5 else rng.uniform(0, FASTEST_MM_S)
    return sign * first, sign * last


def _spoils(rng: np.random.Generator) -> dict[str, dict[str, float]]:
    """Degradations of a picture, from hardly visible to complete, by the name of the segment."""
    return {
        "defocus": {"defocus": rng.uniform(0.005, 0.035)},
        "water": {"water": rng.uniform(0.2, 1.0)},
        "wall": {"wall": rng.uniform(0.25, 1.1)},
        "smoke": {"smoke": rng.uniform(0.3, 0.95)},
        "overexposed": {"exposure": rng.uniform(1.0, 5.0)},
        "dark": {"exposure": -rng.uniform(2.0, 9.0)},
        "low-texture": {"flat": rng.uniform(0.6, 0.95)},
        "narrow-band": {"narrow": 1.0},
    }


def _still(name: str, rng: np.random.Generator) -> Segment:
    duration = rng.uniform(1.5, 3.5)
    if name == "rotation":
        period = 0.0 if rng.random() < 0.4 else rng.uniform(2, 4)
        return Segment(name, duration, roll_deg_s=rng.choice([-1, 1]) * rng.uniform(15, 90), roll_period_s=period)
    if name == "angulation":
        return Segment(name, duration, swing_deg=rng.uniform(12, 35))
    return Segment(name, duration, hold=0.3 * float(rng.random() < 0.6) if name == "pause" else 0.0)


def _plain(duration_s: float, rng: np.random.Generator) -> list[Segment]:
    segments: list[Segment] = []
    balance = 0.0  # mm that the tip went inward
    for event in _bag(["rotation", "angulation", "pause", "freeze", *_spoils(rng)], rng):
        cruises = [Segment("cruise", rng.uniform(2, 6), _speeds(rng, balance))]
        if event in _spoils(rng):
            cruises.append(Segment(event, rng.uniform(1.5, 4), _speeds(rng, balance), spoil=_spoils(rng)[event]))
        else:
            cruises.append(_still(event, rng))
        segments += cruises
        balance -= sum(s.duration_s * sum(s.speed_mm_s) / 2 for s in cruises)
        if sum(segment.duration_s for segment in segments) > duration_s:
            return segments
    return segments


def _mixed(duration_s: float, rng: np.random.Generator) -> list[Segment]:
    segments: list[Segment] = []
    balance = 0.0
    while sum(segment.duration_s for segment in segments) < duration_s:
        slow = rng.random() < 0.15  # also without any axial motion
        segments.append(
            Segment(
                "rotation" if slow else "cruise",
                rng.uniform(2, 6),
                (0.0, 0.0) if slow else _speeds(rng, balance),
                roll_deg_s=rng.uniform(10, 60),
                roll_period_s=rng.uniform(1.5, 5),
                swing_deg=rng.uniform(6, 25),
                squeeze=rng.uniform(0.03, 0.15),
            )
        )
        balance -= segments[-1].duration_s * sum(segments[-1].speed_mm_s) / 2
    return segments


def _only_still(duration_s: float, rng: np.random.Generator) -> list[Segment]:
    segments: list[Segment] = []
    for name in _bag(["rotation", "angulation", "pause", "freeze"], rng):
        segments.append(_still(name, rng))
        if sum(segment.duration_s for segment in segments) > duration_s:
            break
    return segments


def _colonoscopy(duration_s: float, rng: np.random.Generator) -> list[Segment]:
    """Entry, insertion, caecum, withdrawal with everything that a monitor should notice, exit."""
    share = duration_s / 60

    def part(name: str, seconds: float, speed: float, **spoil: float) -> Segment:
        speeds = (speed, speed)
        return Segment(name, seconds * share, speeds, 12.0, 4.0, swing_deg=10.0, squeeze=0.05, spoil=spoil)

    out = [
        part("cruise", 8, 8),
        part("fast", 4, 48),
        part("cruise", 4, 6),
        part("slip", 0.5, 160),
        part("cruise", 4, 5),
        part("water", 3.5, 4, water=1.0),
        part("polyp", 6, 7),
        replace(part("instrument", 6, 0, instrument=1.0), roll_deg_s=0.0, swing_deg=0.0),
        part("cruise", 5, 6),
    ]
    way_mm = sum(segment.duration_s * segment.speed_mm_s[0] for segment in out)
    return [
        part("outside", 3, 0, outside=1.0),
        part("cruise", 8, -way_mm / (8 * share)),
        replace(part("caecum", 5, 0), swing_deg=25.0),
        *out,
        part("outside", 3, 0, outside=1.0),
    ]


_SCRIPTS: dict[str, Script] = {
    "plain": _plain,
    "mixed": _mixed,
    "still": _only_still,
    "colonoscopy": _colonoscopy,
}
KINDS = tuple(_SCRIPTS)


def _bag(names: list[str], rng: np.random.Generator) -> Iterator[str]:
    """All names in random order, again and again."""
    while True:
        yield from (names[index] for index in rng.permutation(len(names)))


def _cut(segments: list[Segment], duration_s: float) -> list[Segment]:
    """The segments up to the end of the film; the last one lasts until then."""
    kept, start = [], 0.0
    for segment in segments:
        left = duration_s - start
        if left <= 0:
            break
        kept.append(replace(segment, duration_s=min(segment.duration_s, left)))
        start += segment.duration_s
    if start < duration_s:
        kept[-1] = replace(kept[-1], duration_s=kept[-1].duration_s + duration_s - start)
    return kept
