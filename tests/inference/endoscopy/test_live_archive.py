"""What doctors say of examinations is kept beside what the machine said, and quality counts it."""

import shutil

import numpy as np
import pytest

from unmissed.datasets.video import Frame
from unmissed.inference.endoscopy.live.archive import (
    Archive,
    EditError,
    UnknownExaminationError,
    quality,
    quality_by_doctor,
)
from unmissed.inference.endoscopy.live.examination import LiveExamination
from unmissed.inference.endoscopy.protocol import ProtocolModels, load_protocol
from unmissed.inference.endoscopy.values import Event, EventKind
from unmissed.inference.endoscopy.watching.seeing import Seeing, Seen

BARE = load_protocol("gastroscopy-10").model_copy(update={"models": ProtocolModels()})


def held(folder, doctor=""):
    exam = LiveExamination(folder, BARE, "film", doctor)
    with Seeing(BARE) as seeing:
        for index in range(5):
            seen = seeing.see(Frame(index, index / 25, np.full((48, 64, 3), 90 + index, np.uint8)))
            if index == 2:
                seen = Seen(seen.signals, seen.size_px, seen.content, (Event(0.08, EventKind.LESION, "Look", "看"),))
            exam.take(index + 1, seen, lambda: None)
    assert exam.finish("stopped")


def test_edits_stand_beside_the_machine(tmp_path):
    held(tmp_path / "20260102-030405")
    archive = Archive(tmp_path)
    past = archive.one("20260102-030405")
    assert [alert["text"] for alert in past.alerts] == ["Look"]
    code, number = past.exam.sites[0].code, past.alerts[0]["number"]
    assert code in past.missing
    archive.edit(past.name, "ana", f"site {code}", "seen")
    archive.edit(past.name, "ben", f"event {number}", "wrong")
    archive.edit(past.name, "ana", f"event {number}", "right")
    again = archive.one(past.name)
    assert again.edits[f"event {number}"]["by"] == "ana"
    assert again.true_alerts == 1
    assert code not in again.missing
    assert len((tmp_path / past.name / "edits.jsonl").read_text().splitlines()) == 3
    assert again.exam == past.exam


@pytest.mark.parametrize("target", ["site nowhere", "event 999", "", "exam 1", "event 0"])
def test_nothing_is_said_of_what_is_not_there(tmp_path, target):
    held(tmp_path / "20260102-030405")
    with pytest.raises(EditError):
        Archive(tmp_path).edit("20260102-030405", "ana", target, "wrong")


@pytest.mark.parametrize("name", ["..", "../20260102-030405", "20260102", "20260102-030405"])
def test_no_other_folder_is_an_examination(tmp_path, name):
    with pytest.raises(UnknownExaminationError):
        Archive(tmp_path).one(name)


def test_quality_counts_finished_examinations_and_leaves_out_what_is_damaged(tmp_path):
    held(tmp_path / "20260102-030405")
    shutil.copytree(tmp_path / "20260102-030405", tmp_path / "20260102-030406")
    (tmp_path / "20260102-030406" / "exam.json").write_text("{")
    archive = Archive(tmp_path)
    listed = archive.all()
    assert [one.name for one in listed] == ["20260102-030405"]
    found = quality(listed)
    assert (found.examinations, found.normal, found.withdrawal_s) == (1, 0, None)


def test_quality_is_told_for_each_doctor_who_was_named(tmp_path):
    for number, doctor in enumerate(("Ana", "Ben", "Ana", "")):
        held(tmp_path / f"20260102-03040{number}", doctor)
    archive = Archive(tmp_path)
    found = quality_by_doctor(archive.all())
    assert {name: one.examinations for name, one in found.items()} == {"Ana": 2, "Ben": 1}
    assert found["Ana"].alerts_minute > 0
