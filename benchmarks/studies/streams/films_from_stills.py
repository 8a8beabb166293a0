"""Films of real pictures kept apart, watched with the real models: coverage, caecum, preparation; see ``--help``."""

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import cv2
import numpy as np

from unmissed.benchmarks.gauges.site_exams import blind_spots
from unmissed.benchmarks.studies.streams.watched_stills import (
    ColonFound,
    SitesFound,
    WatchedFilm,
    colon_found,
    interval,
    site_codes,
    sites_found,
    watch_film,
)
from unmissed.datasets.basis.errors import ConfigError, run_main
from unmissed.datasets.synthetic.exams.stills import ListedStill, StillShelf, list_classes, list_polyps, list_sites
from unmissed.datasets.synthetic.exams.stills_film import FilmTruth, StillFilm, film_format, usable_stills
from unmissed.datasets.synthetic.exams.stills_motion import FilmFormat
from unmissed.datasets.synthetic.exams.stills_script import film_colonoscopy, film_gastroscopy
from unmissed.datasets.synthetic.exams.stills_timeline import FilmScript
from unmissed.datasets.synthetic.film_files import written
from unmissed.inference.endoscopy.protocol import Protocol, load_protocol


def main(words: Sequence[str] | None = None) -> None:
    """Make and watch films, and print what was found with 95 % intervals over the examinations."""
    given = _reader().parse_args(words)
    cv2.setNumThreads(1)
    protocol = load_protocol(given.protocol)
    changed = {name: getattr(given, f"{name}_model") for name in ("site", "lesion") if getattr(given, f"{name}_model")}
    if given.no_lesions:
        changed["lesion"] = None
    protocol = protocol.model_copy(update={"models": protocol.models.model_copy(update=changed)})
    lines = _colonoscopies(given, protocol) if protocol.organ == "colon" else _gastroscopies(given, protocol)
    print("\n".join(lines))


def _reader() -> argparse.ArgumentParser:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--protocol", default="gastroscopy-landmarks", help="its organ says what is filmed")
    reader.add_argument("--pictures", type=Path, required=True, help="index.csv by day, or folders of HyperKvasir")
    reader.add_argument("--days", type=lambda text: text.split(","), default=[], help="kept apart: 3,7,21 ...")
    reader.add_argument("--sites", nargs="+", default=[], metavar="SITE=CODE", help="sites that have other names")
    reader.add_argument("--split", type=Path, help="table of HyperKvasir's folds")
    reader.add_argument("--folds", nargs="+", default=["0"], help="of --split, kept apart")
    reader.add_argument("--polyps", type=Path, help="images and masks kept apart, as Kvasir-SEG has them")
    reader.add_argument("--withdrawal-s", type=float, default=180.0, help="mean length of a withdrawal")
    reader.add_argument("--pace", type=float, default=1.0, help="factor of the dwell times in the stomach")
    reader.add_argument("--exams", type=int, default=20)
    reader.add_argument("--seed", type=int, default=1)
    reader.add_argument("--fps", type=float, default=5.0)
    reader.add_argument("--size-px", type=int, default=384, help="width of the film")
    reader.add_argument("--site-model", help="in place of the protocol's: a name, or the path of an .onnx file")
    reader.add_argument("--lesion-model", help="likewise")
    reader.add_argument(
        "--no-lesions", action="store_true", help="do not look for lesions, which takes most of the time"
    )
    reader.add_argument("--films", type=Path, help="write each film and its truth below this folder")
    return reader


def _gastroscopies(given: argparse.Namespace, protocol: Protocol) -> list[str]:
    if protocol.models.site is None:
        raise ConfigError(f"{protocol.name} names no site model", fix="give one with --site-model")
    shelf, film = _shelf(list_sites(given.pictures, given.days), given.size_px)
    codes = site_codes(protocol, sorted(shelf.labels), dict(item.split("=", 1) for item in given.sites))
    watched = _watched(given, protocol, shelf, film, lambda seed: film_gastroscopy(seed, shelf, pace=given.pace))
    found = [sites_found(item, protocol, codes) for item in watched]
    missed = sum(int((~item.seen).sum()) for item in found)
    return [
        _line("coverage of an examination", interval(found, _coverage)),
        *(_line(f"blind spots, {name}", interval(found, partial(_blind, name))) for name in ("precision", "recall")),
        _line("sites right", interval(found, partial(_blind, "accuracy"))),
        _line("clear frames named right", interval(found, _named)),
        f"{len(found)} examinations, {missed} blind spots of {sum(item.seen.size for item in found)} sites",
        *_by_site(found, protocol),
        *_gate_and_time(watched),
    ]


