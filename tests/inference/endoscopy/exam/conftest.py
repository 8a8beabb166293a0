"""Examinations built by hand: signals frame by frame, and the result that belongs to them."""

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.inference.endoscopy.protocol import Protocol, Site, load_protocol
from unmissed.inference.endoscopy.values import (
    Box,
    Clarity,
    ClockTimes,
    Coverage,
    Event,
    EventKind,
    ExamResult,
    FrameSignals,
    Lesion,
    Motion,
    Reason,
    Scene,
    Sight,
    SiteCredit,
    SpeedState,
    WithdrawalSpeed,
)
from unmissed.inference.endoscopy.watching.exam_folder import ExamFolder

TIMES_MS = {"clarity": {"p50": 2.1, "p95": 3.0, "p99": 4.4, "max": 9.0}, "total": {"p50": 15, "p95": 19, "p99": 24}}
SHA = "ab" * 32


@dataclass(frozen=True)
class Exam:
    """An examination to be written down."""

    protocol: Protocol
    signals: tuple[FrameSignals, ...]
    result: ExamResult

    def write(self, folder: Path) -> Path:
        with ExamFolder(folder, self.protocol) as kept:
            for signals in self.signals:
                kept.add(signals)
            for event in self.result.events:
                kept.add_event(event)
            return kept.finish(self.result)


def frame(
    time_s: float,
    *,
    speed: float | None = 30.0,
    reason: Reason = Reason.NONE,
    scene: Scene = Scene.INSIDE,
    sites: dict[str, float] | None = None,
    lesion: float = 0.0,
    lesion_kind: str = "",
    alert: bool = False,
    frozen: bool = False,
    slipped: bool = False,
    assessed: bool = True,
) -> FrameSignals:
    """Signals of a frame; ``speed`` None or a reason makes the gauge grey, ``assessed`` tells of limits."""
    legible = reason is Reason.NONE
    told = speed if legible and not frozen else None
    if told is None:
        state = SpeedState.GREY
    elif not assessed:
        state = SpeedState.NOT_ASSESSED
    else:
        state = SpeedState.RED if told > 60 else SpeedState.AMBER if told > 44 else SpeedState.GREEN
    return FrameSignals(
        time_s,
        Clarity(0.95 if legible else 0.1, legible, reason),
        frozen,
        0.8,
        Motion(0.4, -3.0, 0.9, {"scale": 1.0}),
        WithdrawalSpeed(told, state, told, told, told, slipped),
        Sight(scene, sites or {}),
        (Lesion(Box(100, 80, 60, 50), lesion, lesion_kind),) if lesion else (),
        alert,
    )


