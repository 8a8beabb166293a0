"""Turns options into what the workers need: a model loader, and the settings that affect a result."""

import logging
from collections.abc import Mapping
from functools import partial
from typing import Any

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.versions import version_of
from unmissed.inference.cytology.policy.policy import Policy, Preparation
from unmissed.inference.cytology.run.messages import MakeScreener
from unmissed.inference.cytology.run.worker_process import load_screener
from unmissed.inference.cytology.screening.models import choose_model
from unmissed.inference.cytology.screening.settings import ScreenSettings, load_preset

log = logging.getLogger(__name__)


def screener_for(
    preset: str,
    runtime: str,
    threads: int,
    max_crops: int | None,
    policy: Policy,
    preparation: Preparation,
    variant: str = "auto",
    earlier: Mapping[str, str] | None = None,
    elsewhere: bool = False,
) -> tuple[MakeScreener, dict[str, Any]]:
    """What loads the models in a worker, and the settings that shape a result.

    The files of the models are chosen here, once for all workers.

    Args:
        earlier: model -> sha256 of the file that an earlier session of the run used; with "auto" it is used again, so
            that a measurement of milliseconds does not part a run in two.
        elsewhere: the workers are on other machines, each of which has to find the files and compute them right.

    Raises:
        ConfigError: When no model of the preset has the variant.
        ModelError, RuntimeUnavailableError: When a model is missing or damaged, or is not computed right here.
    """
    how = load_preset(preset)
    if max_crops is not None:
        how = how.model_copy(update={"max_crops": max_crops})
    sampler = (how.sampler,) if how.sample_share else ()
    names = dict.fromkeys((how.finder, *sampler, how.judge, how.slide_score))
    chosen = {name: choose_model(name, runtime, variant, earlier=(earlier or {}).get(name)) for name in names}
    if variant != "auto" and all(choice.file.variant != variant for choice in chosen.values()):
        raise ConfigError(
            f"no model of the preset has a variant {variant!r}",
            expected="auto, or a variant of their cards such as fp32",
            fix="see `unmissed models`",
        )
    settings = ScreenSettings(
        preset=how,
        adequacy=policy.adequacy[preparation],
        grade=policy.grade,
        runtime=runtime,
        threads=threads,
        chosen=chosen,
        elsewhere=elsewhere,
    )
    shaping = {
        "unmissed": version_of(),
        "preset": how.model_dump(mode="json"),
        "runtime": runtime,
        "models": {name: choice.provenance()["sha256"] for name, choice in chosen.items()},
    }
    for choice in chosen.values():
        for note in choice.notes:
            log.warning("%s", note)
    return partial(load_screener, settings), shaping
