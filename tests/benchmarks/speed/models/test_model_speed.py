"""bench model: what is measured, with what, in a process of its own; and what is not, with its reason."""

import json
import shutil

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from unmissed.benchmarks.speed.child import ChildError, ChildRun
from unmissed.benchmarks.speed.markdown import tables
from unmissed.benchmarks.speed.models import speed as model_speed
from unmissed.benchmarks.speed.models.cell import CellJob, CellResult, done
from unmissed.benchmarks.speed.models.inputs import inputs_for
from unmissed.benchmarks.speed.models.plan import ModelPlan, cells_of
from unmissed.benchmarks.speed.models.speed import measure_models
from unmissed.benchmarks.speed.results import load_results
from unmissed.cli.bench import app
from unmissed.datasets.basis.errors import ConfigError, ModelError, RuntimeUnavailableError
from unmissed.models import zoo
from unmissed.models.cards import load_card, save_card


def card_of(name):
    return load_card(zoo.find_card(name))


# One of each way to make inputs.
KINDS = [
    *("cell-bethesda", "cell-sipakmed", "nucleus-finder-coarse", "polyp-finder"),
    *("slide-score", "frame-clarity", "site-credit", "withdrawal-speed"),
]


class Book:
    """Takes what a recorder takes, without looking at the machine for a second."""

    def __init__(self):
        self.rows, self.models, self.notes = [], {}, []


@pytest.fixture
def at_once(monkeypatch):
    """The child's work in this process: what is tested here is what becomes of its answers."""
    jobs = []

    def run(arguments, *, timeout_s):
        job = CellJob.model_validate_json(arguments[1])
        jobs.append(job)
        return ChildRun(1.0, 1.0, 100 * 2**20, 0.0, done(job).model_dump_json() + "\n")

    monkeypatch.setattr(model_speed, "run_child", run)
    return jobs


def measured(**changes):
    plan = {"models": ["slide-score"], "runtimes": ["onnx-cpu"], "batches": (1, 4), "seconds": 0.01, "rounds": 2}
    book = Book()
    measure_models(ModelPlan(**(plan | changes)), book, lambda words: None)
    return book


class TestInputs:
    @pytest.mark.parametrize("name", KINDS)
    def test_inputs_are_like_real_ones_and_differ(self, name):
        card = card_of(name)
        found = inputs_for(card, 3)
        assert len({one.tobytes() for one in found}) == 3
        if card.task in ("classification", "heatmap"):
            side = card.picture_input.size_px
            assert found.shape == (3, side, side, 3)
            assert found.dtype == np.uint8
            rough = np.abs(np.diff(found.astype(int), axis=2)).mean()
            assert 0.3 < rough < 25, "neighbouring pixels of a picture are alike, those of noise are 85 apart"
        else:
            assert found.shape == (3, len(card.input.features))
            assert np.isfinite(found).all()
            assert np.abs(found).max() < 50

    def test_the_rows_of_every_other_table_can_be_computed(self):
        for name in set(zoo.names()) - set(KINDS):
            card = card_of(name)
            if card.task == "gauge":
                assert np.isfinite(inputs_for(card, 2)).all()

    @pytest.mark.parametrize("name", ["polyp-finder", "site-credit"])
    def test_they_are_always_the_same(self, name):
        card = card_of(name)
        np.testing.assert_array_equal(inputs_for(card, 2), inputs_for(card, 2))

    def test_more_than_can_be_drawn_repeat(self):
        found = inputs_for(card_of("slide-score"), 100)
        np.testing.assert_array_equal(found[:36], found[64:])

    def test_pictures_of_the_user_are_fitted(self, tmp_path):
        for index, shape in enumerate([(90, 200), (300, 260)]):
            cv2.imwrite(str(tmp_path / f"{index}.png"), np.full((*shape, 3), 50 + 100 * index, np.uint8))
        (tmp_path / "broken.jpg").write_bytes(b"no picture")
        found = inputs_for(card_of("polyp-finder"), 3, images=tmp_path)
        assert found.shape == (3, 256, 256, 3)
        assert found.mean(axis=(1, 2, 3)).round().tolist() == [50, 150, 50]

    def test_a_folder_without_pictures_is_an_error(self, tmp_path):
        (tmp_path / "broken.jpg").write_bytes(b"no picture")
        for folder in (tmp_path, tmp_path / "missing"):
            with pytest.raises(ConfigError, match="no readable picture"):
                inputs_for(card_of("gi-landmarks"), 2, images=folder)

    def test_columns_that_nobody_computes_are_an_error(self):
        card = card_of("slide-score")
        strange = card.model_copy(update={"input": card.input.model_copy(update={"features": ("age",)})})
        with pytest.raises(ConfigError, match="does not compute"):
            inputs_for(strange, 2)


