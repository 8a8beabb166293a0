"""Virtual environments of the peers, each made once from pinned requirements.

python -m unmissed.benchmarks.peers.environments --folder WHERE
"""

import hashlib
import shutil
import subprocess
import sys
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from unmissed.datasets.errors import RuntimeUnavailableError, UnmissedError
from unmissed.datasets.files import make_folder, write_whole

_STAMP = "made-from"
_LAST_WORDS = 1500


@dataclass(frozen=True, slots=True)
class Peer:
    """Another way to run a network over a slide.

    Attributes
    ----------
    name : as the command line names it.
    title : in tables.
    runner : script in ``runners`` that runs a job.
    environment : folder of its Python; its requirements have that name.
    modes : how it may run the network; see ``runners/plain_network.py``.
    """

    name: str
    title: str
    runner: str
    environment: str
    modes: tuple[str, ...]


_LOOP, _TOOLBOX, _WSINFER = "openslide_loop.py", "tiatoolbox_predictor.py", "wsinfer_inference.py"
_EAGER = ("eager", "channels-last")
PEERS = {
    peer.name: peer
    for peer in (
        Peer("tiatoolbox", "TIA Toolbox 2.1.3", _TOOLBOX, "tiatoolbox", (*_EAGER, "frozen")),
        Peer("openslide-eager", "OpenSlide loop, eager torch", _LOOP, "openslide-loop", _EAGER),
        Peer("openslide-frozen", "OpenSlide loop, frozen TorchScript", _LOOP, "openslide-loop", ("frozen",)),
        Peer("wsinfer", "WSInfer 0.6.1", _WSINFER, "wsinfer", ("channels-last", "frozen")),
    )
}


class PeerError(UnmissedError):
    """A peer could not be installed, or did not do its work."""


def requirements_of(peer: Peer) -> str:
    """Text of its pinned requirements."""
    return (files("unmissed.benchmarks.peers") / f"requirements-{peer.environment}.txt").read_text("utf-8")


def python_of(peer: Peer, folder: Path) -> Path:
    """The Python of a peer's environment.

    Raises
    ------
    RuntimeUnavailableError
        When it was not made, or from other requirements than today's.
    """
    place = folder / peer.environment
    stamp = place / _STAMP
    python = _python_in(place)
    if not stamp.is_file() or not python.exists() or stamp.read_text("utf-8") != _stamp_of(peer):
        raise RuntimeUnavailableError(
            f"{peer.title} has no environment in {folder}",
            fix=f"make it: python -m unmissed.benchmarks.peers.environments --folder {folder} --peers {peer.name}",
        )
    return python


def make_environment(peer: Peer, folder: Path) -> bool:
    """Make the environment of a peer unless it is there; downloads go through pip's cache, which all share.

    Returns
    -------
    bool
        Whether it had to be made.

    Raises
    ------
    PeerError
        When ``venv`` or ``pip`` fails; what was made is removed.
    """
    try:
        python_of(peer, folder)
        return False
    except RuntimeUnavailableError:
        place = make_folder(folder) / peer.environment
    requirements = folder / f"requirements-{peer.environment}.txt"
    with write_whole(requirements) as stream:
        stream.write(requirements_of(peer))
    try:
        _call(peer, [sys.executable, "-m", "venv", "--clear", str(place)])
        _call(peer, [str(_python_in(place)), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    with write_whole(place / _STAMP) as stream:
        stream.write(_stamp_of(peer))
    return True


def _python_in(place: Path) -> Path:
    return place / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")


def _stamp_of(peer: Peer) -> str:
    return hashlib.sha256(requirements_of(peer).encode()).hexdigest()


def _call(peer: Peer, command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)  # noqa: S603 - no shell, and our own words
    if done.returncode:
        raise PeerError(
            f"the environment of {peer.title} could not be made: {done.stderr[-_LAST_WORDS:]}",
            expected="Python 3.11 on Linux x86-64, and a package index",
            fix="see what pip says; the requirements are pinned to versions that ran together",
        )


def chosen_peers(words: str) -> list[Peer]:
    """The peers that "all" or "NAME,NAME" means; "none" means none.

    Raises
    ------
    UnmissedError
        For an unknown name.
    """
    names = {"all": list(PEERS), "none": []}.get(words, [name.strip() for name in words.split(",")])
    unknown = [name for name in names if name not in PEERS]
    if unknown:
        raise UnmissedError(
            f"no peer {unknown[0]!r}", expected=f"all, none, or some of {', '.join(PEERS)}", fix="correct the name"
        )
    return [PEERS[name] for name in names]


def main(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Where the environments lie; up to 13 GB.")],
    peers: Annotated[str, typer.Option(metavar="NAME,NAME", help=f"all, or some of {', '.join(PEERS)}.")] = "all",
) -> None:
    """Make the environments of the peers."""
    failed = False
    for peer in {peer.environment: peer for peer in chosen_peers(peers)}.values():
        try:
            made = make_environment(peer, folder)
        except UnmissedError as error:
            typer.echo(f"error: {error}", err=True)
            failed = True
            continue
        typer.echo(f"{folder / peer.environment}: {'made' if made else 'was there'}", err=True)
    if failed:
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
