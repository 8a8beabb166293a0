"""An actor on a node of the cluster, as a run sees it."""

from pathlib import Path
from time import monotonic
from types import ModuleType
from typing import Any

from unmissed.datasets.basis.errors import UnmissedError
from unmissed.datasets.storage.remote import StoreError
from unmissed.inference.cytology.run.cluster.actor import SlideWorker, Task
from unmissed.inference.cytology.run.messages import DeliveryProtocol, Done, Failed, Message, SlideJob


class RayWorker:
    """See ``WorkerProtocol``.

    Args:
        ray: the package.
        node, node_id: where it works: for people, and for Ray.
        gpus: share of a GPU.
        task: what it needs to know of the run.
        delivery: how results come here; None where the node shares the folder.

    Attributes:
        answer: what it was last asked, as a reference of Ray; None when it waits.
        answered: the answer is there.
    """

    def __init__(
        self,
        ray: ModuleType,
        node: str,
        node_id: str,
        gpus: float,
        task: Task,
        delivery: DeliveryProtocol | None = None,
    ) -> None:
        from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

        self.node, self._ray, self._node_id = node, ray, node_id
        self._delivery, self._folder = delivery, Path()
        self.job: SlideJob | None = None
        self.is_ready = self.answered = False
        self._started = monotonic()
        # Restarts and attempts are the run's: Ray would try again on the same broken machine.
        actor = ray.remote(max_restarts=0, max_task_retries=0)(SlideWorker)
        place = NodeAffinitySchedulingStrategy(node_id, soft=False)
        self._actor = actor.options(num_cpus=task.threads, num_gpus=gpus, scheduling_strategy=place).remote()
        self.answer: Any = self._actor.load.remote(task)

    @property
    def seconds(self) -> float:
        """Wall time since the slide was given."""
        return monotonic() - self._started

    def assign(self, job: SlideJob, folder: Path) -> None:
        """Hand over a slide and the folder of its result; nothing of its picture goes through Ray."""
        self.job, self._folder, self._started = job, folder.absolute(), monotonic()
        send = self._delivery.order(job.slide) if self._delivery else None
        self.answer = self._actor.screen.remote(job, self._folder, send)

    def receive(self) -> Message | None:
        """The answer, once it is there; the death of the actor or of its node is ``Failed``."""
        if not self.answered:
            return None
        answer, self.answer, self.answered = self.answer, None, False
        try:
            message: Message = self._ray.get(answer)
        except self._ray.exceptions.RayActorError as error:
            return self._unfit(error) if "import" in str(error) and not self.is_ready else self._death(error)
        except self._ray.exceptions.RayError as error:  # the call could not even be read
            return self._unfit(error)
        self.is_ready = True
        return self._taken(message)

    def kill(self) -> None:
        """End the actor at once; one that is stopped ends when it goes on."""
        self._ray.kill(self._actor)

    stop = kill

    def _taken(self, message: Message) -> Message:
        """Bring here what was delivered elsewhere."""
        if isinstance(message, Done) and self._delivery and self.job:
            try:
                self._delivery.take(self.job.slide, self._folder)
            except UnmissedError as error:
                return Failed.from_error(error, self.seconds, stops_run=isinstance(error, StoreError))
        return message

    def _unfit(self, error: Exception) -> Failed:
        words = str(error).strip().splitlines() or [type(error).__name__]
        return Failed(
            f"the worker on {self.node} cannot run: {words[-1]}",
            expected="the same version of Unmissed, with the extra scale, on all machines",
            fix="install it there, in the environment that `ray start` is called from",
            seconds=self.seconds if self.job else 0.0,
        )

    def _death(self, error: Exception) -> Failed:
        lives = any(node["Alive"] and node["NodeID"] == self._node_id for node in self._ray.nodes())
        is_lost = not lives or "node has died" in str(error)
        what = f"{self.node} was lost" if is_lost else f"the worker on {self.node} died"
        return Failed(
            f"{what} while " + (f"reading {self.job.path}" if self.job else "loading the models"),
            fix="if memory was short, use more --threads, so that fewer slides share a machine; "
            "if the file is damaged, export it again",
            seconds=self.seconds if self.job else 0.0,
            worker_died=True,
            node_lost=is_lost,
        )
