"""Workers as actors of a Ray cluster: as many on every node as it has room for, and none on a node that is not fit."""

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import monotonic, sleep
from typing import Any

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.inference.cytology.run.cluster.actor import SharedFolder, Task, software
from unmissed.inference.cytology.run.cluster.connecting import connect
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.cluster.worker import RayWorker
from unmissed.inference.cytology.run.folder import RunFolder
from unmissed.inference.cytology.run.messages import DeliveryProtocol, Failed, MakeScreener, WorkerProtocol
from unmissed.inference.cytology.run.worker_handle import WORKER_BYTES

log = logging.getLogger(__name__)

_LOOK_S = 1.0  # how often the nodes are looked at
_MOST_DEATHS = 10  # of workers that load the models, in a row


class RayCrew:
    """The workers of a cluster.

    Args:
        cluster: to connect to.
        make_screener: loads the models in a worker.
        settings: what shapes a result; goes into its provenance.
        most: slides at the same time, for which a cluster that can grow is asked to grow; None takes what is there.
        folder: of the run, locked.
        hashed: put the SHA-256 of the whole file into the result.
        delivery: how results come here; None where the nodes share the folder.

    Raises:
        UnmissedError: When there is no cluster at the address.
    """

    most_deaths = most_failures = 3

    def __init__(
        self,
        cluster: Cluster,
        make_screener: MakeScreener,
        settings: Mapping[str, Any],
        most: int | None,
        folder: RunFolder,
        *,
        hashed: bool,
        delivery: DeliveryProtocol | None = None,
    ) -> None:
        self._ray = connect(cluster.address)
        self._cluster, self.most = cluster, most
        lock = folder.lock.absolute()
        place = delivery or SharedFolder(lock, lock.read_text("utf-8"))
        self._task = Task(make_screener, settings, hashed, software(), place, threads=1)
        self._delivery = delivery
        self._refused: dict[str, Failed] = {}  # node -> why
        self._next_look = 0.0
        self._is_told = False
        self._ask_for(most or 0)

    def start(self, workers: Sequence[WorkerProtocol], wanted: int) -> list[WorkerProtocol]:
        """Fill the nodes that are there now; one that joins is seen within a second or two.

        Raises:
            UnmissedError: When all nodes are too small for a slide, or none of them is fit.
        """
        left = min(wanted, self.most or wanted) - len(workers)
        if left <= 0 or monotonic() < self._next_look:
            return []
        self._next_look = monotonic() + _LOOK_S
        taken = Counter(worker.node for worker in workers)
        started: list[WorkerProtocol] = []
        nodes = self._nodes()
        for name, node in nodes.items():
            room, threads = room_of(node["Resources"], self._cluster)
            for _ in range(min(room - taken[name], left - len(started)) if name not in self._refused else 0):
                task = replace(self._task, threads=threads)
                started.append(RayWorker(self._ray, name, node["NodeID"], self._cluster.gpus, task, self._delivery))
        if not workers and not started:
            self._wait_for_nodes(nodes)
        return started

    def wait(self, workers: Sequence[WorkerProtocol], timeout_s: float) -> bool:
        """Wait for an answer, or for the news that an actor has died."""
        asked = {worker.answer: worker for worker in workers if isinstance(worker, RayWorker) and worker.answer}
        if not asked:
            sleep(timeout_s)
            return False
        found, _ = self._ray.wait(list(asked), timeout=timeout_s)
        if found:  # and whoever else has answered by now
            found, _ = self._ray.wait(list(asked), num_returns=len(asked), timeout=0)
        for answer in found:
            asked[answer].answered = True
        return bool(found)

    def refuse(self, message: Failed, node: str, deaths: int) -> None:
        """A node that is not fit gets no slide; one that was lost, or whose worker died, may come back.

        Raises:
            UnmissedError: When workers die everywhere.
        """
        if message.worker_died:
            if deaths >= _MOST_DEATHS:
                raise UnmissedError(
                    f"{message.found}, {deaths} times in a row", fix="see the logs of Ray on that machine"
                )
            return
        if node in self._refused:
            return
        self._refused[node] = message
        log.warning("%s gets no slide: %s", node, UnmissedError(message.found, expected=message.expected))

    def close(self) -> None:
        """A cluster that has grown may shrink again."""
        self._ask_for(0)

    def _ask_for(self, slides: int) -> None:
        if self.most:
            from ray.autoscaler.sdk import request_resources

            request_resources(bundles=[{"CPU": self._cluster.threads or 1, "GPU": self._cluster.gpus}] * slides)

    def _nodes(self) -> dict[str, dict[str, Any]]:
        """Nodes that live and have processors, by a name that no two share: in containers hosts have the same."""
        nodes = [node for node in self._ray.nodes() if node["Alive"] and node["Resources"].get("CPU")]
        return {f"{node['NodeManagerHostname']} ({node['NodeID'][:8]})": node for node in nodes}

    def _wait_for_nodes(self, nodes: Mapping[str, Mapping[str, Any]]) -> None:
        is_fixed = bool(nodes) and self.most is None  # no other machine is asked for
        if is_fixed and nodes.keys() <= self._refused.keys():
            last = self._refused[list(nodes)[-1]]
            reasons = "; ".join(f"{name}: {why.found}" for name, why in self._refused.items())
            raise UnmissedError(
                f"no machine of the cluster can screen: {reasons}", expected=last.expected, fix=last.fix
            )
        if is_fixed and not any(room_of(node["Resources"], self._cluster)[0] for node in nodes.values()):
            raise UnmissedError(
                "no machine of the cluster has room for a slide",
                expected=f"{self._cluster.threads or 1} CPUs and {self._cluster.gpus:g} GPUs on one machine",
                fix="use fewer --threads or a smaller share of --gpus, or add machines with `ray start`",
            )
        if not self._is_told:
            self._is_told = True
            log.warning("waiting for a machine of the cluster that can screen")


def room_of(resources: Mapping[str, float], cluster: Cluster) -> tuple[int, int]:
    """How many slides a node screens at the same time, and with how many threads each.

    Its processors are those that Ray counted, which goes by the limits of the container.
    """
    cpus = int(resources.get("CPU", 0))
    memory = int(resources.get("memory", 0) // WORKER_BYTES) or 1
    threads = cluster.threads or (2 if cpus > 3 else 1)
    room = min(cpus // threads, memory)
    if cluster.gpus:
        room = min(room, int(resources.get("GPU", 0) / cluster.gpus + 1e-6))
    return room, threads
