"""Find the fastest settings of a peer on a small slide: what counts is the setting that favours us least."""

from collections.abc import Callable, Iterator, Sequence

from unmissed.benchmarks.peers.registry import Peer, Settings
from unmissed.benchmarks.peers.runs import ContenderRun
from unmissed.benchmarks.speed.values import BenchRow, Figure
from unmissed.datasets.basis.errors import UnmissedError

_SHARES = ((0, 1), (0, 2), (1, 1), (1, 2), (2, 1), (2, 2))  # workers and threads, for a machine of two cores
_PATCHES_PX = (224, 256, 512, 1024)
_BATCHES = (1, 2, 4, 8, 16, 32, 64)
_MOST_MPX = 2.2  # of a batch: 2 patches of 1,024 px; on CPUs larger ones only leave the caches

RunSettings = Callable[[Settings], ContenderRun]


def sweep(run: RunSettings, peer: Peer, cores: int, rows: list[BenchRow], notify: Callable[[str], None]) -> Settings:
    """Try one knob after the other, each from the best that was found before.

    The knobs depend on each other too little to try hundreds of settings: how the cores are shared comes first, then
    how torch runs the network, then the size of patches and batches.

    Args:
        run: runs the peer once.
        peer: whose modes are tried; from its best settings so far.
        cores: threads and workers are tried up to this many, at least 2.
        rows: gets a row for each setting that was tried.
        notify: called for every one of them.

    Returns:
        Settings: Those with the most pixels a second; on a small slide seconds would favour patches that happen to fit
            it.

    Raises:
        UnmissedError: When no setting runs.
    """
    best, fastest = peer.best, 0.0
    tried: set[Settings] = set()
    for knob in (_shares(cores), _modes(peer.modes), _patches, _batches):
        for settings in list(knob(best)):
            if settings in tried:
                continue
            tried.add(settings)
            speed = _speed(run, peer.title, settings, rows)
            notify(f"{peer.title}: {settings.in_words()}: {speed:.1f} Mpx/s")
            if speed > fastest:
                best, fastest = settings, speed
    if not fastest:
        raise UnmissedError(f"{peer.title} ran with none of {len(tried)} settings", fix=rows[-1].not_measured)
    return best


def _speed(run: RunSettings, title: str, settings: Settings, rows: list[BenchRow]) -> float:
    """Megapixels of patches per second; 0 when it did not run."""
    what = {"settings tried": title, **{name: str(value) for name, value in settings.model_dump().items()}}
    try:
        found = run(settings)
    except UnmissedError as error:
        rows.append(BenchRow(what=what, not_measured=str(error)))
        return 0.0
    if found.answer is None:
        raise UnmissedError(f"{title} reported nothing")
    speed = found.answer.patches * settings.patch_px**2 / 1e6 / found.answer.work_s
    figures = {
        "walk": Figure(unit="s", rounds=(found.answer.work_s,), better=""),
        "patches": Figure(unit="Mpx/s", rounds=(speed,), better=""),
        "process": Figure(unit="s", rounds=(found.process_s,), better=""),
    }
    rows.append(BenchRow(what=what, figures=figures))
    return speed


def _shares(cores: int) -> Callable[[Settings], Iterator[Settings]]:
    def knob(best: Settings) -> Iterator[Settings]:
        shares = dict.fromkeys((*_SHARES, (0, cores), (cores // 2, cores - cores // 2)))
        for workers, threads in shares:
            yield best.model_copy(update={"workers": workers, "threads": threads})

    return knob


def _modes(modes: Sequence[str]) -> Callable[[Settings], Iterator[Settings]]:
    def knob(best: Settings) -> Iterator[Settings]:
        for mode in modes:
            yield best.model_copy(update={"mode": mode})

    return knob


def _patches(best: Settings) -> Iterator[Settings]:
    """Other sizes with about as many pixels in a batch."""
    for patch_px in _PATCHES_PX:
        batch = max(1, round(best.batch * (best.patch_px / patch_px) ** 2))
        yield best.model_copy(update={"patch_px": patch_px, "batch": batch})


def _batches(best: Settings) -> Iterator[Settings]:
    for batch in _BATCHES:
        if batch * best.patch_px**2 / 1e6 <= _MOST_MPX:
            yield best.model_copy(update={"batch": batch})
