"""Boxes become alerts when they persist, and one area alerts once."""

from unmissed.inference.endoscopy.monitors.alerts import LesionAlerts
from unmissed.inference.endoscopy.protocol import LesionLimits
from unmissed.inference.endoscopy.values import Box, Event, EventKind, Lesion
from unmissed.inference.reports.words import Word

FRAME_PX = (1280, 1024)


MILD = "Polyp, looks non-neoplastic: look carefully"
HIGH = "High risk, look carefully"
KINDS = {"neoplastic": Word("Neoplastic", "肿瘤性息肉"), "non-neoplastic": Word("Non-neoplastic", "非肿瘤性息肉")}


def box(x: float = 400, y: float = 300, score: float = 0.9, side: float = 80) -> tuple[Lesion, ...]:
    return (Lesion(Box(x, y, side, side), score),)


def polyp(kind: str, share: float = 0.96, x: float = 400) -> tuple[Lesion, ...]:
    return (Lesion(Box(x, 300, 80, 80), 0.95, kind, share),)


def watch(
    alerts: LesionAlerts, frames: list[tuple[Lesion, ...]], start_s: float = 0.0, rate: float = 25.0, legible=True
) -> tuple[list[bool], list[Event]]:
    told, events = [], []
    for index, lesions in enumerate(frames):
        alert, event = alerts.update(start_s + index / rate, lesions, legible, FRAME_PX)
        told.append(alert)
        events += [event] if event else []
    return told, events


def test_six_frames_are_withheld_and_the_seventh_alerts():
    told, events = watch(LesionAlerts(LesionLimits()), [box()] * 6 + [()] * 20)
    assert (any(told), events) == (False, [])
    told, events = watch(LesionAlerts(LesionLimits()), [box()] * 8)
    assert told == [False] * 6 + [True] * 2
    assert [(event.kind, round(event.time_s, 2)) for event in events] == [(EventKind.LESION, 0.24)]
    assert (events[0].text, events[0].text_zh) == ("High risk, look carefully", "高危，请仔细观察")
    assert events[0].data["since_s"] == 0.0


def test_persistence_is_time_not_frames():
    told, _ = watch(LesionAlerts(LesionLimits()), [box()] * 5, rate=12.5)
    assert told.index(True) == 3
    told, _ = watch(LesionAlerts(LesionLimits()), [box()] * 5, rate=4)
    assert told.index(True) == 2  # two frames alone are no persistence


def test_short_gaps_are_forgiven_and_long_ones_are_not():
    told, events = watch(LesionAlerts(LesionLimits()), [box(), box(), box(), (), (), box(), box(), box()])
    assert told[-1]
    assert len(events) == 1
    told, events = watch(LesionAlerts(LesionLimits()), ([box()] * 3 + [()] * 3) * 4)
    assert (any(told), events) == (False, [])


def test_what_comes_and_goes_is_not_announced():
    told, events = watch(LesionAlerts(LesionLimits()), [box(), (), box()] * 10)
    assert (any(told), events) == (False, [])


def test_a_moving_area_is_followed_and_jumping_boxes_are_not():
    drifting = [box(400 + 20 * step) for step in range(10)]
    assert watch(LesionAlerts(LesionLimits()), drifting)[0][-1]
    jumping = [box(100 + 400 * (step % 3), 100 + 300 * (step % 2)) for step in range(30)]
    assert not any(watch(LesionAlerts(LesionLimits()), jumping)[0])


def test_illegible_frames_and_weak_boxes_do_not_count():
    assert not any(watch(LesionAlerts(LesionLimits()), [box()] * 20, legible=False)[0])
    assert not any(watch(LesionAlerts(LesionLimits(threshold=0.95)), [box()] * 20)[0])


def test_an_area_is_announced_once():
    alerts = LesionAlerts(LesionLimits(repeat_s=5))
    assert len(watch(alerts, [box()] * 300)[1]) == 1  # twelve seconds in view
    told, events = watch(alerts, [box(430)] * 20, start_s=14.0)
    assert told[-1]
    assert events == []  # back after two seconds, near the place
    assert len(watch(alerts, [box()] * 20, start_s=30.0)[1]) == 1  # long after


def test_two_areas_are_two_announcements():
    both = box(100, 100) + box(1000, 800)
    told, events = watch(LesionAlerts(LesionLimits()), [both] * 20)
    assert told[-1]
    assert [event.data["x_px"] for event in events] == [100, 1000]


