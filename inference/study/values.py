"""What a study of slides finds."""

from collections.abc import Mapping
from dataclasses import dataclass

from unmissed.inference.study.accuracy import Accuracy, Missed, Provable
from unmissed.inference.study.claims import Claim
from unmissed.inference.study.numbers import Estimate
from unmissed.inference.study.readings import Reader


@dataclass(frozen=True)
class Step:
    """A station of the flow: slides and patients by truth."""

    station: str
    positive: int
    negative: int


@dataclass(frozen=True)
class Bin:
    """A tenth of the slides by score: the mean score, and how many are positive."""

    score: float
    positive: Estimate


@dataclass(frozen=True)
class Workload:
    """Hours of people, with all slides read and with those that the rule leaves.

    Attributes:
        human_min, machine_s: of a slide, as assumed.
        measured_s: the machine's median in this run; None where it is not known.
        all_h, left_h: of people. machine_h: of the machine, as measured, or else as assumed.
        saved: share of the people's hours.
    """

    human_min: float
    machine_s: float
    measured_s: float | None
    all_h: float
    left_h: float
    machine_h: float
    saved: float


@dataclass(frozen=True)
class Study:
    """Everything that the report shows.

    Attributes:
        title, simulated: of the report.
        slides, patients, positive_patients: how many.
        knows_patients: whether the patient is the trial; else the slide is.
        truth: the column that said who is positive.
        flow: stations in their order.
        rules: name and Chinese name; the first is the one that all parts below are about.
        accuracy: by rule, in their order.
        threshold: of the first rule; None for the run's own dispositions.
        grades: grade -> sensitivity, and what it proves.
        sites, scanners: part -> accuracy.
        missed: positive slides that the first rule calls negative.
        provable: what these cases would prove as calibration data.
        calibration: tenths of the slides by score; recalibration: intercept and slope.
        decision: threshold, net benefit by score, net benefit of reviewing all.
        roc: share of negative and of positive slides at or above each score.
        trade: share of slides below a threshold, share of positive patients still found.
        histogram: slides by score in 20 equal steps, negative and positive.
        readers: people on the same slides.
        facts, notes: of the run.
    """

    title: str
    simulated: bool
    slides: int
    patients: int
    positive_patients: int
    knows_patients: bool
    truth: str
    left_out: int
    flow: tuple[Step, ...]
    rules: tuple[tuple[str, str], ...]
    accuracy: tuple[Accuracy, ...]
    threshold: float | None
    grades: Mapping[str, tuple[Estimate, float | None]]
    sites: Mapping[str, Accuracy]
    scanners: Mapping[str, Accuracy]
    missed: tuple[Missed, ...]
    provable: tuple[Provable, ...]
    calibration: tuple[Bin, ...]
    recalibration: tuple[float, float] | None
    decision: tuple[tuple[float, float, float], ...]
    roc: tuple[tuple[float, float], ...]
    trade: tuple[tuple[float, float], ...]
    histogram: tuple[tuple[int, int], ...]
    workload: Workload
    claims: tuple[Claim, ...]
    readers: tuple[Reader, ...]
    facts: Mapping[str, str]
    notes: tuple[tuple[str, str], ...]
