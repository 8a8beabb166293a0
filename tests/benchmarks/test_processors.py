"""Every processor gives the answers that the card knows: this one, older ones that it plays, and emulated ones."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest

from unmissed.benchmarks.processors.instruction_sets import BITS, SSE4
from unmissed.benchmarks.processors.mask import NoMaskError, compile_mask, hiding
from unmissed.benchmarks.processors.playing import (
    NATIVE,
    Processor,
    ProcessorError,
    emulated,
    masked,
    run_worker,
    unhidden,
)
from unmissed.benchmarks.processors.rows import from_fp32, from_other, row_of
from unmissed.benchmarks.processors.worker import FileAnswers, Question, WorkerTask
from unmissed.benchmarks.speed.child import ChildError
from unmissed.datasets.basis.files import sha256_of
from unmissed.models import zoo
from unmissed.models.cards import load_card, save_card
from unmissed.models.known_answers import INTEGER_STEP, integer_difference
from unmissed.models.known_pictures import known_pictures

# One model of each task. In fp32 one picture is asked, which an emulator takes seconds for; of a table every row.
QUESTIONS = (
    Question(model="cell-sipakmed", variant="int8"),
    Question(model="cell-sipakmed", variant="fp32", most=1),
    Question(model="nucleus-finder-coarse", variant="int8"),
    Question(model="nucleus-finder-coarse", variant="fp32", most=1),
    Question(model="slide-score", variant="fp32"),
    Question(model="withdrawal-speed", variant="fp32"),
)
EMULATED_S = 400  # what a slow machine may take


@pytest.fixture(scope="module")
def native() -> tuple[FileAnswers, ...]:
    return run_worker(NATIVE, QUESTIONS).answers


@pytest.fixture
def mask(tmp_path: Path) -> Path:
    try:
        return compile_mask(tmp_path)
    except NoMaskError as error:
        pytest.skip(f"instruction sets cannot be hidden: {error}")


def playable(cpu: str) -> Processor:
    try:
        return emulated(cpu)
    except ProcessorError as error:
        pytest.skip(f"no processor can be emulated: {error}")


def check(name: str, answers: tuple[FileAnswers, ...], native: tuple[FileAnswers, ...]) -> None:
    """The claims of the cards, for each file that was asked."""
    assert len(answers) == len(native) == len(QUESTIONS)
    for question, answer, own in zip(QUESTIONS, answers, native, strict=True):
        file = zoo.resolve(question.model, question.variant)
        known = file.card.known_for(question.variant)
        asked = len(known.outputs[: question.most])
        assert len(answer.numbers) == len(own.numbers) == asked, question
        assert from_fp32(known, answer) <= known.tolerance[question.variant], (name, question)
        if question.variant == "int8":
            assert from_other(answer, own) <= INTEGER_STEP, (name, question)
            assert integer_difference(known, "int8", np.array(answer.numbers)) <= INTEGER_STEP, (name, question)
        _, wrong = row_of(question.model, file, {NATIVE.name: own, name: answer})
        assert wrong == []


def test_this_processor_gives_the_known_answers(native: tuple[FileAnswers, ...]) -> None:
    check("native", native, native)


@pytest.mark.parametrize("cpu", ["Nehalem", "Haswell", "Cascadelake-Server"])
def test_an_emulated_processor_gives_the_same(cpu: str, native: tuple[FileAnswers, ...]) -> None:
    processor = playable(cpu)
    try:
        answers = run_worker(processor, QUESTIONS, timeout_s=EMULATED_S).answers
    except ProcessorError as error:
        if cpu != "Cascadelake-Server":
            raise
        pytest.skip(f"this emulator knows no VNNI: {error.found}")
    check(processor.name, answers, native)


def test_with_instruction_sets_hidden_it_gives_the_same(mask: Path, native: tuple[FileAnswers, ...]) -> None:
    found = run_worker(unhidden(mask), []).features
    processors = masked(mask, found)
    if not processors:
        pytest.skip("this processor has nothing to hide")
    for processor in processors:
        report = run_worker(processor, QUESTIONS, seconds=0.001)
        assert report.features < found and processor.has <= report.features
        assert not processor.lacks & report.features
        assert all(answer.ms and answer.ms > 0 for answer in report.answers)
        check(processor.name, report.answers, native)


@pytest.fixture(scope="module")
def saturating(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The card of a model whose int8 file was made as ours are, but with all 8 bits of the weights in use."""
    pytest.importorskip("onnx")
    from unmissed.models import integer_weights
    from unmissed.models.quantise import quantise

    folder = tmp_path_factory.mktemp("saturating")
    card = load_card(zoo.find_card("nucleus-finder"))
    spec = card.files["int8"]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(integer_weights, "PAIR", 254)
        pictures = known_pictures(tuple(range(100, 108)), 128)
        quantise(zoo.ZOO / card.files["fp32"].file, folder / spec.file, pictures, batch=4)
    path = folder / spec.file
    files = {**card.files, "int8": spec.model_copy(update={"sha256": sha256_of(path)})}
    save_card(card.model_copy(update={"files": files}), folder / f"{card.name}.json")
    return str(folder / f"{card.name}.json")


