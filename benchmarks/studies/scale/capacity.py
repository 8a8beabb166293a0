"""From one laboratory to a country on paper: machines, network, storage, money, and what breaks first.

    python -m unmissed.benchmarks.studies.scale.capacity --plot docs/capacity.png

Seconds, memory and sizes are those that were measured on one two-core machine; everything else is an assumption of
``assumptions.yaml``. The number of machines comes from a simulation of a day with failures.
"""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

from unmissed.benchmarks.studies.scale.queueing import DAY_S, Day, Fleet, simulate
from unmissed.datasets.basis.yaml_text import parse_yaml

ASSUMPTIONS = Path(__file__).with_name("assumptions.yaml")
SCALES = (5_000, 100_000, 1_000_000)
_MONTH_DAYS = 30.4


@dataclass(frozen=True, slots=True)
class Plan:
    """What a number of slides a day needs.

    Attributes:
        slides_a_day: that many.
        machines_mean, machines: that do the work of a day in 24 hours, and that keep the demanded wait.
        wait_min, busy, twice: 95th percentile of the wait; shares of the simulated day.
        memory_gb: of a machine.
        peak_gb_s, machine_gbit_s: read from storage while scanners run, in all and by each machine.
        slides_tb, results_tb: kept.
        files_s: files of results written a second while scanners run.
        usd: by what, for each slide.
        readers_by_hand, readers: people that read all slides, without and with findings in front.
        breaks: what reaches its limit, the first first: its name and how much of the limit is used.
    """

    slides_a_day: int
    machines_mean: float
    machines: int
    wait_min: float
    busy: float
    twice: float
    memory_gb: float
    peak_gb_s: float
    machine_gbit_s: float
    slides_tb: float
    results_tb: float
    files_s: float
    usd: dict[str, float]
    readers_by_hand: float
    readers: float
    breaks: dict[str, float]

    @property
    def usd_a_slide(self) -> float:
        """All of it."""
        return sum(self.usd.values())


def fleet_of(given: dict[str, Any], machines: int) -> Fleet:
    """Machines of the assumed kind, whose pairs of cores take as long as the measured pair, over the efficiency."""
    measured, machine, failures = given["measured"], given["machine"], given["failures"]
    return Fleet(
        machines=machines,
        slots=machine["cores"] // measured["cores"],
        seconds=measured["seconds_a_slide"] / machine["efficiency"],
        spread=given["slide"]["spread"],
        fails_s=failures["machine_days"] * DAY_S,
        repair_s=failures["repair_h"] * 3600,
        noticed_s=failures["noticed_s"],
        slide_share=failures["slide_share"],
    )