class TestPlan:
    def test_half_precision_is_for_fp32_files_in_torch(self, tmp_path):
        plan = ModelPlan(["cell-sipakmed"], ["onnx-cpu", "torch-cpu"], precisions=("file", "half"), batches=(8,))
        found = [(cell.job.runtime, cell.what["variant"]) for cell in cells_of(plan, tmp_path)]
        assert sorted(found) == [
            *(("onnx-cpu", "fp32"), ("onnx-cpu", "int8")),
            *(("torch-cpu", "fp32"), ("torch-cpu", "fp32 at half"), ("torch-cpu", "int8")),
        ]

    @pytest.mark.parametrize(
        ("changes", "error"),
        [
            ({"models": ["cell-sipakmet"]}, ModelError),
            ({"runtimes": ["onnx-cdua"]}, RuntimeUnavailableError),
            ({"variants": ["int4"]}, ConfigError),
            ({"precisions": ("fp8",)}, ConfigError),
            ({"precisions": ("half",)}, ConfigError),
            ({"runtimes": []}, ConfigError),
        ],
        ids=lambda value: str(value),
    )
    def test_what_cannot_be_is_told(self, changes, error, tmp_path):
        plan = {"models": ["slide-score"], "runtimes": ["onnx-cpu"]} | changes
        with pytest.raises(error):
            cells_of(ModelPlan(**plan), tmp_path)


