"""A triage without models, for what surrounds the screening."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unmissed.inference.cytology.policy.policy import Preparation, load_policy
from unmissed.inference.cytology.run.messages import SlideJob
from unmissed.inference.cytology.run.triage import TriagePlan
from unmissed.testing.quick_screener import QuickScreener


def quick_plan(output: Path, slides: Sequence[Path] = (), **changes: Any) -> TriagePlan:
    """The plan of a run by ``QuickScreener``; ``changes`` are fields of ``TriagePlan``."""
    values: dict[str, Any] = {
        "output": output,
        "inputs": tuple(SlideJob(path) for path in slides),
        "make_screener": QuickScreener,
        "settings": {"preset": "quick"},
        "policy": load_policy("screening"),
        "preparation": Preparation.LIQUID,
    }
    return TriagePlan(**(values | changes))
