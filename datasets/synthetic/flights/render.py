"""Rendered flights through a tube with known speed: the truth for the speed monitor and the legibility gate."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from unmissed.datasets.synthetic.flights.camera import TubeCamera
from unmissed.datasets.synthetic.flights.film import Film
from unmissed.datasets.synthetic.flights.plans import FlightPlan
from unmissed.datasets.synthetic.flights.scripts import KINDS, plan_flight
from unmissed.datasets.video import Frame

__all__ = ["KINDS", "FlightPlan", "FlightTruth", "plan_flight", "render_flight"]


@dataclass(frozen=True, slots=True)
class FlightTruth:
    """What is known of one frame.

    Attributes:
        time_s: end of its exposure.
        speed_mm_s: along the axis, mean since the frame before; positive is withdrawal.
        rotation_deg_s: roll about the axis of the view, mean since the frame before.
        angulation_deg_s: how fast the axis of the view turns, by angulation, by the hand and along bends; never
            negative.
        legible: whether a doctor could judge it; ``reason`` says why not ("" where it is legible).
        segment: what the tip does.
        frozen: the picture repeats the one before.
        instrument: a tool is in the view.
        caecum: the blind end of the tube is near.
        polyp_box: (x, y, width, height) in pixels of what shows of the polyp; None where nothing does.
    """

    time_s: float
    speed_mm_s: float
    rotation_deg_s: float
    angulation_deg_s: float
    legible: bool
    reason: str
    segment: str
    frozen: bool
    instrument: bool
    caecum: bool
    polyp_box: tuple[float, float, float, float] | None = None


def render_flight(plan: FlightPlan, texture: np.ndarray) -> Iterator[tuple[Frame, FlightTruth]]:
    """Render a flight, frame after frame.

    Args:
        plan: see ``plan_flight``.
        texture: uint8 (h, w, 3) RGB that closes on itself, see ``mucosa``.

    Yields:
        Frame and its truth.
    """
    camera, film = TubeCamera(plan, texture), Film(plan)
    before = camera.pose(0.0)
    image = np.zeros((plan.size_px, plan.size_px, 3), np.uint8)
    reason = ""
    for index in range(plan.frames):
        time_s = index / plan.fps
        now = camera.pose(time_s)
        frozen = index > 0 and plan.at("freeze", time_s) >= 1 and plan.at("freeze", time_s - 1 / plan.fps) >= 1
        if not frozen:
            light, smear = camera.expose(time_s, before, now)
            image, reason = film.develop(light, time_s, smear)
        segment = plan.segment_at(time_s).name
        passed_s = 1 / plan.fps
        turned = float(np.degrees(np.arccos(np.clip(before.turn[:, 2] @ now.turn[:, 2], -1, 1))))
        yield (
            Frame(index, time_s, image),
            FlightTruth(
                time_s=time_s,
                speed_mm_s=(plan.at("path_mm", time_s - passed_s) - plan.at("path_mm", time_s)) / passed_s,
                rotation_deg_s=(now.roll_deg - before.roll_deg) / passed_s,
                angulation_deg_s=turned / passed_s,
                legible=not reason,
                reason=reason,
                segment=segment,
                frozen=frozen,
                instrument=plan.at("instrument", time_s) > 0.5,
                caecum=segment == "caecum",
                polyp_box=None if reason == "outside" else camera.polyp_box(now),
            ),
        )
        before = now