class TestRows:
    def test_a_row_has_a_figure_for_each_round(self, at_once):
        book = measured()
        assert [row.what["batch"] for row in book.rows] == ["1", "4"]
        for row in book.rows:
            assert list(row.what) == ["table model", "runtime", "variant", "batch"]
            assert list(row.figures) == ["speed", "batch p50", "batch p99", "memory", "max dp"]
            assert row.figures["speed"].unit == "rows/s"
            assert row.figures["speed"].better == "higher"
            assert all(len(row.figures[name].rounds) == 2 for name in ("speed", "batch p50", "batch p99", "memory"))
            assert row.figures["memory"].rounds == (100.0, 100.0)
            assert row.figures["max dp"].rounds == (0.0,), "the reference against itself"
            assert row.facts["provider"] == "CPUExecutionProvider"
        assert book.models["slide-score fp32"]["sha256"] == card_of("slide-score").files["fp32"].sha256
        assert book.notes == []
        json.dumps([row.model_dump(mode="json") for row in book.rows])

    def test_rounds_go_over_all_cells_in_turn_and_only_the_first_keeps_outputs(self, at_once):
        measured(rounds=3)
        cells = [(job.batch, job.outputs is not None) for job in at_once if job.seconds == 0.01 and job.model]
        assert cells[-6:] == [(1, True), (4, True), (1, False), (4, False), (1, False), (4, False)]

    def test_speed_is_inputs_over_time_and_a_map_has_an_area(self, monkeypatch):
        def run(arguments, *, timeout_s):
            job = CellJob.model_validate_json(arguments[1])
            if job.outputs is not None:
                np.save(job.outputs, np.full(3, 0.0 if "reference" in job.outputs.name else 0.001))
            told = CellResult(provider="x", batch_ms=(100.0, 100.0, 200.0, 400.0), device_bytes=5 * 2**20)
            return ChildRun(1.0, 1.0, 2**20, 0.0, f"noise of a compiler\n{told.model_dump_json()}\n")

        monkeypatch.setattr(model_speed, "run_child", run)
        book = measured(models=["nucleus-finder"], variants=["fp32"], batches=(8,), rounds=1)
        (row,) = book.rows
        assert row.figures["speed"].median == pytest.approx(8 * 4 / 0.8)
        assert row.figures["area"].median == pytest.approx(40 * 544**2 / 1e6)
        assert row.figures["batch p50"].median == 150
        assert row.figures["device memory"].median == 5
        assert row.figures["max dp"].median == pytest.approx(0.001)
        assert "differs by 1.0e-03" in book.notes[0], "more than 1e-4 in fp32 is told"

    def test_int8_may_differ_without_a_note(self, at_once):
        book = measured(models=["cell-sipakmed"], variants=["int8"], batches=(1,), rounds=1)
        assert 0 < book.rows[0].figures["max dp"].median < 0.5
        assert book.rows[0].facts["reference"] == "fp32 in onnx-cpu"
        assert book.notes == []

    def test_a_model_without_an_fp32_file_is_compared_with_itself_and_that_is_told(self, at_once, tmp_path):
        card = load_card(zoo.find_card("cell-herlev"))
        spec = card.files["int8"]
        shutil.copy(zoo.ZOO / spec.file, tmp_path / spec.file)
        alone = card.model_copy(update={"files": {"int8": spec}, "known_answers": ()})
        save_card(alone, tmp_path / "cell-herlev.json")
        path = str(tmp_path / spec.file)
        book = measured(models=[path], batches=(1,), rounds=1)
        assert book.rows[0].figures["max dp"].median == 0
        assert book.notes == [f"{path} has no fp32 file: it is compared with int8 in onnx-cpu."]

    def test_a_runtime_that_is_not_here_has_one_row_with_its_own_words(self, at_once):
        book = measured(runtimes=["onnx-cpu", "onnx-cann"])
        absent = [row for row in book.rows if row.not_measured]
        assert [row.what["runtime"] for row in absent] == ["onnx-cann"]
        assert "CANNExecutionProvider" in absent[0].not_measured
        assert "set_env.sh" in absent[0].not_measured
        assert "not measured: " in "\n".join(tables(book.rows))

    def test_a_fixed_batch_size_is_not_measured_at_another(self, at_once, tmp_path):
        pytest.importorskip("onnx")
        model = fixed_batch_model(tmp_path, 4)
        book = measured(models=[str(model)])
        assert book.rows[0].not_measured == "the file has a fixed batch size of 4"
        assert book.rows[1].figures["max dp"].median == 0

    def test_a_process_that_dies_costs_its_row_alone(self, at_once, monkeypatch):
        honest = model_speed.run_child

        def run(arguments, *, timeout_s):
            job = CellJob.model_validate_json(arguments[1])
            if job.batch == 4 and job.model:
                raise ChildError("the command failed with exit code -9: a b c\nfirst words\nCUDA out of memory")
            return honest(arguments, timeout_s=timeout_s)

        monkeypatch.setattr(model_speed, "run_child", run)
        book = measured()
        assert book.rows[0].figures
        assert book.rows[1].not_measured == "the command failed with exit code -9: CUDA out of memory"

    def test_a_process_without_a_word_is_not_measured(self, monkeypatch):
        monkeypatch.setattr(model_speed, "run_child", lambda *a, **k: ChildRun(0.1, 0.1, 1, 0.0, ""))
        (row,) = measured().rows
        assert "without any output" in row.not_measured


def fixed_batch_model(folder, batch):
    """The slide score with a batch size that is fixed in the file."""
    import hashlib

    import onnx

    from unmissed.models.cards import save_card

    source = zoo.resolve("slide-score")
    proto = onnx.load(source.path)
    for item in (*proto.graph.input, *proto.graph.output):
        item.type.tensor_type.shape.dim[0].dim_value = batch
    path = folder / "fixed.onnx"
    onnx.save(proto, path)
    spec = source.card.files["fp32"].model_copy(
        update={"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "batch": batch}
    )
    save_card(source.card.model_copy(update={"files": {"fp32": spec}}), path.with_suffix(".json"))
    return path


def test_the_command_measures_in_processes_of_their_own(tmp_path):
    words = ["model", "slide-score", "--runtimes", "onnx-cpu", "--batches", "2", "--seconds", "0.05", "--rounds", "1"]
    run = CliRunner().invoke(app, [*words, "-o", str(tmp_path)])
    assert run.exit_code == 0, run.output
    assert "| slide-score | onnx-cpu | fp32 | 2 |" in run.stdout
    bench = load_results(tmp_path).benches["model"]
    (row,) = bench.rows
    assert 20 < row.figures["memory"].median < 1000
    assert bench.models["slide-score fp32"]["file"] == "slide-score.onnx"
    assert (tmp_path / "bench-model.md").is_file()


@pytest.mark.parametrize("batches", ["", "0", "1,x", "-1", "1,99999"])
def test_batches_that_are_no_numbers_are_refused(batches):
    run = CliRunner().invoke(app, ["model", "slide-score", "--batches", batches])
    assert isinstance(run.exception, ConfigError)
