"""What must never happen: crashes, hangs, memory without bound, silence, exclusion, files outside, the network."""

import re
from collections.abc import Sequence
from pathlib import Path

from unmissed.benchmarks.hostile.sandbox import Finished
from unmissed.benchmarks.hostile.values import MAX_BYTES, MAX_SECONDS, Answer, Case, Expect
from unmissed.datasets.basis.errors import ExitCode

_CODES = (ExitCode.DONE, ExitCode.WRONG, ExitCode.SOME_FAILED)
# How libraries begin their own lines on the screen; ours begin with "error:" or the time of a log message.
_RAW = re.compile(
    r"^(?:TIFF\w*: |\w+: Warning, |OpenSlide-WARNING|\[ ?(?:WARN|ERROR|INFO):\d|\[\w[\w,.@ -]* @ 0x|libpng |"
    r"Corrupt JPEG|Premature end|(?:\S+\.py:\d+: )\w*Warning|.*\[[EWF]:onnxruntime|Exception ignored|"
    r"\*\*\* |free\(\)|malloc|double free|terminate called|Assertion |OpenCV\(|Fatal Python error|"
    r"(?:h264|mpeg4|mjpeg|mov|avi|matroska) ?: |.*resource_tracker)",
    re.MULTILINE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1a\x1c-\x1f]|\x1b(?!\[[0-9;]*m)")


def of_process(finished: Finished, count: int) -> list[str]:
    """Violations of a whole process, which read ``count`` files."""
    found = []
    if finished.stopped:
        found.append("took more than twice the memory" if finished.stopped == "memory" else "hangs: killed")
    elif finished.code not in _CODES:
        what = f"signal {finished.code - 128}" if 128 < finished.code < 192 else "an undocumented code"
        found.append(f"exit code {finished.code} ({'a bug' if finished.code == ExitCode.INTERNAL else what})")
    if "Traceback (most recent call last)" in finished.output:
        found.append(f"traceback: {finished.output.strip().splitlines()[-1][:200]}")
    if "internal error" in finished.output:
        found.append(f"internal error: {_line_with(finished.output, 'internal error')}")
    if raw := _RAW.search(finished.output):
        line = finished.output[raw.start() :].partition("\n")[0]
        found.append(f"a library's own line on the screen: {line[:200]}")
    if sign := _CONTROL.search(finished.output):
        found.append(f"a control character on the screen: {sign.group()!r}")
    if finished.peak_bytes > MAX_BYTES:
        found.append(f"{finished.peak_bytes >> 20} MB of memory")
    if count == 1 and finished.seconds > MAX_SECONDS:
        found.append(f"took {finished.seconds:.0f} s")
    if finished.calls:
        found.append(f"{finished.calls} connections to the network")
    found += [f"outside its output folder: {stray}" for stray in finished.strays[:3]]
    return found


def stopped_the_rest(finished: Finished, answers: Sequence[Answer]) -> bool:
    """Whether a call with several files was refused as a whole."""
    return len(answers) > 1 and (finished.code == ExitCode.WRONG or not any(answer.is_there for answer in answers))


def of_answer(case: Case, answer: Answer, judges: bool) -> list[str]:
    """Violations of what a command said of one file."""
    found = []
    if not answer.is_there:
        found.append("nothing was said of it: no result, and no error with a cause")
    if answer.excluded and answer.notes:
        found.append(f"excluded although {answer.notes[0][:160]}")
    if answer.seconds > MAX_SECONDS or "took longer than" in answer.error:
        found.append(f"took {max(answer.seconds, MAX_SECONDS):.0f} s")
    if "the worker died" in answer.error:
        found.append(f"crash: {answer.error[:200]}")
    if answer.error and not answer.error.strip(" ;."):
        found.append("an error without a cause")
    is_result = answer.is_there and not answer.error
    if judges and is_result and case.expects is Expect.REFUSED:
        found.append(f"a result where only an error is right: {answer.shown[:160]}")
    if judges and is_result and case.expects is Expect.NOTED and not answer.notes:
        found.append(f"a result without a note: {answer.shown[:160]}")
    if judges and answer.error and case.expects is Expect.READ:
        found.append(f"an intact file is refused: {answer.error[:200]}")
    if is_result and not answer.notes and re.search(r"[1-9]\d* tiles damaged", answer.shown):
        found.append(f"damaged tiles without a note: {answer.shown[:160]}")
    return found


def of_place(folder: Path, written: Sequence[str]) -> list[str]:
    """Files that appeared where none may: next to what nothing may read."""
    return [f"outside its output folder: {path}" for path in map(str, folder.iterdir()) if path not in written]


def _line_with(text: str, words: str) -> str:
    return next((line.strip()[:200] for line in text.splitlines() if words in line), "")
