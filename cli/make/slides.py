"""``unmissed data make-slides``: compose whole slides with known truth."""

import re
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from unmissed.datasets.synthetic.slides.compose import MadeSlide
    from unmissed.datasets.synthetic.slides.fields import FieldLibrary


def make_slides(
    output: Annotated[Path, typer.Option("-o", "--output", metavar="DIR", help="Folder for the slides.")],
    source: Annotated[
        str,
        typer.Option(metavar="drawn|FOLDER", help="Drawn cells, or a folder of labelled fields (CRIC, labels.csv)."),
    ] = "drawn",
    slides: Annotated[int, typer.Option(min=1, help="Number of slides.")] = 1,
    size: Annotated[str, typer.Option(metavar="WIDTHxHEIGHT", help="Size of level 0, in pixels.")] = "8192x8192",
    um_per_px: Annotated[float, typer.Option(min=0.05, max=5.0, help="Pixel size.")] = 0.25,
    shape: Annotated[
        Literal["spot", "smear"], typer.Option(help="Round liquid-based spot, or the whole rectangle.")
    ] = "smear",
    spot_mm: Annotated[
        float | None,
        typer.Option(min=0.1, max=40.0, help="Diameter of the spot, e.g. 20 or 13.", show_default="94 % of the side"),
    ] = None,
    prevalence: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share of abnormal slides.")] = 0.3,
    abnormal_fields: Annotated[
        str, typer.Option(metavar="N-M", help="Number of abnormal fields on an abnormal slide.")
    ] = "1-3",
    seed: Annotated[int, typer.Option(min=0, help="Same options and seed: same slides.")] = 0,
    fields: Annotated[
        Path | None, typer.Option(metavar="LIST.txt", help="Use only the fields listed in this file, one per line.")
    ] = None,
    fill: Annotated[float, typer.Option(min=0.01, max=1.0, help="Share of the area that holds cells.")] = 1.0,
    crowded: Annotated[float, typer.Option(min=0.0, max=1.0, help="Share with a second layer of cells.")] = 0.0,
    out_of_focus: Annotated[float, typer.Option(min=0.0, max=0.5, help="Share of the area out of focus.")] = 0.0,
    pen: Annotated[float, typer.Option(min=0.0, max=0.5, help="Share of the area under pen marks.")] = 0.0,
    bubbles: Annotated[float, typer.Option(min=0.0, max=0.5, help="Share of the area under air bubbles.")] = 0.0,
    stain: Annotated[float, typer.Option(min=0.0, max=1.0, help="How much the colours differ between slides.")] = 0.0,
    quality: Annotated[int, typer.Option(min=1, max=100, help="JPEG quality of the tiles.")] = 80,
    threads: Annotated[int, typer.Option(min=1, max=64, help="Blocks made at a time, about 100 MB each.")] = 2,
) -> None:
    """Compose whole slides (pyramidal TIFF) with known truth (GeoJSON) and a table of them (cohort.csv)."""
    from unmissed.datasets.basis.progress import ProgressBar
    from unmissed.datasets.synthetic.slides.artefacts import ArtefactShares
    from unmissed.datasets.synthetic.slides.cohorts import CohortPlan, make_cohort
    from unmissed.datasets.synthetic.slides.compose import SlideLook
    from unmissed.datasets.synthetic.slides.outline import Spot
    from unmissed.datasets.synthetic.slides.placements import LayoutSpec

    width_px, height_px = _pair(size, "x", "--size", "8192x8192")
    diameter_px = 0.94 * min(width_px, height_px) if spot_mm is None else spot_mm * 1000 / um_per_px
    spot = Spot(width_px / 2, height_px / 2, diameter_px / 2)
    spec = LayoutSpec(width_px, height_px, spot=spot if shape == "spot" else None, fill=fill, crowded=crowded)
    look = SlideLook(ArtefactShares(out_of_focus, pen, bubbles), stain, quality)
    plan = CohortPlan(slides, prevalence, _pair(abnormal_fields, "-", "--abnormal-fields", "1-3"), seed)
    library = _library(source, um_per_px, fields, seed)
    start = perf_counter()
    with ProgressBar() as bar:

        def print_slide(slide: "MadeSlide") -> None:
            size = f"{spec.width_px:,} x {spec.height_px:,} px, {slide.bytes / 1e6:,.1f} MB"
            bar.say(f"{slide.path}: {size}, {slide.worst}")

        made = make_cohort(
            output, library, spec, plan, look=look, threads=threads, progress=bar.update, finished=print_slide
        )
    seconds = perf_counter() - start
    area = len(made) * spec.width_px * spec.height_px
    typer.echo(
        f"{len(made)} slides, {area / 1e6:,.0f} Mpx, {sum(slide.bytes for slide in made) / 1e6:,.0f} MB, "
        f"{seconds:.1f} s -> {output / 'cohort.csv'}",
        err=True,
    )


def _pair(text: str, between: str, option: str, example: str) -> tuple[int, int]:
    from unmissed.datasets.basis.errors import ConfigError

    match = re.fullmatch(rf"(\d{{1,7}}){between}(\d{{1,7}})", text.strip())
    if match is None:
        raise ConfigError(f"{option} is {text!r}", expected=f"two whole numbers, such as {example}")
    return int(match[1]), int(match[2])


def _library(source: str, um_per_px: float, listed: Path | None, seed: int) -> "FieldLibrary":
    from unmissed.datasets.basis.errors import ConfigError
    from unmissed.datasets.synthetic.slides.drawn_fields import draw_fields
    from unmissed.datasets.synthetic.slides.fields import read_fields

    only = None if listed is None else _names(listed)
    if source == "drawn":
        if only is not None:
            raise ConfigError("--fields with drawn cells", fix="name the folder of the fields with --source")
        return draw_fields(um_per_px=um_per_px, seed=seed)
    return read_fields(Path(source).expanduser(), um_per_px, only)


def _names(path: Path) -> list[str]:
    """Lines of a list of fields; empty lines and comments are left out."""
    from unmissed.datasets.basis.errors import ConfigError

    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot read the list of fields {path}: {error}", fix="name a text file") from error
    return [line for line in lines if line and not line.startswith("#")]
