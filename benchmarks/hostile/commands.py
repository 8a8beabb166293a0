"""Which command reads which kind of file: its words, how many files it takes, and how its answer is read."""

import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from unmissed.benchmarks.hostile import answers, certified
from unmissed.benchmarks.hostile.files import tiff
from unmissed.benchmarks.hostile.files.pixels import jpeg
from unmissed.benchmarks.hostile.files.video import film
from unmissed.benchmarks.hostile.sandbox import Finished
from unmissed.benchmarks.hostile.values import MAX_SECONDS, Answer, Kind

_UNMISSED = (sys.executable, "-m", "unmissed.cli.app")
_QUIET_WATCH = ("--lesion-model", "none", "--site-model", "none")
_TINY = {
    "name": "tiny",
    "data": {"dataset": "folder", "test_fraction": 0.2, "validation_fraction": 0.25},
    "input": {"size_px": 32, "cache_px": 40, "workers": 0},
    "model": {"backbone": "test_efficientnet", "stride": 8, "weights": "none"},
    "optimizer": {"epochs": 1, "batch_size": 8},
    "bootstrap": 100,
}


@dataclass(frozen=True, slots=True)
class Sound:
    """Intact files that commands need beside the hostile one."""

    slide: Path
    picture: Path
    film: Path
    recipe: Path
    policy: Path

    @classmethod
    def write(cls, folder: Path) -> "Sound":
        """Write them."""
        folder.mkdir(parents=True, exist_ok=True)
        names = ("good.tif", "good.jpg", "good.mp4", "tiny.yaml", "certified.yaml")
        found = cls(*(folder / name for name in names))
        found.slide.write_bytes(tiff.build([tiff.tiled_page()]))
        found.picture.write_bytes(jpeg())
        found.film.write_bytes(film())
        found.recipe.write_text(yaml.safe_dump(_TINY), "utf-8")
        certified.write(found.policy, (*_UNMISSED, "triage"), found.slide)
        return found


Words = Callable[[Sequence[Path], Path, Sound], Sequence[object]]
Read = Callable[[Path, Sequence[Path], Finished], list[Answer]]


@dataclass(frozen=True, slots=True)
class Command:
    """A command of the program for some kinds of files.

    Attributes:
        name: for the report.
        kinds: of files.
        batch: files that one call takes; one bad file must not stop the others.
        words: (files, output folder, sound files) -> the words after the program.
        read: reads the answers, one for each file.
        judges: whether the answer has to be what the rule expects; else only that there is one counts.
        program: what the words are given to.
    """

    name: str
    kinds: frozenset[Kind]
    batch: int
    words: Words
    read: Read
    judges: bool = True
    program: Sequence[str] = _UNMISSED

    def line(self, inputs: Sequence[Path], out: Path, sound: Sound) -> list[str]:
        """All words of the call."""
        return [*self.program, *map(str, self.words(inputs, out, sound))]

    def limit_s(self, count: int) -> float:
        """Wall time after which a call is killed; the time limit of triage, ``MAX_SECONDS``, comes first."""
        return MAX_SECONDS * (1.5 + (count - 1) / 20)


def _triage(inputs: Sequence[Path], out: Path, sound: Sound) -> Sequence[object]:
    return ("triage", *inputs, "-o", out, "--timeout-s", MAX_SECONDS, "--policy", sound.policy)


def _triage_scaled(inputs: Sequence[Path], out: Path, sound: Sound) -> Sequence[object]:
    return (*_triage(inputs, out, sound), "--um-per-px", 0.25)


def _prepare(inputs: Sequence[Path], out: Path, sound: Sound) -> Sequence[object]:
    """The archive is put where the download would be, which is then not made."""
    downloads = out / "a" / "b" / "c" / ".unmissed" / "downloads"
    downloads.mkdir(parents=True)
    shutil.copyfile(inputs[0], downloads / "kvasir-seg.zip")
    return ("data", "prepare", "kvasir-seg", "--root", downloads.parents[1], "--accept-licence")


