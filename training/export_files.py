"""What every export begins and ends with: a run that is finished, and files with their hashes."""

from pathlib import Path
from typing import Literal

from unmissed.datasets.errors import ConfigError
from unmissed.datasets.files import sha256_of
from unmissed.models.cards import FileSpec


def check_finished(run: Path) -> None:
    """Refuse a folder without a finished run.

    Raises
    ------
    ConfigError
        Says what to name in its place.
    """
    if not (run / "best.safetensors").is_file() or not (run / "run.json").is_file():
        folds = sorted(path.name for path in run.glob("fold-*"))
        raise ConfigError(
            f"{run} holds no finished run",
            expected="a folder that `unmissed train` has written to its end",
            fix=f"name one fold: {run / folds[0]}" if folds else "train first, or run the same command again to go on",
        )


def file_spec(path: Path, precision: Literal["fp32", "int8"], batch: int | None) -> FileSpec:
    """The card's entry for a file that was written."""
    return FileSpec(
        file=path.name,
        sha256=sha256_of(path),
        size_bytes=path.stat().st_size,
        precision=precision,
        stored=precision,
        batch=batch,
    )
