"""A machine that does not compute a model's known answers does not run it."""

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from unmissed.datasets.basis.errors import ModelError, RuntimeUnavailableError
from unmissed.datasets.basis.files import sha256_of
from unmissed.inference.runtimes import answer_cache
from unmissed.inference.runtimes.answers import Agreement, verdict_of
from unmissed.inference.runtimes.base import RUNTIMES
from unmissed.inference.runtimes.onnx import OnnxCpu, OnnxSession
from unmissed.inference.runtimes.variants import choose
from unmissed.models import zoo
from unmissed.models.cards import load_card, save_card

onnx = pytest.importorskip("onnx")


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv(answer_cache.CACHE_VARIABLE, str(tmp_path / "cache"))


@pytest.fixture
def copy(tmp_path):
    """Copies a shipped model, lets a test change one of its files, and makes the card agree with the file."""

    def make(name, variant=None, change=lambda model: None, **fields):
        folder = tmp_path / f"copy-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        card = load_card(zoo.find_card(name))
        files = dict(card.files)
        for key, spec in card.files.items():
            path = folder / spec.file
            shutil.copy(zoo.ZOO / spec.file, path)
            if key == variant:
                model = onnx.load(path)
                change(model)
                onnx.save(model, path)
                files[key] = spec.model_copy(update={"sha256": sha256_of(path), "size_bytes": path.stat().st_size})
        save_card(card.model_copy(update={"files": files, **fields}), folder / f"{name}.json")
        return str(folder / f"{name}.json")

    return make


def one_weight(seed, layers=None):
    """Turn the sign of one weight of one convolution, among the first ``layers``."""

    def change(model):
        rng = np.random.default_rng(seed)
        stored = [item for item in model.graph.initializer if len(item.dims) == 4]
        item = stored[rng.integers(len(stored[:layers]))]
        values = onnx.numpy_helper.to_array(item).copy()
        flat = values.reshape(-1)
        place = int(rng.choice(np.flatnonzero(np.abs(flat.astype(float)) > np.abs(flat.astype(float)).mean())))
        flat[place] = -flat[place]
        item.CopyFrom(onnx.numpy_helper.from_array(values, item.name))

    return change


def in_halves(model):
    """Round what every convolution gives to 16 bits, as a provider does that computes in fp16."""
    nodes = []
    for node in model.graph.node:
        nodes.append(node)
        if node.op_type == "Conv":
            name = node.output[0]
            node.output[0] = f"{name}_full"
            nodes.append(onnx.helper.make_node("Cast", [f"{name}_full"], [f"{name}_half"], to=onnx.TensorProto.FLOAT16))
            nodes.append(onnx.helper.make_node("Cast", [f"{name}_half"], [name], to=onnx.TensorProto.FLOAT))
    del model.graph.node[:]
    model.graph.node.extend(nodes)


@pytest.mark.parametrize("name", zoo.names())
def test_every_shipped_file_is_right_here(name):
    for variant in load_card(zoo.find_card(name)).files:
        verdict = verdict_of(zoo.resolve(name, variant), "onnx-cpu")
        assert verdict.agreement is Agreement.RIGHT, str(verdict)
        assert verdict.ms > 0 and verdict.provider == "CPUExecutionProvider"


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("variant", ["fp32", "int8"])
@pytest.mark.parametrize(("name", "layers"), [("nucleus-finder-coarse", None), ("cell-bethesda", 12)])
def test_one_weight_changed_is_refused(copy, name, layers, variant, seed):
    """A classifier averages over the picture: one of its 672 last channels moves no real probability by a hundredth."""
    path = copy(name, variant, one_weight(seed, layers))
    verdict = verdict_of(zoo.resolve(path, variant), "onnx-cpu")
    assert verdict.agreement is Agreement.WRONG and verdict.apart > verdict.allowed
    choice = choose(path)
    assert choice.file.variant != variant, "the other file runs"
    assert choice.provenance()["notes"] == list(choice.notes)
    assert any(f"{variant} on onnx-cpu is off by" in note and "is used instead" in note for note in choice.notes)
    with pytest.raises(RuntimeUnavailableError, match="not computed correctly on this machine"):
        choose(path, variant=variant)


