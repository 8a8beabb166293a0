"""Cohorts of made slides: some with a few abnormal fields among many NILM ones, and a table that says which."""

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmissed.datasets.basis.errors import ConfigError
from unmissed.datasets.basis.files import make_folder, write_whole
from unmissed.datasets.synthetic.slides.compose import CLEAN, MadeSlide, SlideLook, make_slide
from unmissed.datasets.synthetic.slides.fields import FieldLibrary
from unmissed.datasets.synthetic.slides.placements import LayoutSpec

COLUMNS = (
    "slide",
    "file",
    "label",
    "worst",
    "n_abnormal_fields",
    "n_abnormal_nuclei",
    "fields",
    "seed",
    "width_px",
    "height_px",
    "um_per_px",
)


@dataclass(frozen=True, slots=True)
class CohortPlan:
    """What a cohort is to hold.

    Attributes:
        slides: how many.
        prevalence: share of abnormal slides, 0..1.
        abnormal_fields: least and largest number of abnormal fields on an abnormal slide.
        seed: same plan and seed give the same slides.
        normal_fields: how many different normal fields a slide is made of, drawn anew for each slide, as women differ;
            None takes all on every slide.
    """

    slides: int = 1
    prevalence: float = 0.3
    abnormal_fields: tuple[int, int] = (1, 3)
    seed: int = 0
    normal_fields: int | None = None

    def __post_init__(self) -> None:
        least, largest = self.abnormal_fields
        if self.normal_fields is not None and self.normal_fields < 1:
            raise ConfigError(f"{self.normal_fields} normal fields", expected="one or more, or null for all")
        if self.slides < 1 or not 0 <= self.prevalence <= 1 or not 1 <= least <= largest:
            raise ConfigError(
                f"{self.slides} slides, prevalence {self.prevalence}, {least} to {largest} abnormal fields",
                expected="at least one slide, a prevalence of 0 to 1, and at least one field on an abnormal slide",
            )

    def draw(self) -> list[tuple[int, int]]:
        """Seed and number of abnormal fields (0 for a NILM slide) of each slide, in random order."""
        rng = np.random.default_rng([self.seed, 2])
        abnormal = rng.permutation(self.slides) < round(self.prevalence * self.slides)
        counts = rng.integers(self.abnormal_fields[0], self.abnormal_fields[1] + 1, self.slides)
        seeds = rng.integers(0, 2**31, self.slides)
        return [(int(seeds[i]), int(counts[i]) if abnormal[i] else 0) for i in range(self.slides)]


def make_cohort(
    folder: Path,
    library: FieldLibrary,
    spec: LayoutSpec,
    plan: CohortPlan,
    *,
    look: SlideLook = CLEAN,
    threads: int = 2,
    progress: Callable[[int, int], None] = lambda done, total: None,
    finished: Callable[[MadeSlide], None] = lambda slide: None,
) -> list[MadeSlide]:
    """Make slides, their truths, and ``cohort.csv`` that lists them.

    Args:
        folder: is created; slides are named slide-0001.tiff and so on.
        library, spec, look, threads: see ``make_slide``.
        plan: how many slides, and how many of them abnormal.
        progress: called with pixels done and in all, over the whole cohort.
        finished: called with each slide.

    Raises:
        ConfigError: When a layout is impossible.
        OutputError: When a file cannot be written.
    """
    make_folder(folder)
    area = spec.width_px * spec.height_px
    made, rows = [], []
    for number, (seed, abnormal) in enumerate(plan.draw()):
        done_before = number * area

        def advance(done: int, total: int, before: int = done_before) -> None:
            progress(before + done, plan.slides * area)

        name = f"slide-{number + 1:04d}"
        slide = make_slide(
            folder / f"{name}.tiff",
            library if plan.normal_fields is None else library.with_normal(plan.normal_fields, seed),
            spec,
            abnormal_fields=abnormal,
            seed=seed,
            look=look,
            threads=threads,
            progress=advance,
        )
        finished(slide)
        made.append(slide)
        rows.append(
            {
                "slide": name,
                "file": slide.path.name,
                "label": "abnormal" if slide.worst != "NILM" else "NILM",
                "worst": slide.worst,
                "n_abnormal_fields": abnormal,
                "n_abnormal_nuclei": sum(nucleus.label != "NILM" for nucleus in slide.nuclei),
                "fields": len(slide.placements),
                "seed": seed,
                "width_px": spec.width_px,
                "height_px": spec.height_px,
                "um_per_px": library.um_per_px,
            }
        )
    with write_whole(folder / "cohort.csv") as stream:
        table = csv.DictWriter(stream, COLUMNS, lineterminator="\n")
        table.writeheader()
        table.writerows(rows)
    return made
