"""Plots and reports: there is something to see, nothing is fetched, nothing hostile gets through."""

import base64
import json
import re
from html.parser import HTMLParser

import cv2
import numpy as np
import pytest

from unmissed.datasets.basis.errors import DatasetError
from unmissed.datasets.records import ClassInfo
from unmissed.training.evaluation.evaluate import evaluate
from unmissed.training.evaluation.history import read_history
from unmissed.training.evaluation.mistakes import MOST, Mistake, confident_mistakes, thumbnail
from unmissed.training.evaluation.outputs import write_evaluation, write_fold_evaluation
from unmissed.training.evaluation.plots import write_plots
from unmissed.training.evaluation.predictions import Predictions
from unmissed.training.evaluation.report import write_report

HOSTILE = "<script>alert('x')</script>$\\frac{1$ & \"quoted\""
HISTORY = "epoch,train_loss,val_loss,val_macro_f1,lr,seconds\n1,1.5,1.4,0.3,0.001,60\n2,0.9,1.0,0.6,0.0005,60\n"


class Tags(HTMLParser):
    """Collects tags, and addresses of everything that a browser would fetch."""

    def __init__(self):
        super().__init__()
        self.tags, self.addresses, self.text = [], [], ""

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.addresses += [value for name, value in attrs if name in ("src", "href", "action", "srcset", "data")]
        assert not [name for name, _ in attrs if name.startswith("on")]

    def handle_data(self, data):
        self.text += data


def parsed(path):
    page = Tags()
    page.feed(path.read_text(encoding="utf-8"))
    return page


@pytest.fixture
def hostile(make):
    p = make(n=120)
    classes = (ClassInfo("c0", HOSTILE, HOSTILE, HOSTILE), *p.classes[1:])
    return Predictions(classes, p.labels, p.logits, p.groups, tuple(f"{HOSTILE}/{i}.png" for i in range(120)))


@pytest.fixture
def history(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(HISTORY)
    return path


def test_plots_are_pictures_with_content(make, history, tmp_path):
    p = make(n=200, k=23)
    written = write_plots(tmp_path, p, evaluate(p, n_bootstrap=5), temperature=2.0, history_csv=history)
    assert set(written) == {"confusion", "reliability", "roc", "precision_recall", "history"}
    for path in written.values():
        image = cv2.imread(str(path))
        assert min(image.shape[:2]) > 500
        assert image.std() > 5
        assert (image[[0, -1]] > 200).all()  # nothing is cut off at the upper and lower edge


def test_plots_live_with_absent_classes_and_without_history(make, tmp_path):
    p = make(n=30)
    one = Predictions(p.classes, np.zeros(30, dtype=int), p.logits, p.groups, p.paths)
    written = write_plots(tmp_path, one, evaluate(one, n_bootstrap=5), history_csv=tmp_path / "none.csv")
    assert "history" not in written


def test_report_fetches_nothing_and_escapes_everything(hostile, history, tmp_path):
    write_evaluation(
        tmp_path,
        hostile,
        title=HOSTILE,
        n_bootstrap=5,
        config={HOSTILE: HOSTILE},
        history_csv=history,
        picture=lambda index: np.full((40, 60, 3), index, np.uint8),
        notes=[HOSTILE],
        facts={HOSTILE: HOSTILE},
    )
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    page = parsed(tmp_path / "report.html")
    assert "script" not in page.tags
    assert all(address.startswith("data:image/") for address in page.addresses)
    assert len(page.addresses) >= 5 + 5
    assert not re.search(r"https?://|@import|url\(", text)
    assert page.text.count(HOSTILE) >= 5
    assert str(tmp_path) not in text
    for words in ("Most confident mistakes", "最自信的错误", "Class by class", "各类别指标", "Training time"):
        assert words in page.text
    assert json.loads((tmp_path / "metrics.json").read_text())["images"] == 120


def test_report_says_what_is_weak(make, tmp_path):
    p = make(n=40, g=5)
    e = evaluate(p, n_bootstrap=5)
    write_report(tmp_path, e, title="t", config={})
    page = parsed(tmp_path / "report.html")
    assert f"Only {p.n_groups} groups" in page.text
    assert page.text.count("!") >= 4  # every class has fewer than 30 pictures


def test_paths_lose_the_machine_and_plots_must_be_there(make, tmp_path):
    e = evaluate(make(n=30), n_bootstrap=5)
    mistakes = [Mistake("/home/somebody/data/set/class/a.png", "c0", "c1", 0.9)]
    write_report(tmp_path, e, title="t", config={}, mistakes=mistakes)
    text = parsed(tmp_path / "report.html").text
    assert "somebody" not in text
    assert "set/class/a.png" in text
    with pytest.raises(DatasetError, match="cannot be read"):
        write_report(tmp_path, e, title="t", config={}, plots={"roc": tmp_path / "none.png"})


def test_mistakes_are_wrong_and_sorted_by_confidence(make):
    p = make(n=200, edge=1.0)
    found = confident_mistakes(p)
    assert len(found) == MOST
    assert all(mistake.truth != mistake.predicted for mistake in found)
    assert [m.probability for m in found] == sorted((m.probability for m in found), reverse=True)
    wrong = p.logits.argmax(axis=1) != p.labels
    assert found[0].probability == pytest.approx(p.probabilities().max(axis=1)[wrong].max())


def test_thumbnail_keeps_colour_and_shape():
    red = np.zeros((50, 100, 3), np.uint8)
    red[..., 0] = 200
    data = base64.b64decode(thumbnail(red).removeprefix("data:image/jpeg;base64,"))
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image.shape == (80, 160, 3)
    assert image[40, 80, 2] > 180  # BGR: red is last
    assert image[40, 80, 0] < 30


def test_fold_summary_has_spread_and_pooled(make, tmp_path):
    folds = {f"fold-{i}": (make(n=80, seed=i), 1.0 + i / 10) for i in range(3)}
    pooled = write_fold_evaluation(tmp_path, folds, title="three folds", n_bootstrap=5)
    assert pooled.n_images == 240
    summary = json.loads((tmp_path / "summary.json").read_text())
    values = [json.loads((tmp_path / f / "metrics.json").read_text())["overall"]["macro_f1"]["value"] for f in folds]
    row = summary["metrics"]["macro_f1"]
    assert row["values"] == values
    assert row["mean"] == pytest.approx(np.mean(values))
    assert row["sd"] == pytest.approx(np.std(values, ddof=1))
    assert (row["min"], row["max"]) == (min(values), max(values))
    assert row["pooled"]["value"] == pytest.approx(pooled.overall["macro_f1"].value)
    assert "Over the folds" in parsed(tmp_path / "report.html").text


@pytest.mark.parametrize("text", ["", "epoch,lr\n", "lr\n1\n", "epoch,lr\n1,fast\n"])
def test_bad_history_is_an_error(tmp_path, text):
    (tmp_path / "h.csv").write_text(text)
    with pytest.raises(DatasetError):
        read_history(tmp_path / "h.csv")


def test_empty_cells_of_the_history_are_unknown(tmp_path):
    (tmp_path / "h.csv").write_text("epoch,val_loss\n1,\n2,0.5\n")
    np.testing.assert_array_equal(read_history(tmp_path / "h.csv")["val_loss"], [np.nan, 0.5])