@pytest.mark.parametrize("name", ["cell-bethesda", "nucleus-finder", "polyp-finder", "gi-landmarks"])
def test_a_provider_that_rounds_to_fp16_is_refused(copy, name):
    path = copy(name, "fp32", in_halves)
    verdict = verdict_of(zoo.resolve(path, "fp32"), "onnx-cpu")
    assert verdict.agreement is Agreement.WRONG and verdict.apart < 0.1, "near, and yet not the same"


class ZeroRuntime(OnnxCpu):
    name = "zeros"
    number = 0.0

    def load(self, model, **settings):
        session = super().load(model, **settings)
        session._run_batch = lambda batch: np.full_like(OnnxSession._run_batch(session, batch), self.number)
        return session


@pytest.mark.parametrize("number", [0.0, float("nan")])
def test_a_runtime_that_returns_nonsense_is_refused(monkeypatch, number):
    runtime = ZeroRuntime()
    runtime.number = number
    monkeypatch.setitem(RUNTIMES, "zeros", runtime)
    with pytest.raises(RuntimeUnavailableError) as caught:
        choose("cell-bethesda", "zeros")
    assert "cell-bethesda is not computed correctly on this machine" in caught.value.found
    assert "int8" in caught.value.found and "fp32" in caught.value.found
    assert "unmissed doctor" in caught.value.fix


def test_a_runtime_that_is_wrong_for_several_pictures_at_once_is_refused(monkeypatch):
    class OneForAll(OnnxCpu):
        def load(self, model, **settings):
            session = super().load(model, **settings)
            run = session._run_batch
            session._run_batch = lambda batch: np.repeat(run(batch[:1]), len(batch), axis=0)
            return session

    monkeypatch.setitem(RUNTIMES, "one-for-all", OneForAll())
    with pytest.raises(RuntimeUnavailableError, match="not computed correctly on this machine"):
        choose("cell-bethesda", "one-for-all")


def test_a_named_file_and_another_variant_contradict_each_other():
    path = zoo.resolve("cell-bethesda", "int8").path
    assert choose(str(path)).file.variant == "int8"
    with pytest.raises(ModelError, match="was given together with"):
        choose(str(path), variant="fp32")


def test_an_engine_that_cannot_load_says_so_in_its_own_words():
    with pytest.raises(RuntimeUnavailableError, match="no device 'foo'"):
        choose("cell-bethesda", "torch-cpu", device="foo")


def test_the_fastest_right_file_runs_and_the_record_says_why(copy, monkeypatch):
    monkeypatch.setattr("unmissed.inference.runtimes.answers._seconds", lambda session, asked: 0.01)
    choice = choose("cell-bethesda")
    assert choice.file.variant == "fp32", "equally fast: the better precision"
    speeds = iter([0.01, 0.02])  # the default, int8, is asked first
    monkeypatch.setattr("unmissed.inference.runtimes.answers._seconds", lambda session, asked: next(speeds))
    choice = choose(copy("cell-bethesda", "int8", lambda model: None, version="2"), "onnx-cpu")
    assert choice.file.variant in ("int8", "fp32")  # the fp32 file's verdict above is remembered
    told = choice.provenance()
    assert told["verified"] and set(told["ms"]) == {"int8", "fp32"} and told["sha256"] and len(told["answers"]) > 3
    json.dumps(told)


def test_older_cards_run_with_a_warning(copy):
    path = copy("cell-bethesda", known_answers=())
    choice = choose(path)
    assert choice.file.variant == "int8" and not choice.provenance()["verified"]
    assert "not verified on this machine" in choice.notes[0]
    assert choice.provenance()["answers"] == []


def test_a_card_for_other_drawings_says_so(copy):
    known = load_card(zoo.find_card("cell-bethesda")).known_answers[0].model_copy(update={"drawing": "discs-0"})
    verdict = verdict_of(zoo.resolve(copy("cell-bethesda", known_answers=(known,)), "fp32"), "onnx-cpu")
    assert verdict.agreement is Agreement.FAILED and "discs-0" in str(verdict)


