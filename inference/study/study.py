"""The study of a triage: the flow of cases, accuracy by rule, grade, site and scanner, and what it saves."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.cytology.certification.proof import scores_of_patients
from unmissed.inference.cytology.pages.worklist_page import BY_HAND_S, REFERENCE_S
from unmissed.inference.cytology.policy.policy import load_policy
from unmissed.inference.study.accuracy import (
    Rule,
    accuracy,
    by_grade,
    by_part,
    excludable,
    missed,
    provable,
    rule_of_run,
    rule_of_threshold,
)
from unmissed.inference.study.claims import claims
from unmissed.inference.study.cohort import Cohort
from unmissed.inference.study.numbers import exact, net_benefit, recalibration
from unmissed.inference.study.readings import read_readings
from unmissed.inference.study.rows import Station
from unmissed.inference.study.values import Bin, Step, Study, Workload

_NOTHING = (
    "The main rule screens nothing out: its sensitivity says nothing. Name a rule with --threshold or --policy.",
    "主要规则未排除任何玻片，其灵敏度没有意义。请用 --threshold 或 --policy 指定规则。",
)
_BINS = 10
_THRESHOLDS = np.arange(1, 100) / 100


def rules_of(cohort: Cohort, thresholds: Sequence[float], policy: str | None) -> list[Rule]:
    """The rules that are measured: the run's own, then that of a policy, then thresholds.

    Raises:
        ConfigError: There is none, or the policy has no threshold.
    """
    wanted = [*thresholds]
    if policy is not None:
        point = load_policy(policy).operating_point
        if point is None:
            raise ConfigError(f"the policy {policy} has no threshold", expected="a policy of `unmissed certify`")
        wanted.insert(0, point.threshold)
    rules = [rule_of_run(cohort)] if cohort.has_dispositions else []
    rules += [rule_of_threshold(cohort, threshold) for threshold in dict.fromkeys(wanted)]
    if not rules:
        raise ConfigError(
            "nothing says which slides the machine would screen out",
            expected="the folder of a run, a column disposition, --policy or --threshold",
            fix="name a threshold, such as --threshold 0.1",
        )
    if len(rules) > 1 and not rules[0].negative.any():
        rules.append(rules.pop(0))  # a run that excludes nothing teaches least
    return rules


def study_of(
    cohort: Cohort,
    rules: Sequence[Rule],
    *,
    title: str,
    simulated: bool = False,
    readings: Path | None = None,
    human_min: float = BY_HAND_S / 60,
    machine_s: float = REFERENCE_S,
) -> Study:
    """Measure everything.

    Args:
        cohort: the slides.
        rules: as of ``rules_of``; the first is the main one.
        title: of the report.
        simulated: whether the slides are drawn or composed.
        readings: table of what people said of the slides.
        human_min, machine_s: time of a slide, for the workload.

    Raises:
        DatasetError: The table of readings is wrong.
    """
    cases, rule = cohort.cases, rules[0]
    everyone = np.ones(len(cases.slides), bool)
    first = accuracy(cohort, rule, everyone)
    results = (first, *(accuracy(cohort, other, everyone, with_area=False) for other in rules[1:]))
    scored = ~np.isnan(cases.scores)
    positive, scores = cases.positive[scored], cases.scores[scored]
    benefit, of_all = net_benefit(positive, scores, _THRESHOLDS)
    return Study(
        title=title,
        simulated=simulated,
        slides=len(cases.slides),
        patients=len(np.unique(cases.patients)),
        positive_patients=len(np.unique(cases.patients[cases.positive])),
        knows_patients=cases.knows_patients,
        truth=cases.truth,
        left_out=cohort.left_out,
        flow=tuple(_step(cohort, station) for station in Station),
        rules=tuple((one.name, one.name_zh) for one in rules),
        accuracy=results,
        threshold=rule.threshold,
        grades=by_grade(cohort, rule),
        sites=by_part(cohort, rule, "site"),
        scanners=by_part(cohort, rule, "scanner"),
        missed=tuple(missed(cohort, rule)),
        provable=tuple(provable(cohort)),
        calibration=_calibration(positive, scores),
        recalibration=recalibration(positive, scores),
        decision=tuple(zip(_THRESHOLDS.tolist(), benefit.tolist(), of_all.tolist(), strict=True)),
        roc=_roc(positive, scores),
        trade=_trade(cohort),
        histogram=_histogram(positive, scores),
        workload=_workload(cohort, rule, human_min, machine_s),
        claims=claims(first, len(cases.slides), cohort.seconds, human_min),
        readers=tuple(read_readings(readings, cohort, rule)) if readings else (),
        facts=cohort.facts,
        notes=(*cohort.notes, *(() if rule.negative.any() else (_NOTHING,))),
    )


def _step(cohort: Cohort, station: Station) -> Step:
    here = cohort.at(station)
    positive = int((here & cohort.cases.positive).sum())
    return Step(station.value, positive, int(here.sum()) - positive)


def _calibration(positive: np.ndarray, scores: np.ndarray) -> tuple[Bin, ...]:
    parts = np.array_split(np.argsort(scores, kind="stable"), _BINS)
    return tuple(
        Bin(float(scores[part].mean()), exact(int(positive[part].sum()), len(part))) for part in parts if len(part)
    )


def _histogram(positive: np.ndarray, scores: np.ndarray) -> tuple[tuple[int, int], ...]:
    no, yes = (np.histogram(scores[some], bins=20, range=(0, 1))[0].tolist() for some in (~positive, positive))
    return tuple(zip(no, yes, strict=True))


def _roc(positive: np.ndarray, scores: np.ndarray) -> tuple[tuple[float, float], ...]:
    """Points of the curve, at most some hundred of them."""
    order = np.argsort(-scores, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(scores[order])), len(order) - 1) if len(order) else np.array([], int)
    found, wrong = np.cumsum(positive[order])[ends], np.cumsum(~positive[order])[ends]
    points = [(0.0, 0.0), *zip(wrong / max((~positive).sum(), 1), found / max(positive.sum(), 1), strict=True)]
    return tuple(_thinned([(float(x), float(y)) for x, y in points]))


def _trade(cohort: Cohort) -> tuple[tuple[float, float], ...]:
    """What is screened out against who is still found, at every threshold."""
    cases, may = cohort.cases, excludable(cohort)
    trials = cases.positive & may
    lowest = np.sort(scores_of_patients(cases.patients[trials], cases.scores[trials]))
    total = len(np.unique(cases.patients[cases.positive & cohort.processable]))
    scores = np.sort(cases.scores[may])
    thresholds = np.unique(scores)
    below = np.searchsorted(scores, thresholds) / len(cases.slides)
    kept = 1 - np.searchsorted(lowest, thresholds) / max(total, 1)
    return tuple(_thinned([(float(x), float(y)) for x, y in zip(below, kept, strict=True)]))


def _thinned(points: list[tuple[float, float]], most: int = 400) -> list[tuple[float, float]]:
    """Points of a curve, as many as a plot can show, the ends among them."""
    if len(points) <= most:
        return points
    return [points[i] for i in np.unique(np.linspace(0, len(points) - 1, most).round().astype(int))]


def _workload(cohort: Cohort, rule: Rule, human_min: float, machine_s: float) -> Workload:
    slides, left = len(rule.excluded), int((~rule.excluded).sum())
    seconds = machine_s if cohort.seconds is None else cohort.seconds
    return Workload(
        human_min=human_min,
        machine_s=machine_s,
        measured_s=cohort.seconds,
        all_h=slides * human_min / 60,
        left_h=left * human_min / 60,
        machine_h=slides * seconds / 3600,
        saved=1 - left / slides,
    )
