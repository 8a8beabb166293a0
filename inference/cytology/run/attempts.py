"""What went wrong with the slides of a run, and which of them is tried again where."""

from collections.abc import Collection

from unmissed.inference.cytology.run.messages import CrewProtocol, Failed, SlideJob

_MOST_LOST = 10  # machines that a slide may take with it, or that were taken from it


class Attempts:
    """Failures by slide.

    Args:
        crew: says how often a slide is tried.

    Attributes:
        again: slides with a failure that are not given up.
    """

    def __init__(self, crew: CrewProtocol) -> None:
        self._crew = crew
        self._failures: dict[str, list[tuple[str, Failed]]] = {}  # slide -> node and cause of what went wrong
        self.again: list[SlideJob] = []

    def next_for(self, node: str, nodes: Collection[str]) -> SlideJob | None:
        """A slide for a worker of a node: one that has not failed there, as long as there is another node."""
        for job in self.again:
            tried = {where for where, _ in self._failures[job.slide]}
            if node not in tried or set(nodes) <= tried:
                self.again.remove(job)
                return job
        return None

    def is_given_up(self, job: SlideJob, node: str, failure: Failed) -> bool:
        """Note a failure; one that may go better another time puts the slide into ``again``."""
        failures = self._failures.setdefault(job.slide, [])
        failures.append((node, failure))
        deaths = sum(one.worker_died and not one.node_lost for _, one in failures)
        lost = sum(one.node_lost for _, one in failures)
        others = len(failures) - deaths - lost
        if others >= self._crew.most_failures or deaths >= self._crew.most_deaths or lost >= _MOST_LOST:
            self.forget(job.slide)
            return True
        self.again.append(job)
        return False

    def forget(self, slide: str) -> None:
        """The slide is done, or has failed for good."""
        self._failures.pop(slide, None)
