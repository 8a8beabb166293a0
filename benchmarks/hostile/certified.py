"""A policy that excludes every slide without a doubt: with it, only the doubts keep a hostile file from exclusion."""

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path

from unmissed.inference.cytology.certification.certify import write_policy
from unmissed.inference.cytology.policy.certificates import ScreeningConditions
from unmissed.inference.cytology.policy.policy import Policy

_ADEQUATE = {"min_cells": 0, "max_obscured": 1.0, "max_out_of_focus": 1.0}


def write(path: Path, triage: Sequence[str | Path], slide: Path) -> None:
    """Screen an intact slide, and certify what it was screened with for every score.

    Args:
        path: of the policy; what the screening leaves is put beside it.
        triage: words of the command.
        slide: intact.

    Raises:
        subprocess.CalledProcessError: When the slide cannot be screened.
    """
    out = path.with_suffix(".run")
    subprocess.run([*triage, slide, "-o", out], check=True, capture_output=True)  # noqa: S603 - our own words
    [result] = out.glob("slides/*/result.json")
    conditions = ScreeningConditions.from_provenance(json.loads(result.read_text("utf-8"))["provenance"])
    certificate = {
        **{"sensitivity_bound": 0.5, "confidence": 0.95, "positives": 1000, "missed": 0, "threshold": 1.0},
        **{"data_sha256": "0" * 64, "models": dict(conditions.models), "preset": dict(conditions.preset)},
        **{"runtime": conditions.runtime, "preparation": conditions.preparation, "tolerance": 0.05},
        "answers": {role: list(values) for role, values in conditions.answers.items()},
        **{"scanners": ["", conditions.scanner], "issued": "2026-01-01", "expires": "2999-12-31"},
    }
    policy = {
        "name": "hostile",
        "operating_point": {"name": "all", "threshold": 1.0, "certificate": certificate},
        "demand": {"sensitivity": 0.5, "confidence": 0.95},
        "qc_review": {"share": 0.0, "random_share": 0.0, "seed": 0},
        "adequacy": {"liquid": dict(_ADEQUATE), "conventional": dict(_ADEQUATE)},
        "max_tile_errors": 1.0,
        "grade": {"severity": ["NILM", "ASC-US", "LSIL", "AGC", "ASC-H", "HSIL", "AIS", "SCC", "ADC"]}
        | {"probability": 1.0, "never_exclude_from": "ADC"},
    }
    write_policy(path, Policy.model_validate_json(json.dumps(policy)).sealed())