def _kinds(*kinds: Kind) -> frozenset[Kind]:
    return frozenset(kinds)


COMMANDS: tuple[Command, ...] = (
    Command("triage", _kinds(Kind.SCALE), 30, _triage, answers.of_triage),
    Command("triage", _kinds(Kind.SLIDE, Kind.PICTURE, Kind.NAME), 30, _triage_scaled, answers.of_triage),
    Command(
        "triage --dry-run",
        _kinds(Kind.SLIDE, Kind.SCALE),
        30,
        lambda inputs, out, sound: ("triage", "--dry-run", *inputs),
        answers.of_dry_run,
        judges=False,
    ),
    Command(
        "predict",
        _kinds(Kind.PICTURE, Kind.NAME),
        40,
        lambda inputs, out, sound: (
            *("predict", "cell-sipakmed", *inputs, "-o", out / "found.csv"),
            *("--page", out / "found.html"),
        ),
        answers.of_predict,
    ),
    Command(
        "predict (finds)",
        _kinds(Kind.PICTURE),
        40,
        lambda inputs, out, sound: ("predict", "nucleus-finder", *inputs, "-o", out / "found.csv"),
        answers.of_predict,
        judges=False,
    ),
    Command(
        "watch",
        _kinds(Kind.VIDEO),
        1,
        lambda inputs, out, sound: ("watch", *inputs, "-o", out / "exam", *_QUIET_WATCH),
        answers.of_watch,
    ),
    Command(
        "predict MODEL",
        _kinds(Kind.MODEL),
        1,
        lambda inputs, out, sound: ("predict", *inputs, sound.picture, "-o", out / "found.csv"),
        answers.of_words,
    ),
    Command(
        "models info",
        _kinds(Kind.MODEL),
        1,
        lambda inputs, out, sound: ("models", "info", *inputs),
        answers.of_words,
        judges=False,
    ),
    Command(
        "triage --policy",
        _kinds(Kind.POLICY),
        1,
        lambda inputs, out, sound: ("triage", sound.slide, "-o", out, "--policy", *inputs),
        answers.of_words,
    ),
    Command(
        "watch --protocol",
        _kinds(Kind.PROTOCOL),
        1,
        lambda inputs, out, sound: (
            *("watch", sound.film, "-o", out / "exam", "--protocol"),
            *(*inputs, *_QUIET_WATCH),
        ),
        answers.of_words,
    ),
    Command(
        "train --check",
        _kinds(Kind.RECIPE),
        1,
        lambda inputs, out, sound: ("train", *inputs, "--check"),
        answers.of_words,
    ),
    Command(
        "train",
        _kinds(Kind.TRAINING),
        1,
        lambda inputs, out, sound: ("train", sound.recipe, f"data.root={inputs[0]}", "-o", out / "run"),
        answers.of_words,
    ),
    Command(
        "triage --um-per-px-table",
        _kinds(Kind.SIZES),
        1,
        lambda inputs, out, sound: ("triage", "--dry-run", sound.slide, "--um-per-px-table", *inputs),
        answers.of_words,
    ),
    *(
        Command(
            f"data verify {name}",
            _kinds(kind),
            1,
            lambda inputs, out, sound, name=name: ("data", "verify", name, "--root", *inputs),  # type: ignore[misc]
            answers.of_words,
        )
        for name, kind in (("csv", Kind.LABELS), ("folder", Kind.FOLDER), ("kvasir-seg", Kind.MASKS))
    ),
    Command("data prepare", _kinds(Kind.ARCHIVE), 1, _prepare, answers.of_words),
    Command(
        "export",
        _kinds(Kind.EXPORT),
        1,
        lambda inputs, out, sound: ("export", *inputs, "-o", out / "export"),
        answers.of_words,
    ),
)
