"""From the words of a command to what the workers need: a loader of models, and the settings that shape a result."""

from functools import partial
from importlib.metadata import version
from typing import Any

from unmissed.inference.cytology.jobs import MakeScreener
from unmissed.inference.cytology.policy import Policy, Preparation
from unmissed.inference.cytology.settings import ScreenSettings, load_preset
from unmissed.inference.cytology.working import load_screener
from unmissed.inference.runtimes.variants import resolve_for


def screener_for(
    preset: str, runtime: str, threads: int, max_crops: int | None, policy: Policy, preparation: Preparation
) -> tuple[MakeScreener, dict[str, Any]]:
    """What loads the models in a worker, and the settings that shape a result."""
    chosen = load_preset(preset)
    if max_crops is not None:
        chosen = chosen.model_copy(update={"max_crops": max_crops})
    settings = ScreenSettings(
        preset=chosen,
        adequacy=policy.adequacy[preparation],
        grade=policy.grade,
        runtime=runtime,
        threads=threads,
    )
    names = dict.fromkeys((chosen.coarse_finder, chosen.finder, chosen.judge, chosen.slide_score))
    shaping = {
        "unmissed": version("unmissed"),
        "preset": chosen.model_dump(mode="json"),
        "runtime": runtime,
        "models": {name: _sha256_of_model(name, runtime) for name in names},
    }
    return partial(load_screener, settings), shaping


def _sha256_of_model(name: str, runtime: str) -> str:
    """Of the file that will run, checked against its card."""
    file = resolve_for(runtime, name)
    return file.card.files[file.variant].sha256