def picture(seed: int) -> np.ndarray:
    """Something like mucosa, a round view on black."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[:200, :250]
    folds = np.sin(np.hypot(x - rng.uniform(75, 175), y - rng.uniform(60, 140)) / rng.uniform(6, 15))
    shade = 0.75 + 0.15 * folds + 0.6 * cv2.GaussianBlur(rng.standard_normal((200, 250)), (0, 0), 3)
    image = np.array([205, 110, 90]) * shade[..., None]
    image[np.hypot(x - 125, y - 100) > 97] = 8
    return np.clip(image, 0, 255).astype(np.uint8)


def result(protocol: Protocol, duration_s: float, analysed: int, **changes) -> ExamResult:
    """A result without sites and with plain clocks."""
    unknown = tuple(SiteCredit(site.code, 0.0, False, 0.0, None, None) for site in protocol.sites)
    fields = {
        "source": "/archive/ward 7/exam 12.mp4",
        "started_at": "2026-11-24T09:30:00+08:00",
        "duration_s": duration_s,
        "ended": "end",
        "frames": {"read": analysed, "analysed": analysed, "dropped": 0, "legible": analysed},
        "width_px": 1280,
        "height_px": 1024,
        "clocks": ClockTimes(duration_s, None, 0.0, duration_s, None, 0.0, 0.0),
        "coverage": Coverage(unknown, None),
        "events": (
            Event(0.0, EventKind.STARTED, "Watching", "开始观察"),
            Event(duration_s, EventKind.ENDED, "Ended: end", "结束：end"),
        ),
        "times_ms": TIMES_MS,
        "notes": (),
        "provenance": {
            "protocol": protocol.model_dump(mode="json"),
            "models": {"lesion": {"name": "polyp-finder", "version": "1", "variant": "fp32", "sha256": SHA}},
        },
    }
    return ExamResult(**(fields | changes))


def gastroscopy(missing: tuple[str, ...] = ("L3", "P6"), rate: float = 5.0) -> Exam:
    """26 sites one after the other in eight minutes, some of them never; blur, foam and a frozen picture between."""
    protocol = load_protocol("gastroscopy")
    codes = [site.code for site in protocol.sites]
    shown = [code for code in codes if code not in missing]
    duration_s = 480.0
    rng = np.random.default_rng(5)
    signals, events, best = [], [Event(0.0, EventKind.STARTED, "Watching", "开始观察")], {}
    events.append(Event(9.0, EventKind.ENTERED, "The tip is in the body", "进入体内"))
    for index in range(int(duration_s * rate)):
        time_s = index / rate
        if time_s < 9 or time_s > 470:
            signals.append(frame(time_s, reason=Reason.OUTSIDE, scene=Scene.OUTSIDE, assessed=False))
            continue
        code = shown[min(int((time_s - 9) / 461 * len(shown)), len(shown) - 1)]
        if code not in best and (time_s - 9) / 461 * len(shown) % 1 > 0.4:
            best[code] = time_s
            site = protocol.site(code)
            events.append(
                Event(time_s, EventKind.SITE, f"Seen: {site.name}", f"已观察：{site.name_zh}", {"site": code})
            )
        cycle = time_s % 31
        reason = Reason.BLUR if cycle < 1.5 else Reason.WATER if 12 < cycle < 14 else Reason.NONE
        speed = 22 + 15 * math.sin(time_s / 7) + rng.normal(0, 3)
        seen = {"reason": reason, "sites": {code: 0.8}, "frozen": 200 < time_s < 206}
        signals.append(frame(time_s, speed=max(speed, 0), assessed=False, **seen))
    events.append(Event(470.0, EventKind.LEFT, "The tip is out", "出镜"))
    events.append(Event(480.0, EventKind.ENDED, "Ended: end", "结束：end"))
    credits = tuple(
        SiteCredit(code, 0.05, False, 0.2, None, None)
        if code in missing
        else SiteCredit(code, 0.97, True, 6.4, best[code], picture(place))
        for place, code in enumerate(codes)
    )
    seen = result(
        protocol,
        duration_s,
        len(signals),
        clocks=ClockTimes(455.0, None, 0.0, 401.0, None, 6.0, 48.0),
        coverage=Coverage(credits, 100 * (26 - len(missing)) / 26),
        events=tuple(sorted(events, key=lambda event: event.time_s)),
        frames={"read": 12_004, "analysed": len(signals), "dropped": 4, "legible": len(signals) - 400},
    )
    return Exam(protocol, tuple(signals), seen)


def colonoscopy(caecum_s: float | None = 180.0, rate: float = 10.0, minutes: float = 9.0) -> Exam:
    """In, caecum, back with alarms, a polyp, therapy, a lost camera."""
    protocol = load_protocol("colonoscopy")
    rng = np.random.default_rng(3)
    duration_s = 60 * minutes
    signals: list[FrameSignals] = []
    events = [Event(0.0, EventKind.STARTED, "Watching", "开始观察")]
    if caecum_s is not None:
        events.append(Event(caecum_s, EventKind.CAECUM, "Caecum: withdrawal starts", "到达盲肠，开始退镜"))
    gap = (330.0, 335.5)
    events.append(Event(gap[0], EventKind.GAP, "No picture for 5.5 s: camera", "无图像 5.5 秒", {"end_s": gap[1]}))
    kind = {"lesion_kind": "neoplastic", "lesion_kind_name": "Neoplastic", "lesion_kind_name_zh": "肿瘤性息肉"}
    data = {"score": 0.91, **kind}
    events.append(Event(290.0, EventKind.LESION, "High risk, look carefully", "高危，请仔细观察", data))
    events.append(Event(400.2, EventKind.SLIP, "The picture jumped: go back", "镜头滑脱，请退回"))
    for index in range(int(duration_s * rate)):
        time_s = index / rate
        if gap[0] < time_s < gap[1]:
            continue
        fast = 395 < time_s < 404 or 480 < time_s < 483 or 220 < time_s < 221
        speed = 28 + 12 * math.sin(time_s / 9) + rng.normal(0, 3) + (42 if fast else 0)
        cycle = time_s % 47
        reason = Reason.WALL if cycle < 2 else Reason.WATER if 20 < cycle < 23 else Reason.NONE
        scene = Scene.INSTRUMENT if 300 < time_s < 325 else Scene.INSIDE
        if caecum_s is not None and caecum_s <= time_s < caecum_s + 12:
            scene = Scene.CAECUM
        polyp = 290 <= time_s < 300
        signals.append(
            frame(
                time_s,
                speed=min(max(speed, 0), 100),
                reason=reason,
                scene=scene,
                lesion=0.91 if polyp else 0.0,
                lesion_kind="neoplastic",
                alert=polyp,
                slipped=index == round(400.2 * rate),
            )
        )
    events.append(Event(duration_s, EventKind.ENDED, "Ended: end", "结束：end"))
    withdrawal_s = None if caecum_s is None else duration_s - caecum_s - 25 - 5.5
    seen = result(
        protocol,
        duration_s,
        len(signals),
        clocks=ClockTimes(duration_s - 5.5, withdrawal_s, 25.0, 0.86 * (withdrawal_s or duration_s), caecum_s, 0, 45.0),
        events=tuple(sorted(events, key=lambda event: event.time_s)),
        notes=("no classifier tells the caecum: the key was used",) if caecum_s else (),
    )
    return Exam(protocol, tuple(signals), seen)


@pytest.fixture(name="frame", scope="session")
def frame_maker() -> Callable[..., FrameSignals]:
    return frame


@pytest.fixture(name="gastroscopy", scope="session")
def gastroscopy_maker() -> Callable[..., Exam]:
    return gastroscopy


@pytest.fixture(name="colonoscopy", scope="session")
def colonoscopy_maker() -> Callable[..., Exam]:
    return colonoscopy


@pytest.fixture(scope="session")
def make_exam() -> Callable[..., Exam]:
    """Build an examination from signals: ``make_exam(protocol, signals, **changes of the result)``."""

    def make(protocol: Protocol, signals: tuple[FrameSignals, ...] = (), **changes) -> Exam:
        duration_s = signals[-1].time_s if signals else 0.0
        return Exam(protocol, signals, replace(result(protocol, duration_s, len(signals)), **changes))

    return make


@pytest.fixture(scope="session")
def small_protocol() -> Protocol:
    """Two sites, no model."""
    return Protocol(
        name="small",
        title="Small",
        title_zh="小",
        organ="stomach",
        source="drawn",
        minimum_s=10,
        minimum_of="examination",
        sites=(
            Site(code="A", name="Antrum", name_zh="胃窦", region="antrum"),
            Site(code="F-1", name="Elsewhere <b>", name_zh="他处", region="somewhere", wall="anterior"),
        ),
    )
