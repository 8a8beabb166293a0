"""A small campaign over the real commands, and how it finds the file that is at fault among many."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from unmissed.benchmarks.hostile import campaign as module
from unmissed.benchmarks.hostile.answers import of_words
from unmissed.benchmarks.hostile.campaign import Written, all_cases, campaign, write
from unmissed.benchmarks.hostile.commands import COMMANDS, Command
from unmissed.benchmarks.hostile.fuzzing.running import check
from unmissed.benchmarks.hostile.fuzzing.targets import TARGETS
from unmissed.benchmarks.hostile.report import report, table, violations
from unmissed.benchmarks.hostile.sandbox import Finished
from unmissed.benchmarks.hostile.values import Answer, Case, Expect, Kind, Outcome, Place
from unmissed.datasets.basis.errors import ConfigError, UnmissedError

pytest.importorskip("psutil")

TWENTY = (
    *("tiff-intact.little", "tiff-page-loop.first", "tiff-value-of-tag.width-2147483648", "tiff-header-cut.8"),
    *("tiff-size-of-tile.65535", "tiff-jpeg-tables.noise", "dicom-matrix.width-4294967295", "kfb-header.magic"),
    *("dzi-description.laughs", "tile-names.far", "mrxs-parts.folder-is-file", "tiff-random-tags.03"),
    *("jpeg-intact.baseline", "jpeg-size.65500", "png-size.65535", "foreign-file-as-picture.pickle-jpg"),
    *("jpeg-cut.50", "file-name.newline", "policy-text.python-object", "card-text.deep"),
)


def test_twenty_hostile_files_do_no_harm(tmp_path: Path) -> None:
    """Of these, one is intact for each kind of command, and all others are refused or noted."""
    cases = [case for case in all_cases(1, None) if case.name in TWENTY]
    assert len(cases) == 20
    seen: list[Outcome] = []
    outcomes = campaign(write(cases, tmp_path, 0, None), tmp_path, seen.append)
    assert violations(outcomes) == []
    assert sorted(seen, key=str) == sorted(outcomes, key=str)
    assert {outcome.case for outcome in outcomes} == set(TWENTY)
    counts = report(outcomes, seed=0, files=20, seconds=1.0)["counts"]
    assert counts["triage"]["error"] >= 10
    assert counts["predict"]["result"] + counts["predict"].get("result with a note", 0) >= 2


def fake_case(number: int, expects: Expect = Expect.ANY) -> Case:
    def put(place: Place, variant: object) -> Path:
        return place.write(".txt", str(number).encode())

    return Case(f"fake.{number}", Kind.SLIDE, expects, put, None)


def fake_command(code: str, batch: int) -> Command:
    """A program that gets the files as its words."""

    def read(out: Path, inputs: list[Path], finished: Finished) -> list[Answer]:
        return [Answer(f"saw {path.name}" in finished.output) for path in inputs]

    head = "import sys, pathlib\nfor p in map(pathlib.Path, sys.argv[1:]):\n    n = int(p.read_text())\n    "
    return Command(
        "fake",
        frozenset({Kind.SLIDE}),
        batch,
        lambda inputs, out, sound: list(inputs),
        read,
        program=(sys.executable, "-c", f"{head}{code}\n    print('saw', p.name)"),
    )


def run_fake(command: Command, cases: list[Case], root: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Outcome]:
    monkeypatch.setattr(module, "COMMANDS", (command,))
    outcomes = campaign(write(cases, root, 0, None), root, lambda outcome: None, jobs=2)
    return {outcome.case: outcome for outcome in outcomes}


@pytest.mark.parametrize(
    ("code", "word"),
    [
        ("if n == 6: raise KeyError('six')", "a bug"),
        ("if n == 6: import os; os.kill(os.getpid(), 11)", "signal 11"),
        ("if n == 6: print('[h264 @ 0x1] no frame!')", "library"),
        ("if n == 6: pathlib.Path('stray').write_text('')", "outside"),
        ("if n == 6: sys.exit(2)", "stops a call with several files"),
        ("if n == 6: continue", "nothing was said"),
    ],
)
def test_the_file_at_fault_is_found_among_many(
    code: str, word: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = run_fake(fake_command(code, 12), [fake_case(n) for n in range(12)], tmp_path, monkeypatch)
    assert len(found) == 12
    assert {name for name, outcome in found.items() if outcome.violations} == {"fake.6"}
    assert any(word in what for what in found["fake.6"].violations)


def test_what_happens_only_together_is_not_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    code = "assert len(sys.argv) < 4 or n != 2"
    found = run_fake(fake_command(code, 4), [fake_case(n) for n in range(4)], tmp_path, monkeypatch)
    assert sum(bool(outcome.violations) for outcome in found.values()) == 1


def test_commands_read_the_exit_code_and_the_words() -> None:
    def said(code: int, output: str) -> Answer:
        finished = Finished(code=code, output=output, seconds=1, peak_bytes=1, stopped="", calls=0, strays=())
        return of_words(Path(), [Path("a")], finished)[0]

    assert said(0, "fine\n") == Answer(True, shown="fine")
    assert said(0, "Warning: counts differ\n").notes == ("Warning: counts differ",)
    assert said(2, "error: a is damaged\n  to do: x\n").error == "a is damaged\n  to do: x"
    assert said(3, "Unusable: b\n").error == "Unusable: b"
    assert not said(2, "").is_there
    assert not said(139, "").is_there


def test_the_report_counts_and_lists() -> None:
    rows = [Outcome("a.1", "slide", "triage", "error", "x", 2.0, 100.0, ("hangs", "traceback"))]
    rows.append(Outcome("a.2", "slide", "triage", "result", "y", 1.0, 300.0, ()))
    assert table(rows)[-1] == "| triage | 2 | 1 | 0 | 1 | 0 | 1 | 2.0 | 300 |"
    assert violations(rows) == ["a.1 (triage): hangs", "a.1 (triage): traceback"]
    whole = report(rows, seed=1, files=2, seconds=3.0)
    assert whole["counts"] == {"triage": {"error": 1, "result": 1}}
    assert [row["case"] for row in whole["violations"]] == ["a.1"]
    json.dumps({**whole, "outcomes": []})


def test_every_command_can_be_written_out(tmp_path: Path) -> None:
    sound = module.Sound.write(tmp_path / "sound")
    for command in COMMANDS:
        folder = tmp_path / command.name.replace(" ", "-")
        folder.mkdir(exist_ok=True)
        words = command.line([sound.picture], folder, sound)
        assert words[1:3] == ["-m", "unmissed.cli.app"]
        assert all(isinstance(word, str) for word in words)
        assert command.limit_s(1) == 90


def test_the_command_writes_lists_and_refuses(tmp_path: Path) -> None:
    program = [sys.executable, "-m", "unmissed.benchmarks.hostile"]
    environment = {**os.environ, "UNMISSED_DATA": ""}

    def call(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*program, *words], capture_output=True, text=True, env=environment, cwd=tmp_path)

    written = call("write", "--out", "w", "--only", "tiff-intact")
    assert written.returncode == 0
    assert len(list((tmp_path / "w" / "inputs").iterdir())) == len(written.stdout.splitlines()) == 4
    assert "tiff-intact.little\tslide\tread" in call("list", "--only", "tiff-intact").stdout
    refused = call("run", "--out", "r", "--only", "nothing-of-that-name")
    assert refused.returncode == 2
    assert "no file is named" in refused.stderr
    assert "did you mean card?" in call("fuzz", "--out", "f", "--parser", "cards").stderr


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_every_fuzzed_parser_takes_its_seeds_and_noise(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    parse = target.load(tmp_path)
    seeds = target.seeds()
    worked = 0
    for data in (*seeds, b"", b"\0" * 40, seeds[0][:30]):
        try:
            parse(data)
            worked += 1
        except UnmissedError:
            continue
    assert worked, "no seed was understood: the fuzzer would start from nothing"


def test_an_unknown_parser_is_refused() -> None:
    with pytest.raises(ConfigError, match="no parser"):
        check("nothing")


def test_a_case_on_the_disk_knows_its_place(tmp_path: Path) -> None:
    (item,) = write([fake_case(3)], tmp_path, 0, None)
    assert item == Written(item.case, tmp_path / "inputs" / "fake.3" / "fake-3.txt", tmp_path / "inputs" / "fake.3")
