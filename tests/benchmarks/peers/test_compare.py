"""Rounds, ratios and settings: arithmetic with known answers."""

import re

import pytest

from unmissed.benchmarks.peers.compare import Contender, odd_means, rows_of, run_rounds
from unmissed.benchmarks.peers.registry import Peer, Settings
from unmissed.benchmarks.peers.runs import ContenderRun, RunnerAnswer
from unmissed.benchmarks.peers.sweep import sweep
from unmissed.datasets.basis.errors import UnmissedError

BEST = Settings(patch_px=512, batch=1, workers=0, threads=2, mode="channels-last")
PEER = Peer("a-peer", "a peer", "a.py", "a", ("eager", "channels-last", "frozen"), BEST)


def ran(process_s, work_s=None, means=(0.9, 0.1), patches=16):
    answer = None
    if work_s is not None:
        answer = RunnerAnswer(
            start_s=process_s - work_s, work_s=work_s, patches=patches, means=means, versions={"torch": "2"}
        )
    return ContenderRun(process_s=process_s, peak_bytes=2**30, answer=answer)


def contender(name, runs):
    waiting = iter(runs)

    def run():
        found = next(waiting)
        if isinstance(found, UnmissedError):
            raise found
        return found

    return Contender(name, f"title of {name}", "as it comes", run)


def test_rounds_are_interleaved_and_one_that_fails_stops_nobody():
    order = []
    contenders = [
        contender("int8", [ran(2, 1)] * 3),
        contender("wsinfer", [ran(8, 4), UnmissedError("out of memory")]),
        contender("fp32", [ran(4, 3)] * 3),
    ]
    run_rounds(contenders, 3, order.append)
    assert [re.findall("title of ([a-z0-9]+)", line)[0] for line in order] == [
        *("int8", "wsinfer", "fp32"),
        *("int8", "wsinfer", "fp32"),
        *("int8", "fp32"),
    ]
    rows = rows_of(contenders, mpx=16.0)
    assert [row.not_measured for row in rows] == ["", "out of memory", ""]
    assert "process / our int8" not in rows[0].figures
    assert rows[2].figures["walk / our int8"].rounds == (3, 3, 3)


def test_ratios_are_taken_within_a_round():
    contenders = [
        contender("int8", [ran(2, 1), ran(4, 2), ran(3, 1.5)]),
        contender("fp32", [ran(4, 2), ran(8, 4), ran(3, 2)]),
        contender("triage", [ran(5), ran(10), ran(6)]),
        contender("tiatoolbox", [ran(20, 10), ran(60, 24), ran(30, 12)]),
    ]
    run_rounds(contenders, 3, lambda text: None)
    _, _, triage, peer = rows_of(contenders, mpx=24.0)
    assert peer.figures["process / our int8"].rounds == (10, 15, 10)
    assert peer.figures["process / our int8"].median == 10
    assert peer.figures["walk / our int8"].rounds == (10, 12, 8)
    assert peer.figures["walk / our fp32"].rounds == (5, 6, 6)
    assert peer.figures["walk speed"].rounds == pytest.approx((2.4, 1.0, 2.0))
    assert peer.figures["peak memory"].median == 1024
    assert triage.figures["process / our int8"].rounds == (2.5, 2.5, 2)
    assert "walk" not in triage.figures
    assert peer.facts["patches"] == 16


def test_whoever_sees_something_else_is_named():
    contenders = [
        contender("fp32", [ran(2, 1, (0.9, 0.1))]),
        contender("wsinfer", [ran(2, 1, (0.91, 0.09))]),
        contender("tiatoolbox", [ran(2, 1, (1.0, 0.0))]),
        contender("triage", [ran(2)]),
    ]
    run_rounds(contenders, 1, lambda text: None)
    (note,) = odd_means(contenders)
    assert "title of tiatoolbox" in note


def test_without_our_runs_there_is_no_ratio():
    contenders = [contender("int8", [UnmissedError("no model")]), contender("wsinfer", [ran(2, 1)])]
    run_rounds(contenders, 1, lambda text: None)
    assert odd_means(contenders) == []
    assert [name for name in rows_of(contenders, 1.0)[1].figures if "our" in name] == []


def test_the_sweep_finds_the_fastest_settings_knob_by_knob():
    def run(settings):
        speed = {(0, 1): 1, (0, 2): 2, (1, 1): 3}.get((settings.workers, settings.threads), 1)
        speed *= {"eager": 1, "channels-last": 2, "frozen": 3}[settings.mode]
        speed *= 4 if settings.patch_px == 256 else 1
        speed *= 2 if settings.batch == 16 else 1
        return ran(1.0, 16 * settings.patch_px**2 / 1e6 / speed)

    rows, said = [], []
    best = sweep(run, PEER, 2, rows, said.append)
    assert (best.workers, best.threads, best.mode, best.patch_px, best.batch) == (1, 1, "frozen", 256, 16)
    assert max(row.figures["patches"].median for row in rows) == pytest.approx(72)
    assert len({tuple(row.what.values()) for row in rows}) == len(rows) == len(said)
    assert all(int(row.what["batch"]) * int(row.what["patch_px"]) ** 2 < 2.2e6 for row in rows)


def test_settings_that_do_not_run_are_told_and_left_out():
    def run(settings):
        if settings.mode != "eager":
            raise UnmissedError("not here")
        return ran(1.0, 0.5)

    rows, said = [], []
    assert sweep(run, PEER, 2, rows, said.append).mode == "eager"
    assert rows[0].what["mode"] == PEER.best.mode
    assert rows[0].not_measured == "not here"

    def fails(settings):
        raise UnmissedError("no memory")

    with pytest.raises(UnmissedError, match="ran with none of"):
        sweep(fails, PEER, 2, [], print)