@pytest.mark.parametrize("way", ["emulated", "masked"])
def test_weights_that_saturate_are_found(way: str, saturating: str, request: pytest.FixtureRequest) -> None:
    """What the checks above hold for would not hold without the limit on the weights."""
    if way == "emulated":
        old = playable("Haswell")
    else:
        mask = request.getfixturevalue("mask")
        by_name = {processor.name: processor for processor in masked(mask, run_worker(unhidden(mask), []).features)}
        if "AVX2" not in by_name:
            pytest.skip("this processor has no VNNI to hide")
        old = by_name["AVX2"]
    asked = [Question(model=saturating, variant="int8", most=1)]
    this = run_worker(NATIVE, asked)
    if not this.features & {"AVX512VNNI"}:
        pytest.skip("this processor has no VNNI, and bends the file itself")
    answers = {NATIVE.name: this.answers[0], old.name: run_worker(old, asked, timeout_s=EMULATED_S).answers[0]}
    row, wrong = row_of("bent", zoo.resolve(saturating, "int8"), answers)
    assert row.facts["from_native"][old.name] > 2 * INTEGER_STEP
    assert any(f"bent int8 on {old.name} is off by" in text and "from this processor" in text for text in wrong)


@pytest.mark.parametrize("way", ["emulated", "masked"])
def test_another_processor_than_meant_is_an_error(way: str, request: pytest.FixtureRequest) -> None:
    """A hidden set that is seen, and one that is not there, stop the worker before it computes."""
    old = (
        playable("Nehalem")
        if way == "emulated"
        else Processor("masked", variables=hiding(request.getfixturevalue("mask"), BITS))
    )
    meant = Processor("wrong", frozenset({"AVX2"}), frozenset({"SSE42"}), old.before, old.variables)
    with pytest.raises(ProcessorError, match=r"no AVX2, SSE42, which it should not have"):
        run_worker(meant, [Question(model="no such model", variant="fp32")], timeout_s=EMULATED_S)


def test_what_is_hidden_is_told_by_leaf_and_bit() -> None:
    variables = hiding(Path("/mask.so"), ["AVX2", "AVX512F", "avx_vnni", "FMA3"])
    assert variables["LD_PRELOAD"] == "/mask.so"
    assert sorted(variables["UNMISSED_CPUID_HIDE"].splitlines()) == [
        "1 ffffffff 0 0 1000 0",
        "7 0 0 10020 0 0",
        "7 1 10 0 0 0",
    ]
    assert set(BITS) == SSE4.lacks, "the oldest class has none of them"


def test_a_machine_without_the_tools_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(NoMaskError, match=r"gcc|expected Linux on x86-64"):
        compile_mask(tmp_path)
    with pytest.raises(ProcessorError, match=r"not installed|expected Linux on x86-64"):
        emulated("Haswell")
    with pytest.raises(ProcessorError, match="expected one of Nehalem, Haswell"):
        emulated("Pentium")


