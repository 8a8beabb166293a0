"""The watcher itself: small drawn frames in, scenes and sites as a script says, and what they add up to."""

from collections.abc import Callable, Iterable
from functools import cache

import cv2
import numpy as np
import pytest

from unmissed.datasets.video import Frame, Gap
from unmissed.inference.endoscopy.protocol import Protocol, ProtocolModels, load_protocol
from unmissed.inference.endoscopy.values import EventKind, ExamResult, FrameSignals, Scene, Sight
from unmissed.inference.endoscopy.watching.watcher import Watcher

FPS = 5
Script = Callable[[float], Sight]


@cache
def wall(width: int = 300, height: int = 240) -> np.ndarray:
    """A red wall with folds and vessels that grows dark towards a lumen: legible, and inside."""
    noise = np.random.default_rng(0).normal(0, 1, (height, width)).astype(np.float32)
    layers = [cv2.GaussianBlur(noise, (0, 0), sigma) for sigma in (1.5, 5)]
    texture = sum(layer / layer.std() for layer in layers)
    y, x = np.mgrid[:height, :width]
    far = np.hypot(x / width - 0.5, y / height - 0.5)
    light = np.clip(0.1 + 2.2 * far, 0, 1)
    return ((1 + 0.12 * texture) * light)[..., None] * np.array([190, 110, 90])


def noisy(picture: np.ndarray, index: int) -> np.ndarray:
    """The same wall, which breathes, through a live sensor, which never gives the same picture twice."""
    noise = np.random.default_rng(index).normal(0, 3, picture.shape)
    shift = np.array([[1, 0, 2 * np.sin(1.3 * index)], [0, 1, 0]])
    moved = cv2.warpAffine(picture, shift, picture.shape[1::-1], borderMode=cv2.BORDER_REFLECT)
    return np.clip(moved + noise, 0, 255).astype(np.uint8)


def live(start_s: float, end_s: float, picture: np.ndarray | None = None) -> list[Frame]:
    indices = range(round(start_s * FPS), round(end_s * FPS))
    return [Frame(index, index / FPS, noisy(wall() if picture is None else picture, index)) for index in indices]


def still(start_s: float, end_s: float, image: np.ndarray) -> list[Frame]:
    return [Frame(index, index / FPS, image) for index in range(round(start_s * FPS), round(end_s * FPS))]


def protocol(name: str) -> Protocol:
    """A shipped protocol without its classifiers."""
    return load_protocol(name).model_copy(update={"models": ProtocolModels()})


def inside(time_s: float) -> Sight:
    return Sight(Scene.INSIDE, {})


def play(
    name: str, items: Iterable[Frame | Gap], script: Script = inside
) -> tuple[list[FrameSignals | None], ExamResult]:
    """What the watcher says of every frame, and in the end."""
    with Watcher(protocol(name), "drawn", sighting=lambda view, outside: script(view.time_s)) as watcher:
        signals = [watcher.take(item) for item in items]
        return signals, watcher.finish()


def kinds(result: ExamResult) -> list[EventKind]:
    return [event.kind for event in result.events]


def test_a_live_picture_of_a_site_counts_for_its_clock_and_its_site():
    signals, result = play("gastroscopy", live(0, 3), lambda time_s: Sight(Scene.INSIDE, {"ES": 1.0}))
    assert all(item.clarity.legible and not item.frozen for item in signals)
    assert result.clocks.examination_s == pytest.approx(3, abs=1.1 / FPS)
    assert result.clocks.effective_s == pytest.approx(result.clocks.examination_s)
    assert {site.code: site.seconds for site in result.coverage.sites}["ES"] == pytest.approx(3, abs=2.1 / FPS)
    assert result.frames == {"read": 3 * FPS, "analysed": 3 * FPS, "dropped": 0, "legible": 3 * FPS}


def test_while_the_picture_is_frozen_the_clocks_stop_and_no_site_is_credited():
    def script(time_s: float) -> Sight:
        return Sight(Scene.INSIDE, {"DB": 1.0} if 2 <= time_s + 1e-6 < 5 else {"ES": 1.0})

    image = noisy(wall(), 9)
    signals, result = play("gastroscopy", [*live(0, 2), *still(2, 5, image), *live(5, 7)], script)
    frozen = [item.frozen for item in signals]
    assert not any(frozen[: 2 * FPS])
    assert all(frozen[2 * FPS + 3 : 5 * FPS])
    assert not any(frozen[5 * FPS + 1 :])
    assert result.clocks.frozen_s == pytest.approx(2.6, abs=0.5)
    assert result.clocks.examination_s + result.clocks.frozen_s == pytest.approx(7, abs=1.1 / FPS)
    seconds = {site.code: site.seconds for site in result.coverage.sites}
    assert seconds["DB"] < 1.0 < 3.0 < seconds["ES"]
    assert kinds(result).count(EventKind.FROZEN) == 1


