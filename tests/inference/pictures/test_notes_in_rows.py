"""Pictures unlike what a model knows: refused, or a row with a note; in the table, the record and on the page."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from unmissed.datasets.records import Record
from unmissed.inference.pictures.predict import Predictor
from unmissed.inference.pictures.run import predict_to_files
from unmissed.models.zoo import resolve


def coloured(height, width):
    coarse = np.random.default_rng(0).integers(0, 255, (4, 5, 3), dtype=np.uint8)
    return cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)


@pytest.fixture
def folder(tmp_path):
    """One picture of each kind; the model takes 128 px."""
    place = tmp_path / "pictures"
    place.mkdir()
    Image.fromarray(coloured(60, 70)).save(place / "fine.png")
    Image.fromarray(np.full((1, 1, 3), (200, 30, 90), np.uint8)).save(place / "dot.png")
    Image.fromarray(coloured(30, 30)).save(place / "small.png")
    Image.fromarray(coloured(50, 210)).save(place / "long.png")
    Image.fromarray(coloured(60, 70)).convert("L").save(place / "grey.jpg")
    Image.fromarray(np.zeros((60, 60, 3), np.uint8)).save(place / "black.png")
    frames = [Image.fromarray(coloured(60, 60)), Image.fromarray(coloured(60, 60)[::-1])]
    frames[0].save(place / "frames.gif", save_all=True, append_images=frames[1:])
    return place


EXPECTED = {
    "black.png": "shows nothing: all of it is black",
    "fine.png": "",
    "frames.gif": "holds 2 frames; only the first was read",
    "grey.jpg": "has no colour; a model that learned from colour has seen nothing like it",
    "long.png": "is 210 x 50 px: it was squeezed into a square",
    "small.png": "is 30 x 30 px, small for a model that looks at 128 x 128 px: details are missing",
}


def test_the_table_has_a_note_and_the_record_and_page_count_them(folder, tmp_path, caplog):
    out, page = tmp_path / "out.csv", tmp_path / "out.html"
    run = predict_to_files("cell-sipakmed", [str(folder)], out, page=page)
    assert (run.images, run.failed, run.noted) == (7, 1, 6)
    with out.open(encoding="utf-8", newline="") as stream:
        rows = {Path(row["path"]).name: row for row in csv.DictReader(stream)}
    notes = {name: row["note"] for name, row in rows.items() if name in EXPECTED}
    assert {name: note.rpartition("looks unlike")[0].removesuffix("; ") for name, note in notes.items()} == EXPECTED
    assert (
        notes["fine.png"] == "looks unlike the pictures that the model was trained on (colour); its answer may be wrong"
    )
    assert "1 x 1 px, too small to show anything" in rows["dot.png"]["error"] and not rows["dot.png"]["class"]
    record = json.loads((tmp_path / "out.run.json").read_text("utf-8"))
    assert record["noted"] == 6
    for name, text in EXPECTED.items():
        if text:
            assert any(line.endswith(f"{name}: {text}") for line in record["notes"])
            assert f"{name}: {text}" in caplog.text
            assert text in page.read_text("utf-8")
    assert "With a note" in page.read_text("utf-8") and "全为黑色" in page.read_text("utf-8")


def test_what_most_training_pictures_were_like_is_not_noted(folder):
    model = resolve("cell-sipakmed")
    card = model.card.model_copy(update={"training": {"usual_notes": ["grey", "small"]}, "familiarity": None})
    with Predictor(replace(model, card=card)) as predictor:
        notes = {
            row.path.name: [note.kind for note in row.notes] for row in predictor.predict(sorted(folder.iterdir()))
        }
    assert notes["grey.jpg"] == notes["small.png"] == []
    assert notes["black.png"] == ["uniform"]


def test_a_crop_that_is_mostly_filled_up_is_noted(folder):
    model = resolve("cell-bethesda")  # 160 px at 0.3 um/px
    model = replace(model, card=model.card.model_copy(update={"familiarity": None}))
    paths = [folder / "small.png", folder / "fine.png"]
    for um_per_px, kinds in ((0.6, [["filled"], []]), (0.3, [["filled"], ["filled"]])):
        with Predictor(model, um_per_px=um_per_px) as predictor:
            assert [[note.kind for note in row.notes] for row in predictor.predict(paths)] == kinds


@pytest.mark.parametrize("picture", ["fine.png", "frames.gif"])
def test_training_pictures_are_not_noted_and_drawn_ones_are(folder, data_root, picture):
    cell = next((data_root / "sipakmed").glob("*/CROPPED/*.jpg"))
    with Predictor(resolve("cell-sipakmed")) as predictor:
        known, drawn = predictor.predict([cell, folder / picture])
    assert "unlike" not in [note.kind for note in known.notes]
    assert "unlike" in [note.kind for note in drawn.notes]


def test_a_measurement_says_it_too(folder, caplog):
    records = [Record(folder / name, "Parabasal", "g") for name in ("fine.png", "grey.jpg")]
    with Predictor(resolve("cell-sipakmed")) as predictor:
        assert predictor.classify_records(records).shape == (2, 5)
    assert "grey.jpg: has no colour" in caplog.text


def test_a_table_in_a_pipe_has_no_record_beside_it(folder, capfd):
    predict_to_files("cell-sipakmed", [str(folder / "fine.png")], Path("/dev/stdout"))
    lines = capfd.readouterr().out.splitlines()
    assert lines[0].startswith("path,class,probability") and len(lines) == 2
    assert not Path("/dev/stdout.run.json").exists()
