"""A folder among the temporary files of all users: the same one again, and nobody else's."""

import errno
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import Timer
from time import sleep

import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.storage.private import private_folder, working_folder

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="Windows has a temporary folder for each user")


@pytest.fixture
def own(monkeypatch, tmp_path):
    """The folder that holds all of this user's; not there yet."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path / f"unmissed-{os.geteuid()}"


def test_the_same_words_find_the_same_folder_and_only_its_user_enters(own):
    before = os.umask(0)  # nothing is taken away
    try:
        folder = private_folder("run", "s3://lab/a")
    finally:
        os.umask(before)
    assert folder.parent == own and stat.S_IMODE(own.stat().st_mode) == 0o700
    (folder / "kept").touch()
    assert (private_folder("run", "s3://lab/a") / "kept").exists()
    assert len({folder, private_folder("run", "s3://lab/b"), private_folder("copies", "s3://lab/a")}) == 3


def test_a_folder_of_another_user_is_refused(own, monkeypatch):
    own.mkdir(0o700)
    real = os.lstat(own).st_uid
    monkeypatch.setattr(os, "geteuid", lambda: real + 1)
    own.rename(own.with_name(f"unmissed-{real + 1}"))
    with pytest.raises(OutputError, match=r"belongs to another user.*TMPDIR"):
        private_folder("run", "x")


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o750, 0o701])
def test_a_folder_that_others_can_enter_is_refused(own, mode):
    own.mkdir()
    own.chmod(mode)
    with pytest.raises(OutputError, match=rf"is open to other users \(mode {mode:o}\)"):
        private_folder("run", "x")
    assert not list(own.iterdir())


def test_a_link_is_not_followed_and_a_file_is_no_folder(own, tmp_path):
    (tmp_path / "mine").mkdir(0o700)
    own.symlink_to(tmp_path / "mine")
    with pytest.raises(OutputError, match="is a link"):
        private_folder("run", "x")
    assert not list((tmp_path / "mine").iterdir())
    own.unlink()
    own.symlink_to(tmp_path / "nowhere")
    with pytest.raises(OutputError, match="is a link"):
        private_folder("run", "x")
    own.unlink()
    own.touch()
    with pytest.raises(OutputError, match="is not a folder"):
        private_folder("run", "x")


def test_without_a_folder_for_temporary_files_it_is_said(own, monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(OutputError, match="cannot write"):
        private_folder("run", "x")


HOLD = """
import sys, time
from pathlib import Path
from unmissed.datasets.storage.private import working_folder
with working_folder(Path(sys.argv[1])) as folder:
    (folder / "copy").write_text("pixels")
    print(folder.name, flush=True)
    time.sleep(600)
"""


def test_what_a_killed_process_has_left_goes_and_what_a_living_one_has_stays(tmp_path):
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE, text=True)
    theirs = tmp_path / process.stdout.readline().strip()
    with working_folder(tmp_path) as mine:
        assert {path.name for path in tmp_path.iterdir()} == {mine.name, theirs.name} and (theirs / "copy").exists()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    assert theirs.exists()
    with working_folder(tmp_path) as mine:
        assert list(tmp_path.iterdir()) == [mine] and not list(mine.iterdir())
    assert not list(tmp_path.iterdir())


def test_a_new_folder_that_another_process_takes_for_a_left_one_is_not_used(tmp_path, monkeypatch):
    import fcntl

    make, taken = tempfile.mkdtemp, []

    def take(folder, handle):
        shutil.rmtree(folder)
        os.close(handle)

    def mkdtemp(dir):
        folder = make(dir=dir)
        if not taken:
            taken.append(Path(folder))
            handle = os.open(folder, os.O_RDONLY)
            fcntl.flock(handle, fcntl.LOCK_EX)
            Timer(0.2, take, (folder, handle)).start()
        return folder

    monkeypatch.setattr(tempfile, "mkdtemp", mkdtemp)
    with working_folder(tmp_path) as mine:
        sleep(0.4)
        assert mine.exists() and mine != taken[0] and not taken[0].exists()


def test_without_room_it_is_said(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "mkdtemp", _full)
    with pytest.raises(OutputError, match="the disk is full"), working_folder(tmp_path):
        pass


def _full(dir):
    raise OSError(errno.ENOSPC, "No space left on device")
