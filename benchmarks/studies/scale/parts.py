"""What the studies of scale share: stand-in screeners, small slides, a cluster on this machine, a plan."""

import argparse
import importlib
import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from unmissed.datasets.basis import hardware
from unmissed.datasets.basis.files import write_json
from unmissed.datasets.slides.base import Slide
from unmissed.inference.cytology.run.cluster.values import Cluster
from unmissed.inference.cytology.run.triage import TriagePlan
from unmissed.inference.cytology.values import SlideResult
from unmissed.testing.quick_plan import quick_plan
from unmissed.testing.quick_screener import QuickScreener

STAND_IN_S = 0.5
OBJECT_STORE_BYTES = 2**27  # the least that Ray takes comfortably; nothing of ours goes through it


class Sleeper(QuickScreener):
    """Takes half a second for every slide, whatever is on it."""

    seconds = STAND_IN_S

    def screen(self, slide: Slide, name: str, path: str) -> SlideResult:
        """Look at the pixels, then sleep until the time is over."""
        started = time.perf_counter()
        result = super().screen(slide, name, path)
        time.sleep(max(0.0, self.seconds - (time.perf_counter() - started)))
        return result


def make_slides(folder: Path, count: int, seeds: int = 7) -> list[Path]:
    """Small slides of a few different contents; names that repeat a content are links to it."""
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(20)
    paths: list[Path] = []
    for number in range(count):
        path = folder / f"s{number:06}.tiff"
        if number < seeds:
            pixels = rng.integers(10 * number, 256, (256, 512, 3), dtype=np.uint8)
            size: Any = {"resolution": (4e4, 4e4), "resolutionunit": 3}
            tifffile.imwrite(path, pixels, tile=(256, 256), photometric="rgb", compression="deflate", **size)
        elif not path.exists():
            path.hardlink_to(paths[number % seeds])
        paths.append(path)
    return paths


def plan_for(output: Path, slides: list[Path], **changes: Any) -> TriagePlan:
    """A run of stand-ins on the cluster that is connected."""
    values: dict[str, Any] = {"make_screener": Sleeper, "cluster": Cluster(), "workers": None, "timeout_s": 60.0}
    return quick_plan(output, slides, **(values | changes))


def report(output: Path, name: str, figures: dict[str, Any]) -> None:
    """Write the figures of a study, with the machine, as ``NAME.json``, and print them."""
    figures = figures | {"machine": hardware.describe()}
    write_json(output / f"{name}.json", figures)
    print(figures)


def run_by_slides(about: str | None, name: str, slides: int, measure: Callable[[Path, int], dict[str, float]]) -> None:
    """The command line of a study whose only choice is the number of slides."""
    parser = argparse.ArgumentParser(description=about)
    parser.add_argument("-o", "--output", type=Path, required=True)
    parser.add_argument("--slides", type=int, default=slides)
    words = parser.parse_args()
    report(words.output, name, measure(words.output, words.slides))


@contextmanager
def nodes_on_this_machine(count: int, cpus: int) -> Iterator[tuple[Any, list[Any]]]:
    """A head without processors, which this process is connected to, and nodes; all of them are gone afterwards."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    from ray.cluster_utils import Cluster as Nodes

    ray: Any = importlib.import_module("ray")  # whose functions are untyped

    head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
    nodes: Any = Nodes(initialize_head=True, connect=True, head_node_args=head)
    try:
        yield nodes, [nodes.add_node(num_cpus=cpus, object_store_memory=OBJECT_STORE_BYTES) for _ in range(count)]
    finally:
        ray.shutdown()
        nodes.shutdown()
