"""Environments of the peers: pinned, made once, and missed with the command that makes them."""

import re
import sys

import pytest

from unmissed.benchmarks.peers import environments
from unmissed.benchmarks.peers.environments import PeerError, make_environment, python_of
from unmissed.benchmarks.peers.registry import PEERS, chosen_peers
from unmissed.benchmarks.peers.runs import RUNNERS
from unmissed.datasets.basis.errors import RuntimeUnavailableError, UnmissedError

PINNED = re.compile(r"[A-Za-z0-9._-]+(\[[a-z,]+\])?==[A-Za-z0-9.!]+")


@pytest.mark.parametrize("peer", PEERS.values(), ids=PEERS)
def test_every_requirement_is_pinned_and_the_runner_is_there(peer):
    lines = [line for line in environments.requirements_of(peer).splitlines() if not line.startswith("#")]
    assert any(line.startswith("torch==") for line in lines)
    assert [line for line in lines if not PINNED.fullmatch(line)] == []
    assert (RUNNERS / peer.runner).is_file()
    assert {peer.best.mode, (peer.usual or peer.best).mode} <= set(peer.modes)


def test_a_missing_environment_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(RuntimeUnavailableError) as caught:
        python_of(PEERS["wsinfer"], tmp_path)
    assert f"python -m unmissed.benchmarks.peers.environments --folder {tmp_path} --peers wsinfer" in caught.value.fix


def make_with(monkeypatch, fails=False):
    """Stand in for venv and pip, and note what they were asked."""
    asked = []

    def call(peer, command):
        asked.append(command)
        if command[1:3] == ["-m", "venv"]:
            python = environments._python_in(environments.Path(command[-1]))
            python.parent.mkdir(parents=True)
            python.touch()
        elif fails:
            raise PeerError("pip said no")

    monkeypatch.setattr(environments, "_call", call)
    return asked


def test_an_environment_is_made_once_and_again_when_the_requirements_change(tmp_path, monkeypatch):
    asked = make_with(monkeypatch)
    peer = PEERS["openslide-eager"]
    assert make_environment(peer, tmp_path)
    assert asked[0][0] == sys.executable
    assert asked[1][0] == str(python_of(peer, tmp_path))
    assert (tmp_path / "requirements-openslide-loop.txt").read_text() == environments.requirements_of(peer)
    assert not make_environment(peer, tmp_path)
    assert not make_environment(PEERS["openslide-frozen"], tmp_path)  # the same Python
    assert len(asked) == 2
    (tmp_path / peer.environment / environments._STAMP).write_text("of other requirements")
    with pytest.raises(RuntimeUnavailableError):
        python_of(peer, tmp_path)


def test_what_failed_leaves_nothing(tmp_path, monkeypatch):
    make_with(monkeypatch, fails=True)
    with pytest.raises(PeerError):
        make_environment(PEERS["tiatoolbox"], tmp_path)
    assert not (tmp_path / "tiatoolbox").exists()


def test_peers_are_chosen_by_name():
    assert [peer.name for peer in chosen_peers("all")] == list(PEERS)
    assert chosen_peers("none") == []
    assert [peer.name for peer in chosen_peers("wsinfer, tiatoolbox")] == ["wsinfer", "tiatoolbox"]
    with pytest.raises(UnmissedError, match="no peer 'cellprofiler'"):
        chosen_peers("cellprofiler")