class TestRows:
    FILE = zoo.resolve("slide-score", "fp32")

    def answer(self, change: Callable[[np.ndarray], np.ndarray] = lambda numbers: numbers) -> FileAnswers:
        numbers = change(np.array(self.FILE.card.known_for("fp32").outputs))
        return FileAnswers(numbers=[[None if np.isnan(x) else x for x in row] for row in numbers.tolist()], ms=1.0)

    def test_the_worst_processor_counts(self) -> None:
        answers = {
            "native": self.answer(),
            "a": self.answer(lambda x: x + 0.00003),
            "b": self.answer(lambda x: x - 0.5),
        }
        row, wrong = row_of("m", self.FILE, answers)
        assert row.figures["between processors"].median == pytest.approx(0.5)
        assert row.figures["from fp32"].median == pytest.approx(0.5)
        assert row.facts["from_fp32"]["a"] == pytest.approx(0.00003)
        assert wrong == ["m fp32 on b is off by 0.5 from fp32's known answers (0.0001 allowed)"]

    def test_what_is_no_number_is_wrong(self) -> None:
        nothing = self.answer(lambda numbers: np.where(np.arange(len(numbers))[:, None] == 2, np.nan, numbers))
        row, wrong = row_of("m", self.FILE, {"native": self.answer(), "a": nothing})
        assert row.not_measured and wrong and "m fp32 on a is off by inf" in wrong[0]

    def test_a_card_without_known_answers_is_told(self) -> None:
        bare = zoo.ModelFile(self.FILE.card.model_copy(update={"known_answers": ()}), "fp32", self.FILE.path)
        row, wrong = row_of("m", bare, {})
        assert "no known answers" in row.not_measured and not wrong


def test_a_task_says_how_a_processor_is_not_as_meant() -> None:
    task = WorkerTask(has=frozenset({"AVX2"}), lacks=frozenset({"AVX512F"}))
    assert task.wrong(frozenset({"AVX2", "SSE2"})) == []
    assert task.wrong(frozenset({"AVX512F"})) == ["no AVX2", "AVX512F, which it should not have"]


def test_the_command_prints_a_table_and_keeps_it(tmp_path: Path) -> None:
    words = ["slide-score", "--emulated", "none", "--rounds", "1", "--seconds", "0.001", "-o", str(tmp_path / "out")]
    environment: Mapping[str, str] = {**os.environ, "PATH": str(tmp_path)}  # without gcc nothing is hidden: quick
    command = [sys.executable, "-m", "unmissed.benchmarks.processors", *words]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert run.returncode == 0, run.stderr
    lines = run.stdout.splitlines()
    assert lines[0].split(" | ")[:3] == ["| model", "variant", "from fp32"] and "native, ms" in lines[0]
    assert lines[2].startswith("| slide-score | fp32 | ")
    bench = json.loads((tmp_path / "out" / "results.json").read_text())["benches"]["processors"]
    assert bench["rows"][0]["facts"]["from_fp32"]["native"] <= 1e-4
    assert any("No processor was played by hiding" in note for note in bench["notes"])
    assert lines[2] in (tmp_path / "out" / "bench-processors.md").read_text()


def test_an_unknown_model_is_an_error_before_anything_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "unmissed.benchmarks.processors", "slide-scor", "--emulated", "none"]
    run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path)
    assert run.returncode == 2 and "slide-score" in run.stderr


def test_a_file_that_was_replaced_meanwhile_is_an_error() -> None:
    meant = Question(
        model="slide-score", variant="fp32", sha256=zoo.resolve("slide-score", "fp32").card.files["fp32"].sha256
    )
    assert run_worker(NATIVE, [meant]).answers
    with pytest.raises(ChildError, match="was replaced while it was asked"):
        run_worker(NATIVE, [meant.model_copy(update={"sha256": "0" * 64})])