class TestCache:
    FILE = "cell-herlev"

    def stored(self, tmp_path):
        return sorted((tmp_path / "cache").rglob("*.json"))

    def test_a_machine_is_asked_once(self, tmp_path, monkeypatch):
        first = verdict_of(zoo.resolve(self.FILE), "onnx-cpu")
        assert len(self.stored(tmp_path)) == 1
        monkeypatch.setattr(OnnxCpu, "load", lambda *_, **__: pytest.fail("asked again"))
        assert verdict_of(zoo.resolve(self.FILE), "onnx-cpu") == first

    def test_another_processor_is_asked_anew(self, tmp_path, monkeypatch):
        verdict_of(zoo.resolve(self.FILE), "onnx-cpu")
        monkeypatch.setattr(answer_cache, "machine", lambda: ("another processor",))
        verdict_of(zoo.resolve(self.FILE), "onnx-cpu")
        assert len(self.stored(tmp_path)) == 2

    @pytest.mark.parametrize("text", ["", "{", "[1, 2]", '{"variant": "int8"}', "\x00" * 100])
    def test_a_damaged_entry_is_asked_again(self, tmp_path, text):
        first = verdict_of(zoo.resolve(self.FILE), "onnx-cpu")
        self.stored(tmp_path)[0].write_text(text)
        again = verdict_of(zoo.resolve(self.FILE), "onnx-cpu")
        assert again.agreement is Agreement.RIGHT and again.answers == first.answers

    def test_a_cache_that_cannot_be_written_does_no_harm(self, tmp_path):
        (tmp_path / "cache").write_text("a file where the folder should be")
        assert verdict_of(zoo.resolve(self.FILE), "onnx-cpu").agreement is Agreement.RIGHT

    def test_many_at_the_same_time(self, tmp_path):
        file = zoo.resolve("withdrawal-speed")
        with ThreadPoolExecutor(8) as pool:
            found = list(pool.map(lambda _: verdict_of(file, "onnx-cpu"), range(24)))
        assert {verdict.agreement for verdict in found} == {Agreement.RIGHT}
        assert len(self.stored(tmp_path)) == 1 and not list((tmp_path / "cache").rglob("*.partial"))

    def test_an_entry_of_another_file_is_not_believed(self, tmp_path):
        file = zoo.resolve(self.FILE, "int8")
        other = verdict_of(zoo.resolve(self.FILE, "fp32"), "onnx-cpu")
        (stored,) = self.stored(tmp_path)
        verdict_of(file, "onnx-cpu")
        (entry,) = set(self.stored(tmp_path)) - {stored}
        entry.write_text(other.model_dump_json())
        assert verdict_of(file, "onnx-cpu").variant == "int8"

    @pytest.mark.parametrize("name", ["ONEDNN_DEFAULT_FPMATH_MODE", "CUDA_VISIBLE_DEVICES"])
    def test_what_steers_an_engine_is_part_of_the_machine(self, monkeypatch, name):
        before = answer_cache.machine.__wrapped__()
        monkeypatch.setenv(name, "1")
        assert answer_cache.machine.__wrapped__() != before

    def test_another_build_is_asked_anew(self, tmp_path):
        (tmp_path / "a.py").write_text("1")
        first = answer_cache.code_of.__wrapped__(tmp_path)
        (tmp_path / "a.py").write_text("2")
        assert answer_cache.code_of.__wrapped__(tmp_path) != first

    def test_a_user_without_a_home(self, monkeypatch):
        def homeless(_name):
            raise RuntimeError("Could not determine home directory.")

        monkeypatch.delenv(answer_cache.CACHE_VARIABLE)
        monkeypatch.setattr(answer_cache.pooch, "os_cache", homeless)
        assert verdict_of(zoo.resolve(self.FILE), "onnx-cpu").agreement is Agreement.RIGHT

    def test_only_numbers_come_back_as_numbers(self, tmp_path):
        answer_cache.save_numbers("a", (0.5, 1.0))
        assert answer_cache.load_numbers("a") == (0.5, 1.0)
        for text in ("nothing", "{}", '["0.5"]', "[NaN]", "[" * 100_000):
            answer_cache.save("b", text)
            assert answer_cache.load_numbers("b") is None
        assert answer_cache.load_numbers("c") is None
