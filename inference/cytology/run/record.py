"""The record of a run: settings, and every session with its arguments and times."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from time import monotonic
from typing import Any

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.clock import Paced, utc_now
from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.run.folder import RunFolder


class RunRecord:
    """The record of a run, ``run.json``, with this process as its newest session.

    Args:
        folder: of the run.
        record: the record so far; empty for a new run.
        settings: what shapes the results.
        arguments: what the user asked for this time.
    """

    def __init__(
        self, folder: RunFolder, record: Mapping[str, Any], settings: Mapping[str, Any], arguments: Mapping[str, Any]
    ) -> None:
        earlier: list[dict[str, Any]] = record.get("sittings", [])
        self._folder, self._begun = folder, monotonic()
        self._now: dict[str, Any] = {
            "started": utc_now(),
            "finished": None,
            "seconds": 0.0,
            "load_s": None,
            "slides": None,
            "screened": 0,
            "failed": 0,
            "load_average": hardware.load_average(),
            "arguments": dict(arguments),
        }
        self._keep = Paced(self.save, 1.0)
        self._earlier_s = sum(float(item.get("seconds", 0.0)) for item in earlier)
        self._record = {"command": "triage", "settings": settings, "sittings": [*earlier, self._now]}

    @property
    def seconds(self) -> float:
        """Wall time of all sessions."""
        return self._earlier_s + monotonic() - self._begun

    def save(self, more: Mapping[str, Any] | None = None) -> None:
        """Write the record in its current state; ``more`` is added to it."""
        self._now["seconds"] = round(monotonic() - self._begun, 3)
        self._record |= more or {}
        self._folder.write_record(self._record)

    def expect(self, slides: int) -> None:
        """Put down how many slides this session has to do."""
        self._now["slides"] = slides
        self.save()

    def count(self, screened: int, failed: int) -> None:
        """Put down how many slides this session has done, within a second or so."""
        counts = {"screened": screened, "failed": failed}
        wanted = not counts.items() <= self._now.items()
        self._now |= counts
        self._keep(wanted)

    def loaded(self, at: float) -> None:
        """Put down when the models were loaded and the first slide was begun (``time.monotonic``)."""
        self._now["load_s"] = round(at - self._begun, 3)

    def end(self) -> None:
        """Put down when this session ended."""
        self._now["finished"] = utc_now()
        self.save()


def check_settings(stored: Any, settings: Mapping[str, Any], output: Path) -> None:
    """Refuse to mix results of different settings in one worklist.

    Args:
        stored: the settings that ``run.json`` holds; None for a new run.
        settings: those of this session, as plain JSON values.
        output: the folder, for the message.

    Raises:
        ConfigError: Names what differs.
    """
    if stored is None:
        return
    before, now = dict(_leaves(stored)), dict(_leaves(settings))
    differing = [
        f"{name} was {_shown(before.get(name))} and is now {_shown(now.get(name))}"
        for name in sorted(before.keys() | now.keys())
        if before.get(name) != now.get(name)
    ]
    if differing:
        raise ConfigError(
            f"{output} holds a run with other settings: {'; '.join(differing)}",
            expected="the same settings for all slides of a run",
            fix="name another folder with -o, or add --overwrite to screen everything again",
        )


def _leaves(values: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Nested settings as (name, value): ("preset.min_score", 0.3)."""
    if isinstance(values, Mapping):
        for key, value in values.items():
            yield from _leaves(value, f"{name}.{key}" if name else str(key))
    else:
        yield name, values


def _shown(value: Any) -> str:
    """A value in a message; of a hash the first digits."""
    if value is None:
        return "not set"
    text = str(value)
    return f"{text[:12]}..." if re.fullmatch(r"[0-9a-f]{64}", text) else text
