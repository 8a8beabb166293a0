"""Who is told of what: a fast withdrawal once, a fast insertion never."""

from unmissed.inference.endoscopy.monitors.events import SpeedEvents
from unmissed.inference.endoscopy.values import EventKind, Motion, SpeedState, WithdrawalSpeed

RED, GREEN = (
    WithdrawalSpeed(value, state, value, value, value)
    for value, state in ((80, SpeedState.RED), (10, SpeedState.GREEN))
)


def told(states, expansion_s):
    teller = SpeedEvents()
    events = [
        event
        for index, speed in enumerate(states)
        for event in teller.update(index / 25, speed, Motion(expansion_s, 0.0, 1.0))
    ]
    return [event.kind for event in events]


def test_a_fast_withdrawal_is_told_once_until_it_has_slowed_down():
    assert told([GREEN] * 10 + [RED] * 30, 2.0) == [EventKind.SPEED]
    assert told([RED] * 20 + [GREEN] * 5 + [RED] * 20, 2.0) == [EventKind.SPEED] * 2


def test_a_fast_insertion_is_not_told():
    assert told([GREEN] * 10 + [RED] * 50, -2.0) == []


def test_a_speed_without_limits_is_never_told():
    assert told([WithdrawalSpeed(97.0, SpeedState.NOT_ASSESSED, 97.0, 97.0, 97.0)] * 30, 2.0) == []


def test_a_slip_is_told_whatever_the_direction():
    slipped = WithdrawalSpeed(None, SpeedState.GREY, None, None, None, slipped=True)
    assert told([GREEN, slipped, GREEN], -1.0) == [EventKind.SLIP]
