"""One parser under the fuzzer, in the process that `hostile fuzz` starts: words NAME OUT SECONDS."""

import json
import logging
import os
import sys
import tempfile
import traceback
from pathlib import Path

import atheris

from unmissed.benchmarks.hostile.fuzzing.targets import TARGETS, Parse
from unmissed.datasets.basis.errors import UnmissedError

_FIXED = ("-rss_limit_mb=2048", "-timeout=60", "-report_slow_units=60", "-max_len=65536", "-print_final_stats=1")


def main(name: str, out: Path, seconds: int) -> None:
    """Fuzz until the time is over; each kind of uncaught exception is kept once, with the bytes that led to it."""
    target = TARGETS[name]
    corpus, findings = out / "corpus", out / "findings"
    for folder in (corpus, findings):
        folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds()):
        (corpus / f"seed-{number}").write_bytes(seed)
    logging.disable(logging.CRITICAL)
    memory = Path("/dev/shm")  # noqa: S108 - a disk would be the slowest part
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None, prefix="unmissed-fuzz-") as scratch:
        with atheris.instrument_imports(
            include=["unmissed.datasets", "unmissed.models", "unmissed.inference", *target.slow]
        ):
            parse = target.load(Path(scratch))
        try:
            words = [sys.argv[0], *_FIXED, f"-max_total_time={seconds}", f"-artifact_prefix={findings}/", str(corpus)]
            atheris.Setup(words, _guarded(parse, findings))
            atheris.Fuzz()
        finally:
            sys.stdout.flush()


def _guarded(parse: Parse, findings: Path) -> Parse:
    seen: set[str] = set()
    runs = [0]

    def one_input(data: bytes) -> None:
        runs[0] += 1
        if runs[0] % 1000 == 0:
            (findings.parent / "runs").write_text(str(runs[0]))
        try:
            parse(data)
        except UnmissedError:
            return
        except Exception as error:
            frame = traceback.extract_tb(error.__traceback__)[-1]
            kind = f"{type(error).__name__} at {Path(frame.filename).name}:{frame.lineno}"
            if kind not in seen and len(seen) < 50:
                seen.add(kind)
                stem = kind.replace(" ", "-").replace(":", "-")
                (findings / stem).write_bytes(data)
                text = "".join(traceback.format_exception(error))
                (findings / f"{stem}.json").write_text(json.dumps({"kind": kind, "traceback": text[-4000:]}))

    return one_input


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(10)
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))
