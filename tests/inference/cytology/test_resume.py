"""A run that goes on: what is finished stays, what has changed, failed or is damaged is done again."""

import json
import os
import shutil
import time
from dataclasses import replace

import pytest
from stand_ins import Troubled

from unmissed.datasets.basis.errors import ConfigError, OutputError
from unmissed.inference.cytology.policy.policy import Preparation
from unmissed.inference.cytology.results.reading import read_slide_result
from unmissed.inference.cytology.run import ledger
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.state import read_states


@pytest.mark.usefixtures("local")
class TestResume:
    def test_finished_slides_are_not_done_again(self, go, make_slide):
        slides = [make_slide("a.tiff"), make_slide("b.tiff", seed=50)]
        go(slides[0])
        before = (go.out / "slides" / "a" / "result.json").stat()
        rows, told = go(*slides)
        assert set(rows) == {"a", "b"} and told[-1].total == 1
        assert (go.out / "slides" / "a" / "result.json").stat().st_mtime_ns == before.st_mtime_ns
        assert go(*slides)[1] == []
        assert len(json.loads((go.out / "run.json").read_text())["sittings"]) == 3

    def test_a_changed_file_or_pixel_size_is_done_again(self, go, make_slide, caplog):
        slide = make_slide("a.tiff")
        first = go(slide)[0]["a"].score
        make_slide("a.tiff", seed=90)
        rows, told = go(slide)
        assert told[-1].total == 1 and rows["a"].score != first
        assert "a is another file, or has another pixel size, than before" in caplog.text
        _, told = go(SlideJob(slide, 0.5, "command line"))
        assert told[-1].total == 1
        assert read_slide_result(go.out / "slides" / "a").pixel_size.um_per_px == 0.5

    def test_a_file_that_is_gone_keeps_its_result(self, go, make_slide):
        slide = make_slide("a.tiff")
        score = go(slide)[0]["a"].score
        slide.unlink()
        rows, told = go(SlideJob(slide, problem="it does not exist"))
        assert told == [] and rows["a"].score == score and rows["a"].error == ""

    def test_a_result_that_is_gone_leaves_the_run_incomplete(self, go, make_slide):
        slides = [make_slide("a.tiff"), make_slide("b.tiff", seed=50)]
        go(*slides)
        shutil.rmtree(go.out / "slides" / "a")
        for named, is_complete in ((slides[1:], False), (slides, True)):
            go(*named)
            why = json.loads((go.out / "run.json").read_text())["exclusion"]["refused_because"]
            assert ("the run is not complete" in why) != is_complete

    def test_many_problems_write_the_worklist_once(self, go, local, tmp_path, monkeypatch):
        written = []
        monkeypatch.setattr(ledger, "write_worklist", lambda path, rows: written.append(len(rows)))
        rows, told = go(*(SlideJob(tmp_path / f"{number}.dcm", problem="it is damaged") for number in range(9)))
        assert written == [9, 9] and [progress.done for progress in told] == list(range(1, 10))
        assert {row.error for row in rows.values()} == {"it is damaged"} == {told[-1].row.error}

    def test_a_long_worklist_is_not_written_for_every_slide(self, go, local, make_slide, monkeypatch):
        written = []

        def slowly(path, rows):
            written.append(len(rows))
            time.sleep(0.2)

        monkeypatch.setattr(ledger, "write_worklist", slowly)
        go(*(make_slide(f"{number}.tiff", seed=number) for number in range(8)))
        assert written[-1] == 8 and len(written) <= 3

    def test_what_was_left_out_before_a_slide_is_opened_is_a_note(self, go, local, make_slide):
        class Noting(Troubled):
            def screen(self, slide, name, path):
                return replace(super().screen(slide, name, path), notes=slide.notes)

        go(SlideJob(make_slide("a.tiff"), notes=("a level was not read",)), make_screener=Noting)
        assert "a level was not read" in read_slide_result(go.out / "slides" / "a").notes

    def test_other_settings_are_refused_by_name(self, go, make_slide):
        slide = make_slide("a.tiff")
        go(slide)
        with pytest.raises(ConfigError, match="preset was quick and is now fast"):
            go(slide, settings={"preset": "fast"})
        with pytest.raises(ConfigError, match="preparation was liquid"):
            go(slide, preparation=Preparation.CONVENTIONAL)
        _, told = go(slide, settings={"preset": "fast"}, overwrite=True)
        assert told[-1].total == 1

    def test_failed_slides_only_when_asked_for(self, go, make_slide):
        slides = [make_slide("defect-once.tiff"), make_slide("good.tiff")]
        assert go(*slides)[0]["defect-once"].error
        assert go(*slides)[1] == []
        rows, told = go(*slides, retry_failed=True)
        assert told[-1].total == 1 and rows["defect-once"].error == ""
        assert len(read_states(go.out / "state")["defect-once"].attempts) == 2

    def test_half_files_of_a_killed_run_are_removed(self, go, make_slide):
        slide = make_slide("a.tiff")
        go(slide)
        partial = go.out / "slides" / ".b.partial"
        partial.mkdir()
        (partial / "findings.csv").write_text("half")
        (go.out / ".worklist.csv.x.partial").write_text("half")
        (go.out / "slides" / "a" / ".index.html.x.partial").write_text("half")
        go(slide)
        assert not list(go.out.rglob("*.partial"))

    def test_a_result_that_was_complete_when_the_run_was_killed_counts(self, go, make_slide):
        slide = make_slide("a.tiff")
        go(slide)
        path = go.out / "state" / "a.json"
        state = json.loads(path.read_text())
        path.write_text(json.dumps(state | {"status": "running"}))
        rows, told = go(slide)
        assert told == [] and rows["a"].error == ""
        assert read_states(go.out / "state")["a"].status == "done"

    def test_a_damaged_result_is_made_again(self, go, make_slide):
        slide = make_slide("a.tiff")
        go(slide)
        result = go.out / "slides" / "a" / "result.json"
        result.write_text(result.read_text()[:100])
        rows, told = go(slide)
        assert told[-1].total == 1 and rows["a"].error == ""

    def test_a_result_of_another_version_is_made_again(self, go, make_slide, caplog):
        slide = make_slide("a.tiff")
        go(slide)
        result = go.out / "slides" / "a" / "result.json"
        old = json.loads(result.read_text()) | {"schema_version": 1, "times_s": {"total": 1.0, "look again": 0.5}}
        result.write_text(json.dumps(old | {"counts": {"tiles_read": 6, "tiles_damaged": 0}}))
        rows, told = go(slide)
        assert told[-1].total == 1 and rows["a"].error == ""
        assert "a is screened again" in caplog.text and "another version of Unmissed" in caplog.text
        assert read_slide_result(result.parent).reading.tiles_read == 6

    def test_a_damaged_state_is_named(self, go, make_slide):
        slide = make_slide("a.tiff")
        go(slide)
        (go.out / "state" / "a.json").write_text("{")
        with pytest.raises(OutputError, match=r"state.a\.json"):
            go(slide)

    def test_names_that_are_no_text(self, go, make_slide):
        """Bytes that are no UTF-8, and names that would break a spreadsheet or leave the folder."""
        plain = make_slide("a.tiff")
        slides = [
            plain.with_name(os.fsdecode(name)) for name in (b"a\xff.tiff", b"a\xfe.tiff", b"=1+1.tiff", b"...tiff")
        ]
        for slide in slides:
            shutil.copy(plain, slide)
        broken = plain.with_name(os.fsdecode(b"broken\xff.svs"))
        broken.write_text("no slide")
        rows, _ = go(*slides, broken)
        assert len(rows) == 5 == len(list((go.out / "slides").iterdir())) + 1
        assert go(*slides, broken)[1] == []

    def test_same_names_in_different_folders(self, go, make_slide):
        one, two = make_slide("x/s.tiff"), make_slide("y/s.tiff", seed=60)
        assert set(go(one, two)[0]) == {"s", "s-2"}
        rows, told = go(two)  # alone, it keeps its name
        assert told == [] and set(rows) == {"s", "s-2"}
        assert read_slide_result(go.out / "slides" / "s-2").path == str(two)
