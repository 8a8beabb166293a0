"""Which cluster, and what a slide may take of it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Cluster:
    """A Ray cluster.

    Attributes:
        address: of its head, "host:port"; "auto" is the one of this machine.
        gpus: share of a GPU that a slide takes.
        threads: CPU threads of a slide; None goes by the cores and the memory of each node.
    """

    address: str = "auto"
    gpus: float = 0.0
    threads: int | None = None
