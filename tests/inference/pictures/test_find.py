"""Finds of heat-map models: places by construction come back in the pixels of the file, whatever its size and scale."""

import csv
import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import ConfigError, ImageError, ModelError
from unmissed.inference.pictures import find as module
from unmissed.inference.pictures.find import FindPipeline
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.runtimes.registry import select
from unmissed.models.cards import Card, CardClass, HeatmapSpec, InputSpec, TableInput, save_card
from unmissed.models.zoo import ModelFile
from unmissed.testing.small_model import bare_card

SIZE, STRIDE = 96, 8


def card_of(path: Path, task: str, **fields) -> Card:
    classes = tuple(CardClass(id=name, name=name, name_zh=name) for name in ("background", "red", "blue"))
    return bare_card(path, name="finder", title="Dark spots", title_zh="暗点", task=task, classes=classes, **fields)


@pytest.fixture
def make_finder(tmp_path):
    """A model whose cells say how red or blue they are: logits of the mean colour of each cell of 8 px."""
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    kernel = np.zeros((3, 3, STRIDE, STRIDE), np.float32)
    kernel[1, 0], kernel[1, 1], kernel[2, 2], kernel[2, 1] = 0.1, -0.1, 0.1, -0.1
    kernel /= STRIDE**2
    nodes = [
        helper.make_node("Cast", ["images"], ["real"], to=types.FLOAT),
        helper.make_node("Transpose", ["real"], ["planes"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["planes", "kernel", "bias"], ["logits"], strides=[STRIDE, STRIDE]),
        helper.make_node("Softmax", ["logits"], ["heatmap"], axis=1),
    ]
    graph = helper.make_graph(
        nodes,
        "spots",
        [helper.make_tensor_value_info("images", types.UINT8, ["N", SIZE, SIZE, 3])],
        [helper.make_tensor_value_info("heatmap", types.FLOAT, ["N", 3, SIZE // STRIDE, SIZE // STRIDE])],
        [
            onnx.numpy_helper.from_array(kernel, "kernel"),
            onnx.numpy_helper.from_array(np.array([6, 0, 0], np.float32), "bias"),
        ],
    )
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path = tmp_path / "finder.onnx"
    path.write_bytes(proto.SerializeToString())

    def make(um_per_px=0.5, **spec) -> ModelFile:
        values = {"stride_px": STRIDE, "halo_px": 16, "target": ("red", "blue"), "radius_px": 16, "box_px": 20}
        card = card_of(
            path,
            "heatmap",
            input=InputSpec(size_px=SIZE, fit="crop", um_per_px=um_per_px, mean=(0,) * 3, std=(1,) * 3),
            heatmap=HeatmapSpec(**(values | {"threshold": 0.5} | spec)),
        )
        save_card(card, path.with_suffix(".json"))
        return ModelFile(card, "fp32", path)

    return make


def picture(height, width, spots, radius=7):
    image = np.full((height, width, 3), 200, np.uint8)
    for x, y, colour in spots:
        cv2.circle(image, (x, y), radius, {"red": (255, 30, 30), "blue": (30, 30, 255)}[colour], cv2.FILLED)
    return image


def centres(finds):
    return sorted((f.class_id, round(f.x_px + f.width_px / 2), round(f.y_px + f.height_px / 2)) for f in finds)


SPOTS = [(60, 44, "red"), (200, 100, "blue"), (100, 180, "red")]


def test_every_spot_is_found_once_with_its_class_and_box(make_finder):
    with FindPipeline(make_finder(), um_per_px=0.5) as finder:
        finds = finder.find_in(picture(230, 310, SPOTS))
    assert len(finds) == 3
    for (name, x, y), (wanted_x, wanted_y, wanted) in zip(
        centres(finds), sorted(SPOTS, key=lambda s: (s[2], s[0])), strict=True
    ):
        assert name == wanted
        assert abs(x - wanted_x) <= 4
        assert abs(y - wanted_y) <= 4
    assert {(f.width_px, f.height_px) for f in finds} == {(20, 20)}
    assert [f.score for f in finds] == sorted((f.score for f in finds), reverse=True)


@pytest.mark.parametrize("scale", [2, 3])
def test_finer_pictures_give_the_same_places(make_finder, scale):
    spots = [(x * scale, y * scale, colour) for x, y, colour in SPOTS]
    with FindPipeline(make_finder(), um_per_px=0.5 / scale) as finder:
        finds = finder.find_in(picture(230 * scale, 310 * scale, spots, 7 * scale))
    for (_, x, y), (wanted_x, wanted_y, _) in zip(
        centres(finds), sorted(spots, key=lambda s: (s[2], s[0])), strict=True
    ):
        assert abs(x - wanted_x) <= 4 * scale
        assert abs(y - wanted_y) <= 4 * scale
    assert finds[0].width_px == pytest.approx(20 * scale, rel=0.02)


def test_a_model_without_pixel_size_takes_pictures_by_their_longer_side(make_finder):
    model = make_finder(um_per_px=None, picture_px=310)
    with FindPipeline(model, um_per_px=0.25) as finder:
        finds = finder.find_in(picture(460, 620, [(2 * x, 2 * y, c) for x, y, c in SPOTS], 14))
        assert "ignored" in finder.notes[0]
    assert len(finds) == 3
    assert finds[0].width_px == pytest.approx(40)


def test_boxes_end_at_the_border(make_finder):
    with FindPipeline(make_finder()) as finder:
        (find,) = finder.find_in(picture(64, 64, [(4, 60, "red")]))
        assert "assumed 0.5 um/px" in finder.notes[0]
    assert find.x_px == 0
    assert find.y_px + find.height_px == 64


@pytest.mark.parametrize("size", [(1, 1), (5, 700), (96, 96), (97, 300)])
def test_any_size_of_picture(make_finder, size):
    with FindPipeline(make_finder()) as finder:
        assert finder.find_in(picture(*size, [])) == ()


def test_threshold_and_most_finds(make_finder):
    image = picture(230, 310, SPOTS)
    image[:32, :32] = (215, 190, 190)  # a faint one
    with FindPipeline(make_finder(), threshold=0.02) as finder:
        assert len(finder.find_in(image)) > 3
    with FindPipeline(make_finder(), max_per_image=2) as finder:
        assert len(finder.find_in(image)) == 2


@pytest.mark.parametrize("um_per_px", [0.0, -1.0, 0.01, 10.0])
def test_absurd_scales_are_refused(make_finder, um_per_px):
    with pytest.raises(ConfigError, match="um/px"):
        FindPipeline(make_finder(), um_per_px=um_per_px)


def test_a_picture_that_would_grow_too_large_is_refused(make_finder, monkeypatch):
    monkeypatch.setattr(module, "LARGEST_PX", 10_000)
    with FindPipeline(make_finder(), um_per_px=1.0) as finder, pytest.raises(ImageError, match="too large"):
        finder.find_in(picture(60, 60, []))


def test_a_classifier_is_no_finder_and_the_other_way_round(make_finder, make_model):
    with pytest.raises(ModelError, match="expected a heat-map model"):
        FindPipeline(make_model())
    with pytest.raises(ModelError, match="heatmap model"):
        Predictor(make_finder())


def test_a_graph_that_is_not_the_cards_is_refused(make_finder):
    with pytest.raises(ModelError, match=r"does not fit its card.*heatmap float \[N, 3, 6, 6\]"):
        FindPipeline(make_finder(stride_px=16))


def test_torch_runs_it_too(make_finder):
    pytest.importorskip("torch")
    image = picture(230, 310, SPOTS)
    with FindPipeline(make_finder()) as one, FindPipeline(make_finder(), runtime="torch-cpu") as other:
        assert centres(one.find_in(image)) == centres(other.find_in(image))


def test_a_slide_score_runs_in_a_session(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, types = onnx.helper, onnx.TensorProto
    nodes = [
        helper.make_node("ReduceSum", ["features", "axes"], ["sum"], keepdims=0),
        helper.make_node("Sigmoid", ["sum"], ["score"]),
    ]
    graph = helper.make_graph(
        nodes,
        "sum",
        [helper.make_tensor_value_info("features", types.FLOAT, ["N", 2])],
        [helper.make_tensor_value_info("score", types.FLOAT, ["N"])],
        [onnx.numpy_helper.from_array(np.array([1]), "axes")],
    )
    path = tmp_path / "score.onnx"
    proto = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    path.write_bytes(proto.SerializeToString())
    card = card_of(path, "slide-score", input=TableInput(features=("a", "b")))
    with select("onnx-cpu").load(ModelFile(card, "fp32", path), batch_size=2) as session:
        found = session.run(np.array([[0, 0], [1, -1], [3, 0]], np.float32))
        np.testing.assert_allclose(found, [0.5, 0.5, 1 / (1 + np.exp(-3))], rtol=1e-5)
        assert session.run(np.empty((0, 2), np.float32)).shape == (0,)
        with pytest.raises(ModelError, match=r"float32 \(N, 2\)"):
            session.run(np.zeros((1, 3), np.float32))


class TestCommand:
    """``unmissed predict`` with a heat-map model."""

    @pytest.fixture
    def folder(self, tmp_path):
        folder = tmp_path / "pictures"
        folder.mkdir()
        cv2.imwrite(str(folder / "a.png"), picture(230, 310, SPOTS)[..., ::-1])
        cv2.imwrite(str(folder / "empty.png"), picture(50, 50, []))
        return folder

    def run(self, *arguments) -> int:
        with pytest.raises(SystemExit) as leaving:
            cli.main(["predict", *map(str, arguments)])
        return leaving.value.code or 0

    def test_one_row_for_each_find(self, make_finder, folder, tmp_path, capsys):
        out = tmp_path / "out.csv"
        assert self.run(make_finder().path, folder, "-o", out, "--um-per-px", 0.5) == 0
        with out.open(newline="", encoding="utf-8") as stream:
            rows = list(csv.DictReader(stream))
        assert list(rows[0]) == ["path", "x_px", "y_px", "width_px", "height_px", "class", "score", "note"]
        assert [Path(row["path"]).name for row in rows] == ["a.png"] * 3
        record = json.loads((tmp_path / "out.run.json").read_text())
        assert (record["images"], record["finds"], record["failures"]) == (2, 3, [])
        assert "3 finds" in capsys.readouterr().err

    def test_what_cannot_be_read_is_recorded_and_does_not_stop_the_rest(self, make_finder, folder, tmp_path, capsys):
        (folder / "bad.png").write_bytes(b"no picture")
        out = tmp_path / "out.csv"
        assert self.run(make_finder().path, folder, tmp_path / "gone.png", "-o", out) == 3
        record = json.loads((tmp_path / "out.run.json").read_text())
        assert [Path(item["path"]).name for item in record["failures"]] == ["gone.png", "bad.png"]
        assert record["finds"] == 3
        assert "2 failed" in capsys.readouterr().err

    def test_options_of_the_other_kind_are_refused(self, make_finder, folder, tmp_path, capsys):
        model = make_finder().path
        assert self.run(model, folder, "-o", tmp_path / "o.csv", "--groups") == 2
        assert "--groups does not apply" in capsys.readouterr().err
        assert not (tmp_path / "o.csv").exists()


def test_a_finder_for_endoscopes_searches_what_they_show(make_finder, tmp_path):
    """In the margin is writing as bright as a find; places are those of the whole picture."""
    model = make_finder(um_per_px=None, picture_px=192)
    card = model.card.model_copy(update={"input": model.card.picture_input.model_copy(update={"area": "endoscope"})})
    frame = np.zeros((200, 400, 3), np.uint8)
    frame[4:196, 180:372] = picture(192, 192, [(100, 60, "red")])
    frame[90:104, 20:34] = (255, 30, 30)
    cv2.imwrite(str(tmp_path / "frame.png"), frame[..., ::-1])
    with FindPipeline(ModelFile(card, "fp32", model.path)) as finder:
        (row,) = finder.predict([tmp_path / "frame.png"])
    (find,) = row.finds
    assert abs(find.x_px + find.width_px / 2 - 280) < 6 and abs(find.y_px + find.height_px / 2 - 64) < 6
