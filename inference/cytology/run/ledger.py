"""The state of every slide of a run, saved to disk after every change, and the worklist made from it."""

import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.clock import utc_now
from unmissed.datasets.basis.files import json_line
from unmissed.datasets.basis.names import readable
from unmissed.inference.cytology.policy.certificates import ScreeningConditions, mismatch
from unmissed.inference.cytology.policy.dispositions import Case, Decision, decide
from unmissed.inference.cytology.policy.drift import compare, measures_of
from unmissed.inference.cytology.policy.policy import Exclusion, Policy, Preparation
from unmissed.inference.cytology.results.drift import Drift
from unmissed.inference.cytology.results.reading import ResultError, StoredResult, read_slide_result
from unmissed.inference.cytology.results.worklist import WorklistRow, write_worklist
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.state import Attempt, Fingerprint, SlideState, stored_path

NORMAL = "NILM"  # findings of this class are shown, but not counted

log = logging.getLogger(__name__)

_INCOMPLETE = Exclusion(None, None, "the run is not complete")
_CONDITIONS = ("models", "preset_values", "runtime", "settings", "scanner", "known_slide")  # what they are read from


@dataclass(frozen=True, slots=True)
class _Screened:
    """What the worklist needs of a result; the findings themselves stay on the disk."""

    case: Case
    n_findings: int
    total_s: float
    measures: Mapping[str, float]  # for drift; empty where nothing is ever excluded


