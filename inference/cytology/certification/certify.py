"""From files to a policy on disk: what `unmissed certify` does."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Literal

import numpy as np

from unmissed.datasets.basis.configs import MOST_BYTES, is_yaml
from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import write_text
from unmissed.datasets.basis.yaml_text import yaml_text
from unmissed.inference.cytology.certification.cases import ROUNDED, TRUTH, Cases, read_cases
from unmissed.inference.cytology.certification.issue import Issued, issue
from unmissed.inference.cytology.certification.screened import ScreenedRun, read_run
from unmissed.inference.cytology.policy.life import Event, Role
from unmissed.inference.cytology.policy.policy import Demand, Policy, load_policy

_HEADER = (
    "# Written by `unmissed certify`, sealed: a policy that is edited by hand excludes nothing.\n"
    "# `unmissed certify show` says what it covers; docs/how-to/certify.md explains it.\n"
)
_SAME_SCORE = 1e-6  # worklist.csv has six digits


def certify(
    scores: Path,
    output: Path,
    *,
    truth: Path | None = None,
    run: Path | None = None,
    sensitivity: float | None = None,
    confidence: float | None = None,
    policy: str | None = None,
    truth_column: str = TRUTH,
    by: Sequence[str] = (),
    every_grade: bool = False,
    prevalence: float | None = None,
    valid_days: int = 365,
) -> Issued:
    """Prove a threshold from scored slides, and write a policy: one that excludes, or one that says why not.

    Args:
        scores: table of slides with score and truth, or the folder of a triage run together with ``truth``.
        output: the policy; one that is there hands on its rules and its ledger.
        truth: table of slides with truth, for a folder.
        run: the triage run that made the scores of a table.
        sensitivity, confidence: the claim; None takes the demand of the rules.
        policy: name or path of the rules; None takes those of ``output``, or `screening`.
        truth_column: says who is positive.
        by: "site" and "scanner".
        every_grade: a threshold that every grade proves for itself.
        prevalence: share of positive slides in routine; None takes that of the data.
        valid_days: how long the certificate holds.

    Raises:
        DatasetError: A table is wrong.
        ConfigError: An option is wrong, a policy was edited by hand, or the run does not fit.
        OutputError: The policy cannot be written.
    """
    if not is_yaml(output):
        raise ConfigError(f"the policy would be named {output.name}", expected="a name that ends with .yaml")
    is_run = scores.is_dir()
    if is_run != (truth is not None) or (is_run and run is not None):
        raise ConfigError(
            f"{scores} is {'the folder of a run' if is_run else 'no folder'}",
            expected="OUT --truth TRUTH.csv, or SCORES.csv with --run OUT",
            fix="a run has no truth of its own, and a table of scores has its own",
        )
    earlier = sealed_policy(output) if output.exists() else None
    base = earlier if earlier is not None and policy is None else load_policy(policy or "screening")
    if earlier is not None:
        base = base.model_copy(update={"ledger": earlier.ledger})
    screened = read_run(run or scores, base) if is_run or run else None
    table = truth if truth is not None else scores
    cases = read_cases(table, truth_column, screened.scores if is_run and screened else None)
    remarks: tuple[str, ...] = ()
    if run and screened:
        cases, remarks = _with_scores_of(screened, cases, table)
    demand = Demand(
        sensitivity=base.demand.sensitivity if sensitivity is None else sensitivity,
        confidence=base.demand.confidence if confidence is None else confidence,
    )
    issued = issue(
        cases,
        screened,
        base,
        output.stem,
        demand=demand,
        by=by,
        every_grade=every_grade,
        prevalence=prevalence,
        remarks=remarks,
        valid_days=valid_days,
    )
    write_policy(output, issued.policy)
    return issued


def change_life(path: Path, event: Literal["suspended", "resumed", "revoked"], reason: str) -> Policy:
    """Suspend, resume or revoke the certificate of a policy, and write it.

    Raises:
        ConfigError: The policy has no certificate, was edited by hand, or was revoked, which is final.
    """
    policy = sealed_policy(path)
    if policy.operating_point is None:
        raise ConfigError(f"the policy {path} has no certificate", expected="a policy that excludes slides")
    if any(past.event == "revoked" for past in policy.life):
        raise ConfigError(f"the certificate of {path} was revoked, which is final", fix="certify again")
    life = (*policy.life, Event(day=date.today(), event=event, reason=reason))
    changed = policy.model_copy(update={"life": life}).sealed()
    write_policy(path, changed)
    return changed


def sealed_policy(path: Path) -> Policy:
    """Read a policy that `unmissed certify` wrote.

    Raises:
        ConfigError: It is none, or was edited by hand, so that its ledger and its life say nothing.
    """
    policy = load_policy(str(path))
    if not policy.is_sealed:
        raise ConfigError(
            f"the policy {path} is not as `unmissed certify` wrote it",
            expected="its seal",
            fix="take the original, or name another file; to change rules, certify again with --policy RULES.yaml",
        )
    return policy


def write_policy(path: Path, policy: Policy) -> None:
    """Write a policy as YAML, whole or not at all.

    Raises:
        ConfigError: It would be too large to be read.
        OutputError: It cannot be written.
    """
    text = _HEADER + yaml_text(policy.model_dump(mode="json", exclude_unset=True))
    if (size := len(text.encode("utf-8", "surrogatepass"))) > MOST_BYTES:
        raise ConfigError(
            f"the policy {path} would have {size:,} bytes",
            expected=f"at most {MOST_BYTES:,}",
            fix="give the sites and scanners of the table fewer and shorter names",
        )
    write_text(path, text)


def _with_scores_of(run: ScreenedRun, cases: Cases, table: Path) -> tuple[Cases, tuple[str, ...]]:
    """The cases with the run's own scores for the slides that are in both, and what is to be said of the others.

    Raises:
        ConfigError: The table has another score for a slide than the run, or the run has no part in the proof.
    """
    calibrates, scores, in_both = cases.in_role(Role.CALIBRATE), cases.scores.copy(), 0
    for place, slide in enumerate(cases.slides):
        if slide not in run.scores:
            continue
        in_both += bool(calibrates[place])
        made, stated = run.scores[slide], scores[place] + ROUNDED
        scores[place] = np.nan if made is None else made
        if made is not None and not abs(stated - made) <= _SAME_SCORE:
            raise ConfigError(
                f"{table.name} has the score {stated:.6f} for {slide}, and the run has {made:.6f}",
                expected="scores of these models",
                fix="name the run that made the scores",
            )
    if not in_both:
        raise ConfigError(
            f"no slide of {table.name} that is to prove the threshold is in the run",
            expected="a run that made at least some of these scores",
            fix="name the run that made the scores with --run",
        )
    remarks = []
    if on_trust := int(calibrates.sum()) - in_both:
        remarks.append(f"the scores of {on_trust:,} slides are taken on trust: they are not in the run")
    if left_out := len(run.scores.keys() - set(cases.slides)):
        remarks.append(f"{left_out:,} slides of the run are not in the table")
    return replace(cases, scores=scores), tuple(remarks)