def _colonoscopies(given: argparse.Namespace, protocol: Protocol) -> list[str]:
    listed = list_classes(given.pictures, given.split, given.folds)
    shelf, film = _shelf(listed + (list_polyps(given.polyps) if given.polyps else ()), given.size_px)
    watched = _watched(
        given, protocol, shelf, film, lambda seed: film_colonoscopy(seed, shelf, withdrawal_s=given.withdrawal_s)
    )
    found = [colon_found(item) for item in watched]
    errors = [item.start_error_s for item in found if item.start_error_s is not None]
    delays = [delay for item in found for delay in item.delays_s]
    met = [delay for delay in delays if delay is not None]
    said = [item for item in found if item.said_adequate is not None]
    lines = [
        f"{'start of the clock':<28} {len(errors)} of {len(found)} started"
        + (f", error median {np.median(errors):.2f} s, p90 {np.percentile(errors, 90):.2f} s" if errors else ""),
        _line("false starts an examination", interval(found, _false_starts), 1.0, ""),
        f"{'preparation':<28} " + ("not reported" if not said else f"reported in {len(said)} of {len(found)}"),
    ]
    if said:
        lines.append(_line("adequate or not, right", interval(said, _adequate_right)))
    if protocol.models.lesion:
        times = f", delay median {np.median(met):.2f} s" if met else ""
        lines.append(f"{'polyps with an alert':<28} {len(met)} of {len(delays)}{times}")
        lines.append(_line("other alerts a minute", interval(found, _other_alerts), 1.0, ""))
    adequate = sum(item.is_adequate for item in found)
    return [*lines, f"{len(found)} examinations, {adequate} adequately prepared", *_gate_and_time(watched)]


def _shelf(listed: Sequence[ListedStill], size_px: int) -> tuple[StillShelf, FilmFormat]:
    """The pictures of which a film can be made, and its frame; the others are said."""
    film = film_format(StillShelf(listed), size_px)
    kept, wrong = usable_stills(listed, film)
    for line in wrong:
        print(f"left out: {line}")
    return StillShelf(kept), film


def _watched(
    given: argparse.Namespace,
    protocol: Protocol,
    shelf: StillShelf,
    film: FilmFormat,
    script: Callable[[int], FilmScript],
) -> list[WatchedFilm]:
    found = []
    for seed in range(given.seed, given.seed + given.exams):
        made = StillFilm(script(seed), shelf, film, seed, given.fps)
        frames = made.frames()
        if given.films:
            video = given.films / f"{protocol.name}-{seed:04d}" / "film.mp4"
            frames = written(frames, FilmTruth, video, film.size_px, given.fps)
        found.append(watch_film(frames, protocol, given.fps))
    return found


def _coverage(exams: Sequence[SitesFound]) -> float:
    """Mean share of the sites seen in an examination that are reported."""
    return float(np.nanmean([item.credited[item.seen].mean() if item.seen.any() else np.nan for item in exams]))


def _blind(name: str, exams: Sequence[SitesFound]) -> float:
    return blind_spots([item.seen for item in exams], [item.credited for item in exams])[name]


def _by_site(exams: Sequence[SitesFound], protocol: Protocol) -> list[str]:
    """For each site, how often it was seen and reported, and how often it was a blind spot and reported as one."""
    seen, credited = (np.array([getattr(item, name) for item in exams]) for name in ("seen", "credited"))
    counts = (seen & credited, seen, ~seen & ~credited, ~seen)
    rows = zip(protocol.sites, *(part.sum(axis=0).tolist() for part in counts), strict=True)
    return [f"  {site.code:<26} reported {a} of {b} seen, {c} of {d} blind spots" for site, a, b, c, d in rows]


def _named(exams: Sequence[SitesFound]) -> float:
    return sum(item.right for item in exams) / max(1, sum(item.named for item in exams))


def _false_starts(exams: Sequence[ColonFound]) -> float:
    return float(np.mean([item.false_starts for item in exams]))


def _adequate_right(exams: Sequence[ColonFound]) -> float:
    return float(np.mean([item.said_adequate == item.is_adequate for item in exams]))


def _other_alerts(exams: Sequence[ColonFound]) -> float:
    return sum(item.other_alerts for item in exams) / sum(item.minutes for item in exams)


def _line(name: str, figures: tuple[float, float, float], factor: float = 100.0, unit: str = " %") -> str:
    value, low, high = (factor * figure for figure in figures)
    digits = 1 if factor > 1 else 2
    return f"{name:<28} {value:.{digits}f}{unit} ({low:.{digits}f} to {high:.{digits}f})"


def _gate_and_time(watched: Sequence[WatchedFilm]) -> list[str]:
    """What the gate of legibility lets through, and how long films and watching took."""
    pairs = [
        (truth.legible, signals.clarity.legible)
        for item in watched
        for truth, signals in zip(item.truth, item.signals, strict=True)
        if truth.scene == "inside"
    ]
    clear = np.array([legible for legible, _ in pairs], bool)
    passed = np.array([gate for _, gate in pairs], float)
    frames = sum(len(item.truth) for item in watched)
    filmed_s = sum(len(item.truth) / item.fps for item in watched)
    spent_s = sum(item.seconds for item in watched)
    return [
        f"{'passed by the gate':<28} {_share(passed[clear])} of clear, {_share(passed[~clear])} of spoilt frames",
        f"{'time':<28} {filmed_s:.0f} s of film in {spent_s:.0f} s, {1000 * spent_s / max(1, frames):.1f} ms a frame",
    ]


def _share(passed: np.ndarray) -> str:
    return f"{100 * passed.mean():.1f} %" if passed.size else "none"


if __name__ == "__main__":
    run_main(main)
