"""Datasets are fetched from a server of our own: checked, unpacked safely, resumed, refused with a reason."""

import hashlib
import http.server
import io
import json
import os
import shutil
import socket
import stat
import tarfile
import threading
import zipfile
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from unmissed.cli.data import app
from unmissed.datasets import registry
from unmissed.datasets.basis.errors import DatasetError, OutputError
from unmissed.datasets.prepare import prepare
from unmissed.datasets.records import Download
from unmissed.datasets.registry import PublicDataset
from unmissed.datasets.unpack import Limits, unpack


def png(seed=0):
    stream = io.BytesIO()
    Image.fromarray(np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)).save(stream, "PNG")
    return stream.getvalue()


def zipped(files, path=None):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    if path is not None:
        path.write_bytes(stream.getvalue())
    return stream.getvalue()


GOOD = zipped({"set/cat/a.png": png(0), "set/dog/b.png": png(1)})


class Server:
    """Serves ``files``; counts the requests; ``cut`` names files whose transfer breaks off halfway."""

    def __init__(self):
        self.files, self.cut, self.requests = {}, set(), []
        outer = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                name = self.path.lstrip("/")
                outer.requests.append(name)
                content = outer.files.get(name)
                self.send_response(200 if content is not None else 404)
                content = content or b""
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content[: len(content) // 2] if name in outer.cut else content)

            def log_message(self, *args):
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def dataset(self, *names, checksum=None):
        base = f"http://127.0.0.1:{self.http.server_port}"
        downloads = tuple(Download(f"{base}/{name}", checksum) for name in names)
        return with_downloads(*downloads)


def with_downloads(*downloads):
    own = registry.get("folder")
    info = replace(own.info, downloads=downloads, homepage="https://example.org", licence="CC BY 4.0")
    return PublicDataset(info, lambda root: own.read(root / "set"))


@pytest.fixture
def server(monkeypatch):
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    found = Server()
    yield found
    found.http.shutdown()
    found.http.server_close()


def nothing_but_receipts(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file() and p.suffix != ".json")


def test_fetch_unpack_read_and_leave_a_receipt(server, tmp_path):
    server.files["set.zip"] = GOOD
    lines = []
    assert prepare(server.dataset("set.zip"), tmp_path, accept_licence=True, notify=lines.append) == 2
    receipt = json.loads((tmp_path / ".unmissed" / "set.zip.json").read_text())
    assert receipt["sha256"] == hashlib.sha256(GOOD).hexdigest() and receipt["files"] == 2
    assert nothing_but_receipts(tmp_path) == ["set/cat/a.png", "set/dog/b.png"]
    assert any(receipt["sha256"] in line and "no checksum is published" in line for line in lines)
    assert "CC BY 4.0" in lines[0]


def test_a_second_run_fetches_nothing(server, tmp_path):
    server.files["set.zip"] = GOOD
    for _ in range(2):
        prepare(server.dataset("set.zip"), tmp_path, accept_licence=True)
    assert server.requests == ["set.zip"]


def test_a_stopped_run_goes_on_with_the_missing_file(server, tmp_path):
    server.files["set.zip"] = GOOD
    dataset = server.dataset("set.zip", "split.csv")
    with pytest.raises(DatasetError, match=r"refuses .*split.csv.*404"):
        prepare(dataset, tmp_path, accept_licence=True)
    server.files["split.csv"] = b"a,b\n"
    assert prepare(dataset, tmp_path, accept_licence=True) == 2
    assert server.requests == ["set.zip", "split.csv", "split.csv"]
    assert (tmp_path / "split.csv").read_bytes() == b"a,b\n"


def test_a_file_that_was_fetched_by_hand_is_used(server, tmp_path):
    (tmp_path / ".unmissed" / "downloads").mkdir(parents=True)
    (tmp_path / ".unmissed" / "downloads" / "set.zip").write_bytes(GOOD)
    assert prepare(server.dataset("set.zip"), tmp_path, accept_licence=True) == 2
    assert server.requests == []


@pytest.mark.parametrize("algorithm", ["sha256", "md5"])
def test_checksums(server, tmp_path, algorithm):
    server.files["set.zip"] = GOOD
    right = f"{algorithm}:{hashlib.new(algorithm, GOOD).hexdigest()}"
    wrong = right[:-4] + ("0000" if right[-4:] != "0000" else "1111")
    with pytest.raises(DatasetError, match="wrong checksum"):
        prepare(server.dataset("set.zip", checksum=wrong), tmp_path, accept_licence=True)
    assert nothing_but_receipts(tmp_path) == []
    assert prepare(server.dataset("set.zip", checksum=right), tmp_path, accept_licence=True) == 2


def test_a_transfer_that_breaks_off_leaves_nothing(server, tmp_path):
    server.files["set.zip"] = zipped({"set/cat/a.bin": np.random.default_rng(0).bytes(300_000)})
    server.cut.add("set.zip")
    with pytest.raises(DatasetError, match=r"was interrupted|no connection"):
        prepare(server.dataset("set.zip"), tmp_path, accept_licence=True)
    assert nothing_but_receipts(tmp_path) == []


def test_no_network(tmp_path, server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    dataset = with_downloads(Download(f"http://127.0.0.1:{port}/set.zip"))
    with pytest.raises(DatasetError) as caught:
        prepare(dataset, tmp_path, accept_licence=True)
    for word in (f"no connection to 127.0.0.1:{port}", "HTTPS_PROXY", "by hand", "https://example.org"):
        assert word in str(caught.value)


def test_the_licence_comes_first(server, tmp_path):
    with pytest.raises(DatasetError, match="--accept-licence"):
        prepare(server.dataset("set.zip"), tmp_path, accept_licence=False)
    assert server.requests == [] and list(tmp_path.iterdir()) == []


def test_sets_without_a_download_say_where_to_go(tmp_path):
    with pytest.raises(DatasetError, match=r"https://polyp.grand-challenge.org"):
        prepare(registry.get("cvc-clinicdb"), tmp_path, accept_licence=True)


@pytest.mark.parametrize("name", ["../evil.txt", "/abs/evil.txt", "a/../../evil.txt", "..\\evil.txt", "C:\\evil.txt"])
def test_zip_slip(server, tmp_path, name):
    server.files["set.zip"] = zipped({"set/cat/a.png": png(), name: b"evil"})
    with pytest.raises(DatasetError, match="leads outside"):
        prepare(server.dataset("set.zip"), tmp_path / "root", accept_licence=True)
    assert not list(tmp_path.rglob("*evil*")) and not (tmp_path / "root" / "set").exists()


def tarred(path, *members):
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def test_tar_files_links_and_slips(tmp_path):
    good = tarred(tmp_path / "good.tar.gz", (tarfile.TarInfo("a/b.txt"), b"hello"))
    assert unpack(good, tmp_path / "good") == 1 and (tmp_path / "good" / "a" / "b.txt").read_bytes() == b"hello"
    link = tarfile.TarInfo("link")
    link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
    for member in (link, tarfile.TarInfo("../evil")):
        with pytest.raises(DatasetError, match=r"link or device|leads outside"):
            unpack(tarred(tmp_path / "bad.tar.gz", (member, b"")), tmp_path / "bad")
        assert not (tmp_path / "bad").exists()


def test_zip_links_and_bombs(tmp_path):
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "link.zip", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(DatasetError, match="holds a link"):
        unpack(tmp_path / "link.zip", tmp_path / "out")
    zipped({"zeros": bytes(1_000_000)}, tmp_path / "bomb.zip")
    with pytest.raises(DatasetError, match="too large"):
        unpack(tmp_path / "bomb.zip", tmp_path / "out", Limits(size_bytes=999_999))
    zipped({f"{i}": b"" for i in range(11)}, tmp_path / "many.zip")
    with pytest.raises(DatasetError, match="too large: 11 files"):
        unpack(tmp_path / "many.zip", tmp_path / "out", Limits(entries=10))
    assert not (tmp_path / "out").exists()


def test_damaged_archives(server, tmp_path):
    server.files["set.zip"] = GOOD[: len(GOOD) // 2]
    with pytest.raises(DatasetError, match="damaged or no archive"):
        prepare(server.dataset("set.zip"), tmp_path, accept_licence=True)
    flipped = bytearray(zipped({"a.bin": bytes(range(256)) * 50}))
    flipped[60] ^= 0xFF
    (tmp_path / "flipped.zip").write_bytes(bytes(flipped))
    with pytest.raises(DatasetError, match="damaged"):
        unpack(tmp_path / "flipped.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("where", "new"),
    [
        (b"PK\x01\x02", {28: b"\0\0\2\0"}),  # a name of no characters
        (b"PK\x01\x02", {8: b"\0\x08", 46: b"\xe1\xff"}),  # said to be UTF-8
        (b"PK\x05\x06", {16: b"\xff\0\0\0"}),  # the directory lies further back than there are bytes
    ],
)
def test_entries_that_cannot_be(tmp_path, where, new):
    """Found by fuzzing: each was another exception of the standard library."""
    data = bytearray(zipped({"ab": b"1"}))
    for at, value in new.items():
        start = data.index(where) + at
        data[start : start + len(value)] = value
    (tmp_path / "odd.zip").write_bytes(data)
    with pytest.raises(DatasetError, match=r"odd\.zip"):
        unpack(tmp_path / "odd.zip", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_archives_that_contradict_themselves(tmp_path):
    with pytest.warns(UserWarning, match="Duplicate"):
        stream = zipfile.ZipFile(tmp_path / "twice.zip", "w")
        stream.writestr("a", b"1")
        stream.writestr("a", b"2")
        stream.close()
    zipped({"a": b"1", "a/b": b"2"}, tmp_path / "both.zip")
    for name in ("twice.zip", "both.zip"):
        with pytest.raises(DatasetError, match="damaged"):
            unpack(tmp_path / name, tmp_path / "out")


def test_7z_without_a_program_says_what_to_install(tmp_path, monkeypatch):
    (tmp_path / "a.7z").write_bytes(b"7z")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DatasetError, match=r"bsdtar, 7zz, 7z, 7za.*libarchive-tools"):
        unpack(tmp_path / "a.7z", tmp_path / "out")


def test_7z_by_a_program(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "bsdtar"
    fake.write_text(f'#!/bin/sh\n[ "$2" = "{tmp_path}/bad.7z" ] && echo no >&2 && exit 1\necho hi > "$4/a.txt"\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    for name in ("good.7z", "bad.7z"):
        (tmp_path / name).write_bytes(b"7z")
    assert unpack(tmp_path / "good.7z", tmp_path / "out") == 1
    assert (tmp_path / "out" / "a.txt").read_text() == "hi\n"
    with pytest.raises(DatasetError, match="could not be unpacked by bsdtar: no"):
        unpack(tmp_path / "bad.7z", tmp_path / "out2")


def test_a_program_is_stopped_at_the_limits(tmp_path, monkeypatch):
    programs = tmp_path / "bin"
    programs.mkdir()
    fake = programs / "bsdtar"
    fake.write_text('#!/bin/sh\necho $$ > "$4/../pid"\nwhile :; do head -c 1000000 /dev/zero >> "$4/bomb"; done\n')
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{programs}:/usr/bin:/bin")
    (tmp_path / "a.7z").write_bytes(b"7z")
    with pytest.raises(DatasetError, match="is too large"):
        unpack(tmp_path / "a.7z", tmp_path / "out", Limits(size_bytes=2_000_000))
    assert not (tmp_path / "out").exists()
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_a_real_7z(tmp_path):
    program = next((p for p in ("7zz", "7z", "7za", "bsdtar") if shutil.which(p)), None)
    if program is None:
        pytest.skip("no 7z program here (bsdtar, 7zz, 7z or 7za)")
    import subprocess

    (tmp_path / "a.txt").write_text("hello")
    make = ["-a", "-cf"] if program == "bsdtar" else ["a"]
    subprocess.run([program, *make, "a.7z", "a.txt"], cwd=tmp_path, check=True, capture_output=True)
    assert unpack(tmp_path / "a.7z", tmp_path / "out") == 1


def test_a_root_that_is_a_file(server, tmp_path):
    (tmp_path / "root").write_text("")
    server.files["set.zip"] = GOOD
    with pytest.raises(OutputError):
        prepare(server.dataset("set.zip"), tmp_path / "root", accept_licence=True)


def test_the_command_shows_every_step(server, tmp_path, monkeypatch):
    server.files["set.zip"] = GOOD
    dataset = server.dataset("set.zip")
    monkeypatch.setattr(registry, "get", lambda name: dataset)
    words = ["prepare", "folder", "--root", str(tmp_path), "--accept-licence"]
    done = CliRunner().invoke(app, words, env={"COLUMNS": "160"})
    assert done.exit_code == 0, done.output
    assert "sha256" in done.stdout and "is ready: 2 records" in done.stdout
