"""A scripted gastroscopy, shown live: do the cells of the map say what exam.json says in the end?

python -m unmissed.benchmarks.studies.live.gastroscopy --pictures FOLDER
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import cv2
import numpy as np

from unmissed.benchmarks.studies.live.stage import chromium, examination, opened, until
from unmissed.datasets.synthetic.exams.drawn import scripted_gastroscopy
from unmissed.datasets.synthetic.exams.scripted import ExamScript, Habits, write_script
from unmissed.inference.endoscopy.exam.schema import read_stored
from unmissed.inference.endoscopy.live.ai import AiSettings
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol
from unmissed.inference.endoscopy.values import FrameView, Scene, Sight
from unmissed.inference.endoscopy.watching.film import Film
from unmissed.inference.endoscopy.watching.seeing import Seeing

PROTOCOL = "gastroscopy"
FILM, SAID = "film.mp4", "said.json"
_FPS = 25.0
_SIZE_PX = (1280, 1024)
_HABITS = Habits(withheld=0.0, glanced=0.0, revisited=0.0)
_DWELL_S = 5.0
_SEEN = "[...document.querySelectorAll('.place.seen text')].map((one) => one.textContent).sort()"


def script(seed: int) -> ExamScript:
    """All 26 sites, some seconds each."""
    return write_script(seed, habits=_HABITS, dwells_s=dict.fromkeys(_sites(), _DWELL_S))


def draw(seed: int, folder: Path) -> float:
    """Write film.mp4 and said.json (what a classifier would say of each frame); returns the seconds of the film."""
    neighbours = {site.code: site.neighbours for site in load_protocol(PROTOCOL).sites}
    said: list[dict[str, Any]] = []
    width, height = _SIZE_PX
    with Film(folder / FILM, _FPS, (height, width, 3), threads=1) as film:
        for item in scripted_gastroscopy(seed, neighbours, accuracy=0.95, fps=_FPS, script=script(seed)):
            film.add(item.frame.time_s, cv2.resize(item.frame.image, _SIZE_PX, interpolation=cv2.INTER_CUBIC))
            said.append({"time_s": item.frame.time_s, "scene": item.scene, "probabilities": dict(item.probabilities)})
    (folder / SAID).write_text(json.dumps(said), encoding="utf-8")
    return float(said[-1]["time_s"])


def scripted_seeing(table: Path, protocol: Protocol) -> Seeing:
    """Looks at frames with what the script says in place of a classifier (no model of 26 sites ships)."""
    said = json.loads(table.read_text(encoding="utf-8"))
    times_s = np.array([row["time_s"] for row in said])

    def sighting(view: FrameView, outside: float) -> Sight:
        row = said[int(np.abs(times_s - view.time_s).argmin())]
        return Sight(Scene(row["scene"]), row["probabilities"])

    return Seeing(protocol, sighting=sighting)


def main(words: Sequence[str] | None = None) -> None:
    """Show the examination, compare, and print a row of JSON."""
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--seed", type=int, default=28)
    reader.add_argument("--pictures", type=Path, help="pictures of the screen go here")
    given = reader.parse_args(words)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        end_s = draw(given.seed, folder)
        make: Callable[[Protocol], Seeing] = partial(scripted_seeing, folder / SAID)
        ai = AiSettings(load_protocol(PROTOCOL), make_seeing=make)
        with chromium() as browser, examination(folder / FILM, folder / "out", ai) as (recorder, address):
            page = opened(browser, address)
            until(lambda: page.evaluate("live.time") > 0.9 * end_s, end_s)
            if given.pictures:
                page.screenshot(path=given.pictures / "live.png")
            until(lambda: recorder.is_over, end_s)
            page.wait_for_timeout(1000)
            shown = page.evaluate(_SEEN)
            if given.pictures:
                page.screenshot(path=given.pictures / "live-over.png")
        sites = read_stored(recorder.folder).sites
        seen = sorted(site.code for site in sites if site.seen)
        print(json.dumps({"shown": len(shown), "of": len(sites), "as_in_exam_json": shown == seen}))


def _sites() -> list[str]:
    return [site.code for site in load_protocol(PROTOCOL).sites]


if __name__ == "__main__":
    main()
