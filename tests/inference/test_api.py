"""The functions for Python: light until used, known to tools, and run as the documentation shows them."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

import unmissed.inference
from unmissed.datasets.basis.errors import ConfigError, ImageError, ModelError
from unmissed.datasets.video import VideoSource
from unmissed.inference import load_model, load_protocol, predict, triage, watch
from unmissed.inference.doctor.self_test import write_model

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "python.md"


def python(code: str, folder: Path) -> str:
    run = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout


def test_importing_it_loads_nothing_heavy(tmp_path):
    code = (
        "import json, sys, unmissed.inference\n"
        "print(json.dumps([sorted(name.split('.')[0] for name in sys.modules), dir(unmissed.inference)]))"
    )
    loaded, offered = json.loads(python(code, tmp_path))
    assert not {"numpy", "cv2", "onnxruntime", "pydantic", "PIL", "torch"} & set(loaded)
    assert set(unmissed.inference.__all__) <= set(offered)


def test_every_name_is_there_and_nothing_else():
    assert all(callable(getattr(unmissed.inference, name)) for name in unmissed.inference.__all__)
    with pytest.raises(AttributeError, match="no attribute 'load_modle'"):
        _ = unmissed.inference.load_modle
    tree = ast.parse(Path(unmissed.inference.__file__).read_text("utf-8"))
    typed = next(node for node in ast.walk(tree) if isinstance(node, ast.If))
    assert [alias.name for alias in typed.body[0].names] == unmissed.inference.__all__


def test_the_examples_of_the_documentation_run(tmp_path):
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert len(blocks) > 3
    shown = python("\n".join(blocks), tmp_path)
    assert "broken-on-purpose.jpg is cut off" in shown
    assert "slide-0001 review" in shown
    assert "stopped" in shown
    for name in ("triage/worklist.csv", "exam/report.html"):
        assert (tmp_path / name).is_file()


def test_inputs_without_a_picture_come_first(tmp_path):
    with load_model(write_model(tmp_path).path) as model:
        (tmp_path / "bad.png").touch()
        rows = list(predict(model, [tmp_path / "bad.png", tmp_path / "gone.png"]))
        assert [row.path.name for row in rows] == ["gone.png", "bad.png"]
        assert all(row.error and row.probabilities is None for row in rows)
        with pytest.raises(ImageError, match="gone"):
            predict(model, tmp_path / "gone.png")


def test_what_does_not_apply_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="--threshold does not apply"):
        load_model(write_model(tmp_path).path, threshold=0.5)
    with pytest.raises(ModelError):
        load_model("slide-score")


class Camera(VideoSource):
    name, is_live, closed = "camera 0", True, False

    def frames(self):
        yield from ()

    def close(self):
        self.closed = True


def test_a_live_source_is_closed_when_an_option_is_for_files(tmp_path):
    camera = Camera()
    with pytest.raises(ConfigError, match="--paced is for files, and camera 0 is live"):
        watch(camera, tmp_path / "exam", load_protocol("colonoscopy"), paced=True)
    assert camera.closed


@pytest.mark.parametrize(
    ("option", "least"),
    [({"workers": 0}, "at least 1"), ({"um_per_px": -0.25}, "at least 0.001"), ({"threads": 0}, "1")],
)
def test_numbers_out_of_range_are_refused(tmp_path, option, least):
    with pytest.raises(ConfigError, match=least):
        triage(tmp_path / "a.tiff", tmp_path / "out", **option)
    assert not (tmp_path / "out").exists()