def test_a_gap_or_another_picture_size_begins_anew():
    alerts = LesionAlerts(LesionLimits())
    watch(alerts, [box()] * 6)
    assert not any(watch(alerts, [box()] * 6, start_s=10.0)[0])
    alerts.update(10.24, box(), True, (640, 480))
    assert alerts.update(10.28, box(), True, (640, 480)) == (False, None)


def test_an_alert_stays_while_nobody_looks_and_not_for_ever():
    alerts = LesionAlerts(LesionLimits())
    watch(alerts, [box()] * 8)
    assert alerts.is_alert(0.5) and not alerts.is_alert(1.4)
    alerts.forget()
    assert not alerts.is_alert(0.5)


def test_what_looks_non_neoplastic_over_its_frames_is_not_called_high_risk():
    alerts = LesionAlerts(LesionLimits())
    _, (event,) = watch(alerts, [polyp("non-neoplastic")] * 8)
    assert (event.text, event.data["lesion_kind"]) == (MILD, "non-neoplastic")
    assert event.text_zh == "息肉，倾向非肿瘤性，请仔细观察"
    assert alerts.is_mild
    _, (event,) = watch(LesionAlerts(LesionLimits()), [polyp("neoplastic")] * 8)
    assert (event.text, event.data["lesion_kind"]) == (HIGH, "neoplastic")


def test_an_unclear_kind_is_high_risk():
    for frames in (
        [polyp("non-neoplastic", 0.6)] * 8,
        [polyp("non-neoplastic"), polyp("neoplastic")] * 4,
    ):
        alerts = LesionAlerts(LesionLimits())
        _, (event,) = watch(alerts, frames)
        assert event.text == HIGH and "lesion_kind" not in event.data
        assert not alerts.is_mild


def test_one_frame_does_not_change_the_kind():
    _, (event,) = watch(
        LesionAlerts(LesionLimits()),
        [polyp("non-neoplastic")] * 8 + [polyp("neoplastic", 0.6)] + [polyp("non-neoplastic")] * 8,
    )
    assert event.text == MILD


def test_a_mild_area_that_becomes_high_risk_is_announced_once_more_and_never_back():
    frames = [polyp("non-neoplastic")] * 8 + [polyp("neoplastic")] * 60 + [polyp("non-neoplastic")] * 300
    _, events = watch(LesionAlerts(LesionLimits()), frames)
    assert [event.text for event in events] == [MILD, HIGH]


def test_a_mild_area_beside_one_of_high_risk_leaves_the_alert_high():
    alerts = LesionAlerts(LesionLimits())
    _, events = watch(alerts, [polyp("non-neoplastic") + polyp("neoplastic", x=1000)] * 9)
    assert sorted(event.text for event in events) == [HIGH, MILD]
    assert not alerts.is_mild


def test_a_mild_area_that_becomes_high_risk_near_another_of_high_risk_is_announced_too():
    other = polyp("neoplastic", x=100)
    frames = [other + polyp("non-neoplastic", x=500)] * 10
    frames += [other + polyp("non-neoplastic", x=500 - 20 * step) for step in range(6)]
    frames += [other + polyp("neoplastic", x=400)] * 60
    _, events = watch(LesionAlerts(LesionLimits()), frames)
    assert [(event.text, event.data["x_px"]) for event in events] == [(HIGH, 100), (MILD, 500), (HIGH, 400)]


def test_an_announcement_names_the_kind_as_the_card_does():
    for frame, names in (
        (polyp("neoplastic"), ("Neoplastic", "肿瘤性息肉")),
        (polyp("non-neoplastic", 0.6), ("Not clear", "不明确")),
    ):
        _, (event,) = watch(LesionAlerts(LesionLimits(), KINDS), [frame] * 8)
        assert (event.data["lesion_kind_name"], event.data["lesion_kind_name_zh"]) == names
    _, (event,) = watch(LesionAlerts(LesionLimits()), [box()] * 8)
    assert "lesion_kind_name" not in event.data  # of a model that does not distinguish


def test_boxes_have_the_kind_of_their_area_and_not_of_the_frame():
    alerts = LesionAlerts(LesionLimits(), KINDS)
    watch(alerts, [polyp("non-neoplastic") + polyp("neoplastic", x=1000)] * 9)
    last = polyp("neoplastic", 0.6) + polyp("neoplastic", x=1000) + polyp("neoplastic", x=700)
    watch(alerts, [last], start_s=0.36)
    found = [lesion.area_kind for lesion in alerts.name_kinds(last)]
    assert [(word.en, word.tone) for word in found[:2]] == [("Non-neoplastic", "warn"), ("Neoplastic", "bad")]
    assert found[2] is None  # it has not persisted
