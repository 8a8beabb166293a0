"""What ``unmissed bench model`` measures: models, runtimes, variants and batch sizes, and the cells they make."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from unmissed.benchmarks.speed.models.cell import CellJob, CellResult
from unmissed.datasets.basis.errors import ConfigError
from unmissed.inference.runtimes import registry
from unmissed.inference.runtimes.torch import TorchRuntime
from unmissed.models import zoo
from unmissed.models.cards import Card, TableInput

PRECISIONS = ("file", "half")


@dataclass(frozen=True)
class ModelPlan:
    """What to measure.

    Attributes:
        models: names or paths.
        runtimes: names.
        variants: of the cards' files; one that a card does not have is left out for that model; None takes all.
        precisions: "file" runs the files as they are, "half" the fp32 files at half precision, in the torch runtimes.
        batches: inputs at a time.
        threads: CPU threads inside one batch; None takes all physical cores.
        seconds: that each round of each cell lasts, at least.
        rounds: each measures every cell once, one after the other, so that a slow minute hits them all.
        images: folder of real pictures; None draws them.
    """

    models: Sequence[str]
    runtimes: Sequence[str]
    variants: Sequence[str] | None = None
    precisions: Sequence[str] = ("file",)
    batches: Sequence[int] = (1, 8, 32)
    threads: int | None = None
    seconds: float = 2.0
    rounds: int = 5
    images: Path | None = None


@dataclass
class Cell:
    """One row: a model in a runtime, a variant and a batch size, and what its rounds reported.

    Attributes:
        card: of the model.
        job: what the child is asked.
        problem: why it is not measured; "" while nothing is known against it.
        rounds: the result of each.
        peaks: bytes of all memory of the process, by round.
        outputs: of the first round.
    """

    card: Card
    job: CellJob
    problem: str = ""
    rounds: list[CellResult] = field(default_factory=list)
    peaks: list[int] = field(default_factory=list)
    outputs: np.ndarray | None = None

    @property
    def what(self) -> dict[str, str]:
        """What distinguishes its row from the others."""
        return {
            ("table model" if isinstance(self.card.input, TableInput) else "model"): self.card.name,
            "runtime": self.job.runtime,
            "variant": f"{self.job.variant} at half" if self.job.half else self.job.variant,
            "batch": str(self.job.batch),
        }


def cells_of(plan: ModelPlan, folder: Path) -> list[Cell]:
    """Every combination that makes sense.

    Args:
        folder: where the inputs of each model will lie.

    Raises:
        ModelError, RuntimeUnavailableError, ConfigError: When a model, a runtime or a precision has no such name, or
            nothing is left to measure.
    """
    if not plan.precisions or not set(plan.precisions) <= set(PRECISIONS):
        raise ConfigError(f"no precision {', '.join(plan.precisions)!r}", expected=f"of {', '.join(PRECISIONS)}")
    cells = []
    for number, model in enumerate(plan.models):
        card = zoo.resolve(model).card
        for variant, spec in card.files.items():
            if plan.variants is not None and variant not in plan.variants:
                continue
            for runtime in plan.runtimes:
                can_half = isinstance(registry.select(runtime), TorchRuntime) and spec.precision == "fp32"
                for precision in plan.precisions:
                    if precision == "half" and not can_half:
                        continue
                    for batch in plan.batches:
                        job = CellJob(
                            runtime=runtime,
                            model=model,
                            variant=variant,
                            half=precision == "half",
                            batch=batch,
                            threads=plan.threads,
                            seconds=plan.seconds,
                            inputs=folder / f"inputs-{number}.npy",
                        )
                        cells.append(Cell(card, job))
    if not cells:
        raise ConfigError(
            "nothing is left to measure",
            expected="a variant that a card has; half precision is for fp32 files in the torch runtimes",
            fix="see `unmissed models`",
        )
    return cells
