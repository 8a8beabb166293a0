"""The reasons for a disposition and for no exclusion have a Chinese form, as the code that finds them writes them."""

import re
from datetime import date

import pytest

from unmissed.inference.cytology.certification.proof import Proof
from unmissed.inference.cytology.pages.reasons import in_chinese
from unmissed.inference.cytology.policy.certificates import Certificate, ScreeningConditions, mismatch, refusal
from unmissed.inference.cytology.policy.life import Event, not_in_force
from unmissed.inference.cytology.policy.policy import Exclusion, load_policy
from unmissed.inference.cytology.results.drift import Drift

MADE = {
    "models": {"judge": "0" * 64},
    "preset": {"name": "1"},
    "runtime": "R",
    "preparation": "P",
    "answers": {"judge": [0.5], "known slide": [0.5]},
    "scanner": "S",
}
CERTIFICATE = Certificate(
    sensitivity_bound=0.99,
    confidence=0.95,
    positives=400,
    missed=0,
    data_sha256="0" * 64,
    threshold=0.3,
    tolerance=0.001,
    scanners=("A",),
    issued=date(2026, 1, 2),
    expires=date(2027, 1, 2),
    **{name: value for name, value in MADE.items() if name != "scanner"},
)
DAY = date(2026, 5, 1)


def conditions(**changes):
    return ScreeningConditions(**{**MADE, "scanner": "A", **changes})


def changed(**changes):
    return CERTIFICATE.model_copy(update=changes)


def of_policy(**changes):
    return Exclusion.under(load_policy("screening").model_copy(update=changes), DAY).refusal


REASONS = [
    of_policy(),
    Exclusion(0.3, CERTIFICATE, "").unless_drifted([Drift("stain", 9, 0.5, 1.0, "suspended", ())]).refusal,
    not_in_force([Event(day=DAY, event="suspended", reason="R")], DAY, DAY, DAY),
    not_in_force([Event(day=DAY, event="revoked", reason="R")], DAY, DAY, DAY),
    not_in_force([], date(2026, 6, 1), date(2027, 6, 1), DAY),
    not_in_force([], date(2025, 6, 1), date(2026, 1, 1), DAY),
    refusal(changed(missed=500), 0.3, 0.99, 0.95),
    refusal(changed(missed=9), 0.3, 0.99, 0.95),
    refusal(CERTIFICATE, 0.3, 0.99, 0.99),
    refusal(CERTIFICATE, 0.3, 0.999, 0.95),
    refusal(CERTIFICATE, 0.4, 0.99, 0.95),
    mismatch(CERTIFICATE, conditions(models={"judge": "1" * 64})),
    mismatch(CERTIFICATE, conditions(preset={"name": "2"})),
    mismatch(CERTIFICATE, conditions(answers={})),
    mismatch(CERTIFICATE, conditions(answers={"judge": [0.6], "known slide": [0.5]})),
    mismatch(CERTIFICATE, conditions(runtime="Q")),
    mismatch(CERTIFICATE, conditions(preparation="Q")),
    mismatch(CERTIFICATE, conditions(scanner="")),
    Proof(0, 0, 0.0, 0.999, 0.95).refusal,
    Proof(1, 0, 0.0, 0.999, 0.95).refusal,
    Proof(412, 0, 0.0, 0.999, 0.95).refusal,
    Proof(5000, 9, 0.0, 0.999, 0.95).refusal,
    "sensitivity 99.9 %: threshold 0.21, sensitivity at least 99.9 % with 95 % confidence",
    "findings support 1, so the slide is reviewed although about 4,000 cells (5,000 needed), 1% out of focus "
    "(at most 50%), 2% obscured (at most 75%)",
    "in doubt: it looks unlike the training laboratories (colour, 1.3 times the limit)",
    "in doubt: 9 abnormal cells in 3 mm2 drawn at random of what was not judged: about 891 may be unseen, at most 1555",
]
NAMES = {"screening", "judge", "known", "slide", "name"}


@pytest.mark.parametrize("reason", REASONS)
def test_no_english_is_left_but_names(reason):
    assert reason, "the case no longer gives a reason"
    left = set(re.findall(r"[A-Za-z]{3,}", in_chinese(reason))) - NAMES
    assert not left, in_chinese(reason)


def test_numbers_are_kept_in_their_places():
    said = in_chinese(Proof(412, 0, 0.0, 0.999, 0.95).refusal)
    assert said == "412 例阳性患者无漏诊，以 95 % 置信度证明 99.275 %；99.9 % 需 2,995 例无漏诊，尚缺 2,583 例"


def test_what_people_wrote_stays_as_it_is():
    assert in_chinese("the certificate was revoked on 2026-05-01: wrong stain; ask Li") == (
        "证书已于 2026-05-01 撤销：wrong stain；ask Li"
    )
