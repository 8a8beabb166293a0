"""How often a certified threshold misses more than it states, on simulated data sets whose true miss rate is known.

``python -m unmissed.benchmarks.studies.proofs.miss_rates``: scores of positive patients are drawn, certified by the
code of `unmissed certify`, and the true miss rate at the threshold is computed from the distribution they came from.
At 95 % confidence at most 5 % of the thresholds may miss too much; far fewer would be needlessly strict.
"""

import argparse
from dataclasses import dataclass
from time import perf_counter

import numpy as np
from scipy.special import ndtr, ndtri, roots_hermitenorm
from scipy.stats import binom

from unmissed.datasets.basis.errors import run_main
from unmissed.inference.cytology.certification.proof import prove
from unmissed.inference.cytology.policy.bounds import most_missed

CONFIDENCE = 0.95
_ALIKE = 0.5  # correlation of the slides of a patient
_MEANS = {"HSIL": 2.6, "LSIL": 1.8}  # of the scores, as normal quantiles
_NODES, _WEIGHTS = roots_hermitenorm(64)
_AT_ONCE = 2_000_000  # patients


@dataclass(frozen=True)
class Setting:
    """A kind of data set.

    Attributes:
        name: in words.
        patients: positive ones in a data set.
        sensitivity: the claim.
        slides: share of patients with 1, 2, 3 ... positive slides.
        lsil: share of LSIL among the patients of the data set; the others are HSIL.
        lsil_later: the same among those to whom the threshold is applied; None: the same.
        trials: "patients"; or "slides", each slide as a trial of its own, which is wrong; or "LSIL", the certificate of
            the patients with LSIL alone, whose scores are lower; or "every grade", as ``--every-grade`` does it.
    """

    name: str
    patients: int
    sensitivity: float
    slides: tuple[float, ...] = (1.0,)
    lsil: float = 0.5
    lsil_later: float | None = None
    trials: str = "patients"


_SEVERAL = (0.4, 0.3, 0.2, 0.1)
SETTINGS = (
    Setting("a slide each, 3,000 patients, 99.9 %", 3000, 0.999),
    Setting("a slide each, 8,000 patients, 99.9 %", 8000, 0.999),
    Setting("a slide each, 1,000 patients, 99 %", 1000, 0.99),
    Setting("1 to 4 slides, 3,000 patients, 99.9 %", 3000, 0.999, _SEVERAL),
    Setting("1 to 4 slides, 1,000 patients, 99 %", 1000, 0.99, _SEVERAL),
    Setting("case mix shifted, LSIL 30 to 70 %: certificate of LSIL", 1600, 0.99, _SEVERAL, 0.3, 1.0, "LSIL"),
    Setting("case mix shifted, LSIL 30 to 70 %: every grade", 1600, 0.99, _SEVERAL, 0.3, 0.7, "every grade"),
    Setting("case mix shifted, LSIL 30 to 70 %: main certificate", 1600, 0.99, _SEVERAL, 0.3, 0.7),
    Setting("1 to 4 slides, each a trial (wrong)", 1000, 0.99, _SEVERAL, trials="slides"),
)


def true_miss_rate(thresholds: np.ndarray, setting: Setting) -> np.ndarray:
    """Probability that a positive patient has a slide below each threshold, in the population of the later use."""
    cut = ndtri(np.clip(thresholds, 0, 1))[:, None]
    lsil = setting.lsil if setting.lsil_later is None else setting.lsil_later
    rates = np.zeros(len(thresholds))
    for grade, share in (("LSIL", lsil), ("HSIL", 1 - lsil)):
        # A patient has a part that her slides share, over which Gauss and Hermite's nodes take the mean.
        below = ndtr((cut - _MEANS[grade] - np.sqrt(_ALIKE) * _NODES) / np.sqrt(1 - _ALIKE))
        for number, of_all in enumerate(setting.slides, 1):
            missed = 1 - (1 - below) ** number
            rates += share * of_all * (missed @ _WEIGHTS) / _WEIGHTS.sum()
    return rates


def thresholds_of(setting: Setting, sets: int, seed: int) -> np.ndarray:
    """The certified threshold of each of so many data sets; 0 where none is."""
    rng = np.random.default_rng(seed)
    found: list[float] = []
    while len(found) < sets:
        count = min(sets - len(found), max(1, _AT_ONCE // setting.patients))
        shape = (count, setting.patients)
        is_lsil = rng.random(shape, np.float32) < setting.lsil
        mean = np.where(is_lsil, np.float32(_MEANS["LSIL"]), np.float32(_MEANS["HSIL"]))
        mean += np.float32(np.sqrt(_ALIKE)) * rng.standard_normal(shape, np.float32)
        number = rng.choice(len(setting.slides), shape, p=setting.slides).astype(np.int8)
        slides = [
            np.where(
                number >= i, mean + np.float32(np.sqrt(1 - _ALIKE)) * rng.standard_normal(shape, np.float32), np.inf
            )
            for i in range(len(setting.slides))
        ]
        scores = np.stack(slides, 2) if setting.trials == "slides" else np.minimum.reduce(slides)
        for one, lsil in zip(scores, is_lsil, strict=True):
            parts = {"LSIL": [one[lsil]], "every grade": [one, one[lsil], one[~lsil]]}.get(
                setting.trials, [one[np.isfinite(one)]]
            )
            found.append(
                min(prove(ndtr(part.astype(float)), setting.sensitivity, CONFIDENCE).threshold for part in parts)
            )
    return np.array(found)


def share_wrong(setting: Setting, sets: int, seed: int = 0) -> float:
    """Share of the data sets whose certified threshold misses more than the certificate states."""
    thresholds = thresholds_of(setting, sets, seed)
    return float(np.mean((thresholds > 0) & (true_miss_rate(thresholds, setting) > 1 - setting.sensitivity)))


def exact_share(setting: Setting) -> float | None:
    """What theory gives where every data set has as many trials and later patients are alike; None elsewhere."""
    if setting.trials != "patients" or setting.lsil_later is not None:
        return None
    allowed = most_missed(setting.patients, setting.sensitivity, CONFIDENCE)
    return float(binom.cdf(allowed, setting.patients, 1 - setting.sensitivity))


def main() -> None:
    """Print the share of wrong certificates for every kind of data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sets", type=int, default=10_000, help="data sets of each kind")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    started = perf_counter()
    print(
        f"| {given.sets:,} data sets of each kind | true miss rate above the stated one | 95 % interval | by theory |"
    )
    print("|---|---|---|---|")
    for setting in SETTINGS:
        share = share_wrong(setting, given.sets, given.seed)
        room = 1.96 * np.sqrt(share * (1 - share) / given.sets)
        exact = exact_share(setting)
        theory = "" if exact is None else f"{exact:.2%}"
        print(f"| {setting.name} | {share:.2%} | {share - room:.2%} to {share + room:.2%} | {theory} |", flush=True)
    print(f"\n{perf_counter() - started:.0f} s")


if __name__ == "__main__":
    run_main(main)