def test_a_gap_has_no_signals_and_counts_for_no_clock():
    items = [*live(0, 2), Gap(2.0, 62.0, "the cable was pulled"), *live(62, 64)]
    signals, result = play("gastroscopy", items, lambda time_s: Sight(Scene.INSIDE, {"ES": 1.0}))
    assert [item is None for item in signals] == [isinstance(item, Gap) for item in items]
    assert result.duration_s == pytest.approx(64, abs=1.1 / FPS)
    assert result.clocks.examination_s == pytest.approx(4, abs=2.1 / FPS)
    assert {site.code: site.seconds for site in result.coverage.sites}["ES"] < 4.7
    (gap,) = [event for event in result.events if event.kind is EventKind.GAP]
    assert (gap.time_s, gap.data["end_s"]) == (2.0, 62.0)
    assert "the cable was pulled" in gap.text
    assert result.frames["read"] == 4 * FPS
    assert kinds(result)[-2:] == [EventKind.SHORT, EventKind.ENDED]  # the minimum is asked for in the end


def test_a_picture_that_changes_its_size_is_an_event_and_no_crash():
    items = [*live(0, 1), *live(1, 2, wall(400, 240)), *live(2, 3)]
    signals, result = play("colonoscopy", items)
    assert all(item.clarity.legible for item in signals)
    changes = [event for event in result.events if event.kind is EventKind.CHANGED]
    assert [event.time_s for event in changes] == [1.0, 2.0]
    assert "300 x 240 -> 400 x 240 px" in changes[0].text
    assert signals[FPS].motion.trust == 0  # nothing is compared with the frame of another size
    assert result.clocks.examination_s == pytest.approx(3, abs=1.1 / FPS)


def test_events_come_in_the_order_in_which_things_happen():
    def script(time_s: float) -> Sight:
        return Sight(Scene.INSIDE if 2 <= time_s + 1e-6 < 6 else Scene.OUTSIDE, {})

    with Watcher(protocol("colonoscopy"), sighting=lambda view, outside: script(view.time_s)) as watcher:
        reported = []
        for frame in live(0, 8):
            watcher.take(frame)
            if frame.time_s == 4:
                watcher.mark_caecum(4.0)
            reported += watcher.new_events()
        clocks = watcher.clocks()
        result = watcher.finish("stopped")
        reported += watcher.new_events()
    order = [EventKind.STARTED, EventKind.ENTERED, EventKind.CAECUM, EventKind.LEFT, EventKind.SHORT, EventKind.ENDED]
    assert kinds(result) == order
    assert tuple(reported) == result.events
    times = {event.kind: event.time_s for event in result.events}
    assert times[EventKind.STARTED] == 0
    assert times[EventKind.ENTERED] == pytest.approx(2, abs=0.3)
    assert times[EventKind.CAECUM] == 4
    assert times[EventKind.LEFT] == pytest.approx(6, abs=0.3)
    assert times[EventKind.ENDED] == pytest.approx(8, abs=0.3)
    assert result.ended == "stopped"
    assert clocks.caecum_s == result.clocks.caecum_s == 4
    assert result.clocks.withdrawal_s == pytest.approx(2, abs=0.3)


def test_nothing_watched_is_a_result_too():
    _, result = play("colonoscopy", [])
    assert kinds(result) == [EventKind.ENDED]
    assert (result.duration_s, result.width_px, result.clocks.withdrawal_s) == (0, 0, None)


@pytest.mark.parametrize("doubt", ["grey", "blue"])
def test_a_picture_without_plausible_colour_is_watched_as_inside_and_the_result_says_so(doubt):
    def spoiled(image: np.ndarray) -> np.ndarray:
        grey = np.repeat(cv2.cvtColor(image, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
        return grey if doubt == "grey" else np.ascontiguousarray(image[..., ::-1])

    frames = [Frame(item.index, item.time_s, spoiled(item.image)) for item in live(0, 4)]
    with Watcher(protocol("colonoscopy")) as watcher:
        signals = [watcher.take(frame) for frame in frames]
        result = watcher.finish()
    assert {item.sight.scene for item in signals} == {Scene.INSIDE}
    assert result.clocks.examination_s == pytest.approx(4, abs=1.1 / FPS)
    (event,) = [event for event in result.events if event.kind is EventKind.COLOUR]
    assert (event.time_s, event.data) == (pytest.approx(1, abs=1.1 / FPS), {"doubt": doubt})
    assert any("inside or outside cannot be judged" in note and "无法" in note for note in result.notes)


def test_frames_that_arrive_in_bursts_are_read_as_if_they_came_evenly():
    frames = [Frame(k, k / 25, noisy(wall(), k)) for k in range(100)]
    late = [Frame(k, (k // 10) * 0.4 + 0.4 + (k % 10) * 0.002, frames[k].image) for k in range(100)]
    even, _ = play("colonoscopy", frames)
    bursts, result = play("colonoscopy", late)
    read = [np.median([item.speed.speed for item in signals[40:] if item.speed.speed]) for signals in (even, bursts)]
    assert read[1] == pytest.approx(read[0], rel=0.05)
    assert any("arrived in bursts" in note and "成批" in note for note in result.notes)


def test_preparation_and_regions_reach_the_result_and_what_started_the_clock():
    def script(time_s):
        scene = Scene.CAECUM if 2 <= time_s < 7 else Scene.INSIDE
        return Sight(scene, {}, {}, 0.9 if time_s >= 7 else 0.1)

    _, result = play("colonoscopy", live(0, 45), script)
    assert (result.clocks.caecum_by, result.clocks.caecum_s) == ("picture", pytest.approx(2, abs=0.3))
    assert [third.score for third in result.preparation.thirds] == [2, 2, 2]
    assert result.preparation.adequate is True
    assert result.regions_seen is None
