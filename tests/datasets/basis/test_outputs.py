"""What an output is written over: a file is replaced as a whole, a link is followed, a pipe or device stays one."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from unmissed.datasets.basis.errors import OutputError
from unmissed.datasets.basis.files import make_folder, write_bytes, write_text

needs_pipes = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")


def test_a_link_is_followed_and_stays(tmp_path):
    (tmp_path / "elsewhere").mkdir()
    real, link, chain = tmp_path / "elsewhere" / "real.txt", tmp_path / "link.txt", tmp_path / "chain.txt"
    link.symlink_to("elsewhere/real.txt")
    chain.symlink_to(link)
    write_text(chain, "new")  # nothing is there yet
    write_text(link, "newer")
    assert real.read_text() == "newer" and not real.is_symlink()
    assert link.is_symlink() and chain.is_symlink()
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["chain.txt", "elsewhere", "link.txt", "real.txt"]


def test_links_in_a_circle_are_an_error(tmp_path):
    (tmp_path / "a").symlink_to("b")
    (tmp_path / "b").symlink_to("a")
    with pytest.raises(OutputError, match="lead to each other"):
        write_text(tmp_path / "a", "x")
    assert (tmp_path / "a").is_symlink()


@pytest.mark.skipif(os.name == "nt", reason="permissions of POSIX")
def test_a_file_keeps_its_permissions(tmp_path):
    private = tmp_path / "private.csv"
    private.touch()
    private.chmod(0o600)
    write_text(private, "x")
    assert stat.S_IMODE(private.stat().st_mode) == 0o600


@needs_pipes
def test_a_pipe_is_written_and_stays(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OutputError, match="nothing reads from this pipe"):
        write_text(pipe, "x")
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_bytes(pipe, b"through")
    assert os.read(reader, 100) == b"through" and pipe.is_fifo()
    os.close(reader)


@pytest.mark.parametrize(("device", "error"), [("/dev/null", ""), ("/dev/full", "the disk is full")])
def test_a_device_stays_a_device(device, error):
    if not Path(device).is_char_device():
        pytest.skip(f"needs {device}")
    number = Path(device).stat().st_rdev
    if error:
        with pytest.raises(OutputError, match=error):
            write_text(Path(device), "x")
    else:
        write_text(Path(device), "x")
    assert Path(device).is_char_device() and Path(device).stat().st_rdev == number


@needs_pipes
def test_standard_output_is_continued_wherever_it_goes(tmp_path):
    words = "from pathlib import Path; from unmissed.datasets.basis.files import write_text\n"
    words += "print('first', flush=True); write_text(Path('/dev/stdout'), 'second\\n'); print('third')"
    assert (
        subprocess.run([sys.executable, "-c", words], capture_output=True, text=True).stdout == "first\nsecond\nthird\n"
    )
    log = tmp_path / "log.txt"
    log.write_text("kept\n")
    with log.open("a") as appended:
        subprocess.run([sys.executable, "-c", words], stdout=appended, check=True)
    assert log.read_text() == "kept\nfirst\nsecond\nthird\n"


def test_a_folder_is_no_file_and_a_link_to_nowhere_is_no_folder(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "nowhere").symlink_to(tmp_path / "missing")
    with pytest.raises(OutputError, match="it is a folder"):
        write_text(tmp_path / "folder", "x")
    with pytest.raises(OutputError, match="a link that leads nowhere"):
        make_folder(tmp_path / "nowhere")
    (tmp_path / "linked").symlink_to(tmp_path / "folder")
    write_text(make_folder(tmp_path / "linked") / "a.txt", "x")
    assert (tmp_path / "folder" / "a.txt").read_text() == "x"