def machines_for(given: dict[str, Any], slides: int) -> tuple[int, Day]:
    """Machines that keep the wait with 95 % of a day's slides, at most a few percent above the fewest; and that day."""
    open_s = tuple(3600.0 * hour for hour in given["arrivals"]["open_h"])
    most_s = 60 * given["demand"]["wait_min"]

    def day(machines: int) -> Day:
        return simulate(fleet_of(given, machines), slides, (open_s[0], open_s[1]))

    one = fleet_of(given, 1)
    low = max(1, int(slides * one.seconds / one.slots / (open_s[1] - open_s[0] + most_s)))
    while np.quantile((found := day(low)).waits_s, 0.95) > most_s:
        low += max(1, low // 50)
    return low, found


def plan(given: dict[str, Any], slides: int) -> tuple[Plan, Day]:
    """What so many slides a day need, and the simulated day."""
    measured, limits, prices = given["measured"], given["limits"], given["prices_usd"]
    machines, day = machines_for(given, slides)
    one = fleet_of(given, 1)
    open_h = given["arrivals"]["open_h"]
    open_s = 3600 * (open_h[1] - open_h[0])
    peak_gb_s = slides * given["slide"]["gb"] / open_s
    files_s = slides * measured["result_files"] / open_s
    slides_gb = slides * given["slide"]["gb"] * given["retention"]["slides_days"]
    results_gb = slides * measured["result_mb"] / 1000 * given["retention"]["results_days"]
    # Machines are kept day and night: an elastic fleet pays for what is busy.
    usd = {
        "machines": machines * given["machine"]["cores"] * 24 * prices["core_hour"] / slides,
        "slides kept": slides_gb / slides / _MONTH_DAYS * prices["storage_gb_month"],
        "results kept": results_gb / slides / _MONTH_DAYS * prices["archive_gb_month"],
        "requests": measured["result_files"] * prices["put_1000"] / 1000,
    }
    readers_s = 3600 * given["people"]["hours_a_day"]
    breaks = {
        "100 people who read": slides * given["people"]["seconds_with_findings"] / readers_s / 100,
        "one cable of 1 Gbit/s": peak_gb_s / 0.117,
        "one file server": peak_gb_s / limits["file_server_gb_s"],
        "rows of one worklist": slides / limits["list_rows"],
        "PUTs into one prefix": files_s / limits["store_prefix_put_s"],
        "network of a machine": peak_gb_s * 8 / machines / given["machine"]["network_gbit"],
    }
    found = Plan(
        slides_a_day=slides,
        machines_mean=slides * one.seconds / one.slots / DAY_S,
        machines=machines,
        wait_min=float(np.quantile(day.waits_s, 0.95)) / 60,
        busy=day.busy,
        twice=day.twice,
        memory_gb=one.slots * measured["memory_gb"],
        peak_gb_s=peak_gb_s,
        machine_gbit_s=peak_gb_s * 8 / machines,
        slides_tb=slides_gb / 1000,
        results_tb=results_gb / 1000,
        files_s=files_s,
        usd=usd,
        readers_by_hand=slides * given["people"]["seconds_a_slide"] / readers_s,
        readers=slides * given["people"]["seconds_with_findings"] / readers_s,
        breaks=dict(sorted(breaks.items(), key=lambda item: -item[1])),
    )
    return found, day


def yardstick(given: dict[str, Any], plans: list[Plan]) -> dict[str, float]:
    """The announced number of cases: on the measured machine, in a month and a year, and by the fleets of the plans."""
    cases, one = given["yardstick"]["cases"], fleet_of(given, 1)
    slides_a_day = DAY_S * one.slots / one.seconds
    return {
        "years on the measured machine": cases * given["measured"]["seconds_a_slide"] / DAY_S / 365.25,
        "machines for a month": cases / slides_a_day / _MONTH_DAYS,
        "machines for a year": cases / slides_a_day / 365.25,
        **{f"days at {one.slides_a_day:,} a day": cases / one.slides_a_day for one in plans},
        "PB read": cases * given["slide"]["gb"] / 1e6,
        "TB of results": cases * given["measured"]["result_mb"] / 1e6,
        "million USD for machines that are always busy": cases
        / slides_a_day
        * 24
        * given["machine"]["cores"]
        * given["prices_usd"]["core_hour"]
        / 1e6,
    }


def draw(plans: list[Plan], days: list[Day], path: Path) -> None:
    """Slides that wait or are in work over the day, in minutes of the fleet; and what a slide costs."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4), layout="constrained")
    for one, day in zip(plans, days, strict=True):
        hours = np.linspace(7, 20, 400)
        inside = np.searchsorted(day.arrivals_s, hours * 3600) - np.searchsorted(np.sort(day.ends_s), hours * 3600)
        minutes = inside / one.slides_a_day * 600  # of arrivals
        left.plot(hours, minutes, label=f"{one.slides_a_day:,} a day, {one.machines:,} machines")
    left.set(xlabel="hour of the day", ylabel="slides without a result,\nin minutes of arrivals", ylim=(0, None))
    left.legend(frameon=False)
    names = [f"{one.slides_a_day:,}" for one in plans]
    bottom = np.zeros(len(plans))
    for part in plans[0].usd:
        values = np.array([100 * one.usd[part] for one in plans])
        right.bar(names, values, bottom=bottom, label=part, width=0.6)
        bottom += values
    for name, total in zip(names, bottom, strict=True):
        right.annotate(f"{total:.1f}", (name, total), ha="center", va="bottom")
    right.set(xlabel="slides a day", ylabel="US cents a slide (assumed prices)", ylim=(0, 1.3 * bottom.max()))
    right.legend(frameon=False, loc="upper center", ncols=2)
    for one in (left, right):
        one.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=110)


def main(
    assumptions: Annotated[Path, typer.Option(help="YAML with measured figures and assumptions.")] = ASSUMPTIONS,
    plot: Annotated[Path | None, typer.Option(help="Draw into this file.")] = None,
) -> None:
    """Print the plans for 5,000, 100,000 and 1,000,000 slides a day, and the yardstick."""
    given, _ = parse_yaml(assumptions.read_text("utf-8"), str(assumptions))
    plans, days = zip(*(plan(given, slides) for slides in SCALES), strict=True)
    for one in plans:
        typer.echo(json.dumps({**asdict(one), "usd_a_slide": one.usd_a_slide}, indent=2))
    typer.echo(json.dumps(yardstick(given, list(plans)), indent=2))
    if plot:
        draw(list(plans), list(days), plot)


if __name__ == "__main__":
    typer.run(main)
