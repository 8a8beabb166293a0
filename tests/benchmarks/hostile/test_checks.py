"""What must not happen is seen when it happens, and nothing else is."""

from dataclasses import replace
from pathlib import Path

import pytest

from unmissed.benchmarks.hostile.checks import of_answer, of_process, stopped_the_rest
from unmissed.benchmarks.hostile.sandbox import Finished
from unmissed.benchmarks.hostile.values import MAX_BYTES, Answer, Case, Expect, Kind

GOOD = Finished(code=0, output="done\n", seconds=1.0, peak_bytes=10, stopped="", calls=0, strays=())


@pytest.mark.parametrize("code", [0, 2, 3])
def test_documented_ends_are_no_violation(code: int) -> None:
    assert of_process(replace(GOOD, code=code), 1) == []


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"code": 1}, "a bug"),
        ({"code": 139}, "signal 11"),
        ({"code": 5}, "undocumented"),
        ({"stopped": "time", "code": 137}, "hangs"),
        ({"stopped": "memory", "code": 137}, "memory"),
        ({"peak_bytes": MAX_BYTES + 1}, "2048 MB"),
        ({"seconds": 61.0}, "took 61 s"),
        ({"calls": 2}, "2 connections"),
        ({"strays": ("left /x",)}, "outside"),
        ({"output": "a\nTraceback (most recent call last):\n  b\nKeyError: 'c'\n"}, "KeyError"),
        ({"output": "row: internal error: KeyError: 3\n"}, "internal error"),
        ({"output": "TIFFReadDirectory: Warning, Unknown field\n"}, "library"),
        ({"output": "x\n[h264 @ 0x55d0] no frame!\n"}, "library"),
        ({"output": "[mov,mp4,m4a,3gp,3g2,mj2 @ 0x55d0] moov atom not found\n"}, "library"),
        ({"output": "[ WARN:0@0.03] global cap.cpp:204 open\n"}, "library"),
        ({"output": "libpng warning: iCCP: known incorrect sRGB profile\n"}, "library"),
        ({"output": "/x/PIL/Image.py:3432: DecompressionBombWarning: large\n"}, "library"),
        ({"output": "Corrupt JPEG data: 4 extraneous bytes\n"}, "library"),
        ({"output": "error: a\x07b\n"}, "control character"),
    ],
)
def test_what_must_not_happen_is_seen(change: dict[str, object], word: str) -> None:
    (found,) = of_process(replace(GOOD, **change), 1)
    assert word in found


def test_many_files_may_take_longer() -> None:
    assert of_process(replace(GOOD, seconds=200.0), 30) == []


def test_our_own_lines_are_ours() -> None:
    text = (
        "error: a is damaged\n  to do:    x\n03:16:38 WARNING  no slide will be excluded\nWarning: the counts differ\n"
    )
    assert of_process(replace(GOOD, output=text + "\x1b[31mred\x1b[0m\n"), 1) == []


def case(expects: Expect) -> Case:
    return Case("a.b", Kind.SLIDE, expects, lambda place, variant: Path(), None)


@pytest.mark.parametrize(
    ("expects", "answer", "word"),
    [
        (Expect.ANY, Answer(False), "nothing was said"),
        (Expect.ANY, Answer(True, notes=("a page is left out",), excluded=True), "excluded although"),
        (Expect.ANY, Answer(True, seconds=61.0), "took 61 s"),
        (Expect.ANY, Answer(True, "reading it took longer than 60 s"), "took 60 s"),
        (Expect.ANY, Answer(True, "the worker died (signal 11)"), "crash"),
        (Expect.ANY, Answer(True, " "), "without a cause"),
        (Expect.ANY, Answer(True, shown="3 tiles damaged"), "damaged tiles"),
        (Expect.REFUSED, Answer(True, notes=("a",)), "only an error is right"),
        (Expect.NOTED, Answer(True), "without a note"),
        (Expect.READ, Answer(True, "is damaged"), "intact file is refused"),
    ],
)
def test_wrong_answers_are_seen(expects: Expect, answer: Answer, word: str) -> None:
    (found,) = of_answer(case(expects), answer, judges=True)
    assert word in found


@pytest.mark.parametrize(
    ("expects", "answer"),
    [
        (Expect.ANY, Answer(True)),
        (Expect.REFUSED, Answer(True, "is damaged")),
        (Expect.NOTED, Answer(True, notes=("a tile is missing",))),
        (Expect.NOTED, Answer(True, "is damaged")),
        (Expect.READ, Answer(True)),
        (Expect.READ, Answer(True, notes=("grey",))),
        (Expect.ANY, Answer(True, shown="0 tiles damaged")),
        (Expect.ANY, Answer(True, notes=("3 tiles damaged",), shown="3 tiles damaged")),
    ],
)
def test_right_answers_are_no_violation(expects: Expect, answer: Answer) -> None:
    assert of_answer(case(expects), answer, judges=True) == []


def test_a_command_that_does_not_judge_only_has_to_answer() -> None:
    assert of_answer(case(Expect.REFUSED), Answer(True), judges=False) == []
    assert of_answer(case(Expect.REFUSED), Answer(False), judges=False) != []


def test_a_call_that_is_refused_as_a_whole_is_seen() -> None:
    both = [Answer(True, "x"), Answer(False)]
    assert stopped_the_rest(replace(GOOD, code=2), both)
    assert stopped_the_rest(GOOD, [Answer(False), Answer(False)])
    assert not stopped_the_rest(replace(GOOD, code=3), both)
    assert not stopped_the_rest(replace(GOOD, code=2), both[:1])
