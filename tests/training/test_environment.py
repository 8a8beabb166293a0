"""The machine that a run uses."""

import platform
import subprocess
import sys

import pytest


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a parameter of glibc")
def test_freed_memory_is_kept_for_the_next_batch() -> None:
    script = """
import resource, sys
import numpy as np
from unmissed.training.environment import keep_freed_memory
if sys.argv[1] == "keep":
    assert keep_freed_memory()
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(5):
        np.ones(2**25)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
faults()
print(faults())
"""
    handed_back, kept = (
        int(subprocess.run([sys.executable, "-c", script, word], capture_output=True, check=True).stdout)
        for word in ("hand back", "keep")
    )
    assert kept < handed_back / 4
