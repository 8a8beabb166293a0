"""Pictures that never came out of the decoder: packets went in, and nothing with their time stamp came back."""

_SAME_PICTURE = 0.75  # of the usual interval: nearer to a picture that was shown, a packet was a part of it
_LONGEST_DELAY = 64  # packets; H.264 and HEVC hold back 16 pictures at most


class LostPictures:
    """Compares what is sent to a decoder with what it shows; not every decoder reports what it leaves out.

    Fields that are stored one by one and packets that only help others have the time of a picture that was shown, or
    nearly so. They are not counted. Nothing is said of a decoder that gives its pictures other stamps.

    Args:
        interval: usual distance of two pictures, in units of the time stamps.
    """

    def __init__(self, interval: float) -> None:
        self._near = _SAME_PICTURE * interval
        self._waiting: dict[int, int] = {}
        self._sent = 0
        self._last: int | None = None
        self._are_known = True

    def send(self, stamp: int) -> None:
        """A packet goes to the decoder."""
        self._waiting[stamp] = self._sent
        self._sent += 1

    def show(self, stamp: int) -> list[int]:
        """A picture comes back; returns the stamps of those before it that are lost."""
        turn = self._waiting.pop(stamp, None)
        last, self._last = self._last, stamp
        self._are_known = turn is not None
        if turn is None or not self._waiting:
            return []
        passed = [
            other
            for other, sent in self._waiting.items()
            if (other < stamp and sent < turn) or sent < self._sent - _LONGEST_DELAY
        ]
        for other in passed:
            del self._waiting[other]
        return sorted(other for other in passed if self._is_far(other, last) and self._is_far(other, stamp))

    def end(self) -> list[int]:
        """Stamps of those that never came."""
        waiting = self._waiting if self._are_known else {}
        return sorted(other for other in waiting if self._is_far(other, self._last))

    def _is_far(self, stamp: int, other: int | None) -> bool:
        return other is None or abs(stamp - other) >= self._near
