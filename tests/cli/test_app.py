"""The unmissed command from the outside: messages, exit codes, laziness."""

import logging
import os
import subprocess
import sys
import types
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import typer

from unmissed.cli import app as app_module
from unmissed.cli.app import VERBS, main
from unmissed.datasets.basis.errors import ConfigError, UnmissedError


@pytest.fixture(autouse=True)
def _plain_logging(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.delenv("UNMISSED_DEBUG", raising=False)
    log = logging.getLogger("unmissed")
    before = (log.level, log.propagate, list(log.handlers))
    yield
    log.setLevel(before[0])
    log.propagate, log.handlers = before[1], before[2]


@pytest.fixture
def verb(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[..., None]], None]:
    """Put a function of the test in the place of the verb `doctor`."""

    def install(function: Callable[..., None]) -> None:
        module = types.ModuleType("unmissed.cli.doctor")
        module.doctor = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "unmissed.cli.doctor", module)
        monkeypatch.setattr(app_module.importlib.util, "find_spec", lambda name: object())

    return install


def code_of(*words: str) -> int:
    with pytest.raises(SystemExit) as leaving:
        main(list(words))
    assert isinstance(leaving.value.code, int)
    return leaving.value.code


def command() -> Path:
    """The installed entry point beside this Python."""
    return Path(sys.executable).with_name("unmissed")


def test_help_names_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("--help") == 0
    text = capsys.readouterr().out
    for name, words in VERBS.items():
        assert f"  {name} " in text
        assert words in text


@pytest.mark.parametrize("name", VERBS)
def test_every_verb_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(name, "--help") == 0
    text = capsys.readouterr().out
    assert f"Usage: unmissed {name}" in text
    assert "Parameters\n" not in text


def test_version_is_the_installed_one(capsys: pytest.CaptureFixture[str]) -> None:
    from importlib.metadata import version

    assert code_of("--version") == 0
    assert capsys.readouterr().out == f"unmissed {version('unmissed')}\n"


def test_no_words_is_wrong_usage(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of() == 2
    assert "Usage: unmissed" in "".join(capsys.readouterr())


@pytest.mark.parametrize("words", [["--bogus"], ["models", "info"], ["models", "nonesuch"]])
def test_wrong_usage_is_2_with_the_usage_line(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of(*words) == 2
    assert "Usage: unmissed" in capsys.readouterr().err


def test_a_misspelt_verb_gets_the_closest_one(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("predikt") == 2
    error = capsys.readouterr().err
    assert "'predikt'" in error
    assert "did you mean `unmissed predict`?" in error


class _HasCode7(UnmissedError):
    exit_code = 7


@pytest.mark.parametrize(("kind", "code"), [(ConfigError, 2), (_HasCode7, 7)])
def test_our_errors_tell_found_expected_and_fix(
    kind: type[UnmissedError], code: int, verb: Callable, capsys: pytest.CaptureFixture[str]
) -> None:
    def doctor() -> None:
        raise kind("the cup is empty", expected="a full cup", fix="pour tea")

    verb(doctor)
    assert code_of("doctor") == code
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err == "error: the cup is empty\n  expected: a full cup\n  to do:    pour tea\n"


@pytest.mark.parametrize("how", ["--debug", "environment"])
def test_debug_adds_the_traceback(
    how: str, verb: Callable, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def doctor() -> None:
        raise ConfigError("the cup is empty")

    verb(doctor)
    if how == "environment":
        monkeypatch.setenv("UNMISSED_DEBUG", "1")
    assert code_of(*([how] if how == "--debug" else []), "doctor") == 2
    error = capsys.readouterr().err
    assert "Traceback" in error
    assert "error: the cup is empty" in error


def test_a_bug_is_1_with_a_traceback_and_asks_for_a_report(verb: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def doctor() -> None:
        raise ZeroDivisionError("boom")

    verb(doctor)
    assert code_of("doctor") == 1
    error = capsys.readouterr().err
    assert "ZeroDivisionError: boom" in error
    assert "report" in error


@pytest.mark.parametrize(("package", "code"), [("torch", 2), ("albumentations", 2), ("nonesuch", 1)])
def test_a_missing_extra_is_named(package: str, code: int, verb: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def doctor() -> None:
        raise ModuleNotFoundError(f"No module named '{package}.nn'", name=f"{package}.nn")

    verb(doctor)
    assert code_of("doctor") == code
    assert ("pip install 'unmissed[train]'" in capsys.readouterr().err) == (code == 2)


def test_interrupted_is_130(verb: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def doctor() -> None:
        raise KeyboardInterrupt

    verb(doctor)
    assert code_of("doctor") == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize("code", [0, 3])
def test_a_verb_chooses_its_exit_code(code: int, verb: Callable) -> None:
    def doctor() -> None:
        raise typer.Exit(code)

    verb(doctor)
    assert code_of("doctor") == code


def test_messages_go_to_stderr_and_results_to_stdout(verb: Callable, capsys: pytest.CaptureFixture[str]) -> None:
    def doctor() -> None:
        logging.getLogger("unmissed.somewhere").warning("a word of warning")
        logging.getLogger("unmissed.somewhere").debug("too much detail")
        typer.echo("the result")

    verb(doctor)
    assert code_of("doctor") == 0
    captured = capsys.readouterr()
    assert captured.out == "the result\n"
    assert "a word of warning" in captured.err
    assert "too much detail" not in captured.err


def test_a_reader_that_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        run = subprocess.run([command(), "models", "list"], stdout=writing, stderr=subprocess.PIPE, cwd=tmp_path)
    finally:
        os.close(writing)
    assert run.stderr == b""
    assert run.returncode == 141


def test_models_list_and_info(capsys: pytest.CaptureFixture[str]) -> None:
    from unmissed.models import zoo

    assert code_of("models", "list") == 0
    listed = capsys.readouterr().out
    for name in zoo.names():
        assert name in listed
        assert code_of("models", "info", name) == 0
        shown = capsys.readouterr().out
        card = zoo.resolve(name).card
        assert card.files[card.default_variant].sha256 in shown
        for item in card.classes:
            assert item.name_zh in shown


def test_an_unknown_model_is_wrong_input(capsys: pytest.CaptureFixture[str]) -> None:
    assert code_of("models", "info", "cell-nonesuch") == 2
    assert "cell-nonesuch" in capsys.readouterr().err


def test_nothing_that_is_said_commands_the_terminal(
    verb: Callable[[Callable[..., None]], None], capfd: pytest.CaptureFixture[str]
) -> None:
    """Names of files, and what files say of themselves, reach the screen."""
    name = "a\x1b[2J\x07\u202eb\rc.tif"

    def fail() -> None:
        logging.getLogger("unmissed.x").warning("%s is odd", name)
        raise UnmissedError(f"{name} is\ndamaged", expected=name, fix=name)

    verb(fail)
    assert code_of("doctor") == 2
    text = capfd.readouterr().err
    shown = "a [2J  b c.tif"
    assert f"{shown} is odd" in text
    assert f"error: {shown} is\ndamaged" in text
    assert f"expected: {shown}\n" in text
    assert f"to do:    {shown}\n" in text
    assert "\x1b[2J" not in text
