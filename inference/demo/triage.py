"""The demonstration of triage: drawn slides, one of them broken, through the ordinary pipeline onto result pages."""

from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.files import write_bytes
from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
from unmissed.datasets.synthetic.slides.outline import Spot
from unmissed.datasets.synthetic.slides.placements import LayoutSpec
from unmissed.inference.cytology.run.plan import triage

SLIDES = 4
SIDE_PX = 6144
BROKEN = "broken-on-purpose"

NOTE = (
    "These slides were drawn by the program, and one file was broken on purpose. The pages show the software at work; "
    "scores and findings on drawn cells mean nothing."
)
NOTE_ZH = "这些玻片由程序绘制，其中一个文件为故意损坏。本页仅展示软件的运行过程；对绘制细胞的评分与发现没有意义。"


@dataclass(frozen=True, slots=True)
class TriageDemo:
    """What the demonstration left on the disk, and how it went.

    Attributes:
        page: the worklist as a page.
        slides: how many went in, the broken one included.
        failed: names of the slides without a result.
        seconds: of the triage, without the drawing.
    """

    page: Path
    slides: int
    failed: tuple[str, ...]
    seconds: float

    @property
    def is_as_expected(self) -> bool:
        """Every slide has a result except the one that was broken on purpose."""
        return self.failed == (BROKEN,)


def run_triage_demo(folder: Path) -> TriageDemo:
    """Draw slides, triage them and write the pages.

    Args:
        folder: gets ``slides/`` and ``triage/``; an earlier demonstration there is replaced.

    Raises:
        ModelError, RuntimeUnavailableError, OutputError: When a model, the runtime or the disk fails.
    """
    paths = draw_slides(folder / "slides")
    output = folder / "triage"
    outcome = triage(paths, output, overwrite=True, note=NOTE, note_zh=NOTE_ZH)
    return TriageDemo(
        page=output / "index.html",
        slides=len(outcome.rows),
        failed=tuple(row.slide for row in outcome.rows if row.error),
        seconds=outcome.run.seconds,
    )


def draw_slides(folder: Path) -> list[Path]:
    """Write drawn slides, half of them with abnormal-looking cells, and one file that ends too early.

    Returns:
        The files, the broken one last. The same slides each time.
    """
    library = draw_fields(normal=6, abnormal=3, seed=1)
    spec = LayoutSpec(SIDE_PX, SIDE_PX, spot=Spot(SIDE_PX / 2, SIDE_PX / 2, 0.47 * SIDE_PX))
    made = make_cohort(folder, library, spec, CohortPlan(SLIDES, 0.5, (1, 3), seed=1))
    paths = [slide.path for slide in made]
    whole = paths[0].read_bytes()
    broken = folder / f"{BROKEN}.tiff"
    write_bytes(broken, whole[: len(whole) // 3])
    return [*paths, broken]
