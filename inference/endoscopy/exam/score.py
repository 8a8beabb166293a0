"""The score of an examination: parts of 0 to 1, weighed as the protocol says."""

from collections.abc import Iterable, Mapping

from unmissed.inference.endoscopy.exam.kpis import Kpi
from unmissed.inference.endoscopy.protocol import ScoreWeights

_FAST = 0.5  # what a second of fast, but not too fast, withdrawal counts


def score_of(kpis: Iterable[Kpi], weights: ScoreWeights) -> tuple[float | None, dict[str, float | None]]:
    """The score and its parts; see ``docs/concepts/score.md``.

    Args:
        kpis: of the examination.
        weights: of the protocol; a part without weight is left out.

    Returns:
        score: 0..100, mean of the parts that were assessed; None without one. parts : name -> 0..1, None where it was
        not assessed and so does not count.
    """
    named = {kpi.name: kpi for kpi in kpis}
    weighed = {name: weight for name, weight in weights.model_dump().items() if weight > 0}
    parts = {name: _part(name, named) for name in weighed}
    assessed = {name: value for name, value in parts.items() if value is not None}
    total = sum(weighed[name] for name in assessed)
    score = 100 * sum(weighed[name] * value for name, value in assessed.items()) / total if total else None
    return score, parts


def _part(name: str, kpis: Mapping[str, Kpi]) -> float | None:
    if name == "time":
        kpi = kpis.get("withdrawal_s") or kpis.get("examination_s")
        asked = None if kpi is None else kpi.aim or kpi.limit
        return None if kpi is None or kpi.value is None or not asked else min(1.0, kpi.value / asked)
    if name == "speed":
        red, amber, grey = (_value(kpis, f"speed_{state}") for state in ("red", "amber", "grey"))
        if red is None or amber is None or grey is None or grey >= 1:
            return None
        return min(1.0, max(0.0, 1 - (red + _FAST * amber) / (1 - grey)))
    return _value(kpis, "effective" if name == "legible" else name)


def _value(kpis: Mapping[str, Kpi], name: str) -> float | None:
    return kpis[name].value if name in kpis else None
