"""Seconds and memory of the whole command ``unmissed triage`` on a slide, for each preset."""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

REFERENCE_S = 36.0  # Huawei Cloud and KingMed, 2019


def main() -> None:
    """Run the command several times on each slide and print medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("slides", nargs="+", type=Path)
    parser.add_argument("--presets", nargs="+", default=["default"])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--no-hash", action="store_true", help="leave out the SHA-256 of the slide file")
    arguments = parser.parse_args()
    for slide in arguments.slides:
        _warm(slide)
        for preset in arguments.presets:
            rounds = [_once(slide, preset, arguments.no_hash) for _ in range(arguments.rounds)]
            seconds = statistics.median(one["seconds"] for one in rounds)
            spread = ", ".join(f"{one['seconds']:.1f}" for one in rounds)
            peak = max(one["peak_bytes"] for one in rounds) / 2**20
            print(f"{slide.name}  {preset}: {seconds:.1f} s ({spread}), {REFERENCE_S / seconds:.1f} x faster than 36 s")
            print(f"  peak memory {peak:.0f} MiB; load average {os.getloadavg()[0]:.2f}; {os.cpu_count()} cores")
            print(f"  stages of the last round: {rounds[-1]['times']}")
            print(f"  counts: {rounds[-1]['counts']}", flush=True)


def _warm(slide: Path) -> None:
    """Read the file once, so that every round finds it in the cache."""
    with slide.open("rb") as stream:
        while stream.read(1 << 24):
            pass


def _once(slide: Path, preset: str, no_hash: bool) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "out"
        command = [sys.executable, "-m", "unmissed.cli.app", "triage", str(slide), "-o", str(output)]
        command += ["--preset", preset, *(["--no-hash"] if no_hash else [])]
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
        peak = _Peak(process.pid)
        _, errors = process.communicate()
        seconds = time.perf_counter() - started
        if process.returncode:
            sys.exit(f"the command failed with {process.returncode}: {errors.decode(errors='replace')[-2000:]}")
        result = json.loads(next((output / "slides").glob("*/result.json")).read_text("utf-8"))
        return {
            "seconds": seconds,
            "peak_bytes": peak.stop(),
            "times": result["times_s"],
            "counts": result["counts"],
        }


class _Peak:
    """Largest sum of the resident memory of a process and its descendants, looked at every 50 ms."""

    def __init__(self, pid: int) -> None:
        self._pid, self._bytes, self._done = pid, 0, threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        import psutil

        while not self._done.wait(0.05):
            total = 0
            try:
                family = [psutil.Process(self._pid)]
                family += family[0].children(recursive=True)
            except psutil.Error:
                continue
            for member in family:
                try:
                    total += member.memory_info().rss
                except psutil.Error:
                    continue
            self._bytes = max(self._bytes, total)

    def stop(self) -> int:
        """End the watch; returns the peak in bytes."""
        self._done.set()
        self._thread.join()
        return self._bytes


if __name__ == "__main__":
    main()