class Ledger:
    """The states and results of a run's slides.

    Args:
        folder: of the run; locked by this process, and with the record of its settings.
        policy, preparation: what the dispositions follow.
        is_open: slides are still to come, so that nothing is excluded yet: quality control and drift need all.

    Attributes:
        states: slide -> state, also of slides that this session did not name.
        is_complete: there is nothing left to do; before, no slide is excluded: ranks and drift need all of them.
        provenance: with what the slides were screened; that of the first one, as the settings of a run are the same.
    """

    def __init__(self, folder: RunFolder, policy: Policy, preparation: Preparation, *, is_open: bool = False) -> None:
        self.folder, self.states = folder, folder.load_states()
        self._policy, self._preparation, self._settings = policy, preparation, folder.read_record().get("settings")
        self._is_open, self.is_complete = is_open, False
        self._screened: dict[str, _Screened] = {}
        self._attempts: dict[str, Path] = {}
        self.provenance: Mapping[str, Any] = {}
        self._conditions: dict[str, ScreeningConditions] = {}

    def is_finished(self, slide: str, fingerprint: Fingerprint, *, retry_failed: bool) -> bool:
        """Whether a slide that the run knows was screened, or has failed, and the file is the same.

        A share that is not there today must not cost the results of yesterday: they are kept.
        """
        state = self.states[slide]
        if state.status == "done" and fingerprint.size_bytes is None:
            log.warning("%s can no longer be read; its result is kept", slide)
            return True
        if state.fingerprint != fingerprint:
            if state.status == "done":
                log.warning("%s is another file, or has another pixel size, than before: it is screened again", slide)
            return False
        return state.status == "done" or (state.status == "failed" and not retry_failed)

    def load_result(self, slide: str) -> bool:
        """Read the result of a slide; False when it is missing, damaged or of another file or run: it is made again."""
        try:
            self._keep(self._own_result(self.folder.result(slide), slide), slide)
        except ResultError as error:
            if self.states[slide].status == "done":
                log.warning("%s is screened again: %s", slide, error.found)
            return False
        return True

    def recover(self, slide: str) -> bool:
        """Take over a complete result whose run ended before it was put down as done."""
        state = self.states.get(slide)
        if not state or state.status in ("done", "failed") or not state.attempts:
            return False
        attempt = self.folder.attempt(slide, state.attempts[-1].token)
        if self.folder.is_whole(attempt):
            self.folder.accept(attempt, slide)
        if not self.load_result(slide):
            return False
        self._save(state.ended("done", utc_now("milliseconds"), self._screened[slide].total_s))
        return True

    def begin(self, slide: str, path: Path, fingerprint: Fingerprint, node: str = "") -> Path:
        """A slide is given to a worker, with the name of a folder for its result; what was known is outdated."""
        self.folder.check_owner()
        self._screened.pop(slide, None)
        self.folder.discard(slide)
        state = self.states.get(slide) or SlideState(slide, stored_path(path), "running", fingerprint)
        if state.status == "running" and state.attempts:
            state = state.ended("interrupted", "", None, "the run was killed")
        attempt = Attempt(utc_now("milliseconds"), node=node, token=secrets.token_hex(4))
        self._save(state.begun(attempt, fingerprint))
        self._attempts[slide] = self.folder.attempt(slide, attempt.token)
        return self._attempts[slide]

    def has_result(self, slide: str) -> bool:
        """Whether the attempt at a slide has come to its end, whatever became of its worker then."""
        return slide in self._attempts and self.folder.is_whole(self._attempts[slide])

    def finish(self, slide: str, seconds: float, fingerprint: Fingerprint) -> None:
        """The result of a slide is complete; its file looks like this now.

        Raises:
            ResultError: When it is not complete, or the file has changed.
            OutputError: When it cannot be moved into place.
        """
        attempt, state = self._attempts.pop(slide), self.states[slide]
        try:
            if fingerprint != state.fingerprint:
                raise ResultError(f"{state.path} changed while it was read", fix="run again when it is complete")
            result = self._own_result(attempt, slide)
        except ResultError:
            self.folder.abandon(attempt)
            raise
        self.folder.check_owner()
        if not self.folder.accept(attempt, slide):
            self.folder.abandon(attempt)
            result = self._own_result(self.folder.result(slide), slide)
        self._keep(result, slide)
        self._save(state.ended("done", utc_now("milliseconds"), seconds))

    def fail(self, slide: str, error: str, seconds: float) -> None:
        """A slide could not be screened."""
        self._screened.pop(slide, None)
        self._abandon(slide)
        self._save(self.states[slide].ended("failed", utc_now("milliseconds"), seconds, readable(error)))

    def interrupt(self, slide: str, error: str, seconds: float) -> None:
        """An attempt was cut short, and will be tried again; a result that was just complete waits for ``recover``."""
        state = self.states[slide].ended("interrupted", utc_now("milliseconds"), seconds, readable(error))
        if not self.has_result(slide):
            self._abandon(slide)
            state = state.without_token()  # a worker that comes back may still complete what is left of the folder
        self._save(state)

    def rows(self) -> list[WorklistRow]:
        """The worklist: every slide that was screened or has failed."""
        decisions = decide([self._case(slide) for slide in self.ended()], self._policy, self.exclusion())
        return [self._row(slide, decision) for slide, decision in decisions.items()]

    def row(self, slide: str) -> WorklistRow:
        """One slide as long as the others are not known: without a rank, and never excluded."""
        decision = decide([self._case(slide)], self._policy, _INCOMPLETE)[slide]
        return self._row(slide, replace(decision, rank=None, quintile=None))

    def _row(self, slide: str, decision: Decision) -> WorklistRow:
        state, screened, case = self.states[slide], self._screened.get(slide), self._case(slide)
        return WorklistRow(
            slide=slide,
            disposition=decision.disposition,
            rank=decision.rank,
            quintile=decision.quintile,
            score=case.score,
            grade=case.grade,
            adequacy=case.verdict or "",
            n_findings=screened.n_findings if screened else 0,
            seconds=state.seconds or 0.0,
            error=case.error,
            folder=f"slides/{self.folder.result(slide).name}" if screened else "",
            reasons=decision.reasons,
            path=state.path,
            unlike=case.unlike,
            doubts=case.doubts,
        )

    def write_worklist(self) -> list[WorklistRow]:
        """Write ``worklist.csv`` in its current state, and return its rows."""
        rows = self.rows()
        write_worklist(self.folder.path / "worklist.csv", rows)
        return rows

    def exclusion(self) -> Exclusion:
        """What the policy allows now, as a run may outlast it: nothing as long as slides are missing, or may drift."""
        if not self.is_complete:
            return _INCOMPLETE
        allowed = Exclusion.under(self._policy)
        if self._is_open and not allowed.refusal:
            return Exclusion(None, None, "the run is open: slides are still to come")
        return allowed.unless_drifted(self.drift(allowed))

    def drift(self, allowed: Exclusion | None = None) -> tuple[Drift, ...]:
        """The slides of the run against those of the certificate; nothing without a certificate."""
        allowed = allowed or Exclusion.under(self._policy)
        if allowed.certificate is None:
            return ()
        return compare(allowed.certificate.reference, [item.measures for item in self._screened.values()])

    def refusals(self) -> list[str]:
        """Why the certificate does not hold for slides of this run; empty when it holds for all."""
        exclusion = self.exclusion()
        if exclusion.certificate is None:
            return [exclusion.refusal]
        return sorted({mismatch(exclusion.certificate, one.case.conditions) for one in self._screened.values()} - {""})

    def _own_result(self, where: Path, slide: str) -> StoredResult:
        """A folder that was copied in brings results of other slides or settings, a store of other files."""
        result = read_slide_result(where)
        if result.slide != slide:
            raise ResultError(f"{where} holds the result of {result.slide}")
        if not self.states[slide].owns(result.provenance):
            raise ResultError(f"the result in {where} is of another file, or has another pixel size")
        if self._settings is not None and result.provenance.get("settings") != self._settings:
            raise ResultError(f"the result in {where} was made with other settings")
        return result

    def _keep(self, result: StoredResult, slide: str) -> None:
        case = Case.from_result(result, slide, self._policy, self._preparation)
        # Slides of a run share them: kept once, or 100,000 slides would take gigabytes.
        key = json_line({name: result.provenance.get(name) for name in _CONDITIONS})
        case = replace(case, conditions=self._conditions.setdefault(key, case.conditions))
        self.provenance = self.provenance or result.provenance
        n_findings, measured = sum(one.class_id != NORMAL for one in result.findings), self._policy.operating_point
        self._screened[slide] = _Screened(
            case, n_findings, result.times_s.total, measures_of(result) if measured else {}
        )

    def _case(self, slide: str) -> Case:
        screened = self._screened.get(slide)
        return screened.case if screened else Case.failed(slide, self.states[slide].error)

    def ended(self) -> list[str]:
        """The slides with a result that can be read, or a failure."""
        return [slide for slide, state in self.states.items() if state.status == "failed" or slide in self._screened]

    def _abandon(self, slide: str) -> None:
        if attempt := self._attempts.pop(slide, None):
            self.folder.abandon(attempt)

    def _save(self, state: SlideState) -> None:
        self.folder.save_state(state)
        self.states[state.slide] = state
