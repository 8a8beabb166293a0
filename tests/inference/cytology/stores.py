"""The S3 store on this machine, for tests."""

from contextlib import contextmanager

import pytest

from unmissed.datasets.storage import remote
from unmissed.testing.object_store import object_store


@contextmanager
def s3(monkeypatch):
    """A store with the bucket "lab", to which this process and its children are pointed; gives its door."""
    pytest.importorskip("obstore", reason="needs the extra storage")
    pytest.importorskip("moto.server", reason="needs the extra dev")
    with object_store("lab") as (door, environment):
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(remote, "_WAITS_S", (0.01, 0.01, 0.01))
        remote._store.cache_clear()
        door.asked.clear()
        try:
            yield door
        finally:
            remote._store.cache_clear()
