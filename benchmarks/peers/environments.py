"""Virtual environments of the peers, each made once from pinned requirements.

python -m unmissed.benchmarks.peers.environments --folder WHERE
"""

import hashlib
import shutil
import subprocess
import sys
from importlib.resources import files
from pathlib import Path
from typing import Annotated

import typer

from unmissed.benchmarks.peers.registry import PEERS, Peer, chosen_peers
from unmissed.datasets.basis.errors import RuntimeUnavailableError, UnmissedError
from unmissed.datasets.basis.files import make_folder, write_text

_STAMP = "made-from"
_LAST_WORDS = 1500


class PeerError(UnmissedError):
    """A peer could not be installed, or did not do its work."""


def requirements_of(peer: Peer) -> str:
    """Text of its pinned requirements."""
    return (files("unmissed.benchmarks.peers") / f"requirements-{peer.environment}.txt").read_text("utf-8")


def python_of(peer: Peer, folder: Path) -> Path:
    """The Python of a peer's environment.

    Raises:
        RuntimeUnavailableError: When it was not made, or from other requirements than today's.
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

    Returns:
        bool
            Whether it had to be made.

    Raises:
        PeerError: When ``venv`` or ``pip`` fails; what was made is removed.
    """
    try:
        python_of(peer, folder)
        return False
    except RuntimeUnavailableError:
        place = make_folder(folder) / peer.environment
    requirements = folder / f"requirements-{peer.environment}.txt"
    write_text(requirements, requirements_of(peer))
    try:
        _call(peer, [sys.executable, "-m", "venv", "--clear", str(place)])
        _call(peer, [str(_python_in(place)), "-m", "pip", "install", "--quiet", "-r", str(requirements)])
    except BaseException:
        shutil.rmtree(place, ignore_errors=True)
        raise
    write_text(place / _STAMP, _stamp_of(peer))
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


def main(
    folder: Annotated[Path, typer.Option(metavar="DIR", help="Folder of the environments; up to 13 GB.")],
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
