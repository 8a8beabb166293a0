"""Cold and warm files, on the real page cache; skipped on file systems that do not tell or cannot forget."""

import os
from pathlib import Path

import pytest

from unmissed.benchmarks.speed.slides import page_cache
from unmissed.benchmarks.speed.slides.page_cache import COLD, CacheError, cached_share, make_cold, make_warm


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """16 MiB on a disk: the folder of the tests may lie in memory, the checkout rarely does."""
    path = tmp_path / "slide.tiff"
    path.write_bytes(os.urandom(2**24))
    try:
        make_cold(path)
    except CacheError as error:
        pytest.skip(f"no cold files here: {error.found}")
    return path


def test_a_file_gets_cold_and_warm_again(file: Path) -> None:
    assert cached_share(file) <= COLD
    make_warm(file)
    assert cached_share(file) >= 0.98
    make_cold(file)
    assert cached_share(file) <= COLD


def test_half_a_file_is_half_warm(file: Path) -> None:
    with file.open("rb", buffering=0) as stream:
        os.posix_fadvise(stream.fileno(), 0, 0, os.POSIX_FADV_RANDOM)  # nothing is read ahead
        stream.read(2**23)
    assert cached_share(file) == pytest.approx(0.5, abs=0.05)


def test_making_cold_changes_no_byte(file: Path) -> None:
    file.write_bytes(b"dirty" * 100_000)
    make_cold(file)
    assert file.read_bytes() == b"dirty" * 100_000


def test_a_file_that_stays_in_memory_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "slide.tiff"
    path.write_bytes(b"x")
    monkeypatch.setattr(page_cache, "cached_share", lambda path: 0.9)
    with pytest.raises(CacheError, match=r"90% of .* stayed in memory"):
        make_cold(path)


def test_a_system_that_cannot_tell_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "slide.tiff"
    path.write_bytes(b"x")
    monkeypatch.delattr(os, "preadv", raising=False)
    with pytest.raises(CacheError, match="does not report"):
        cached_share(path)
