"""Workers share the cores of the machine: slides at the same time get fewer threads each."""

import numpy as np
import pytest
import tifffile

from unmissed.cli import app as cli
from unmissed.datasets.basis.errors import ModelError
from unmissed.inference.cytology.run import loading, plan

CORES = 8


@pytest.mark.parametrize(
    ("arguments", "threads"),
    [
        ((), 8),
        (("--workers", "2"), 4),
        (("--workers", "3"), 2),
        (("--workers", "8"), 1),
        (("--workers", "16"), 1),
        (("--workers", "4", "--threads", "5"), 5),
    ],
)
def test_the_cores_are_shared_among_the_workers(tmp_path, monkeypatch, arguments, threads):
    asked = []

    def screener_for(preset, runtime, threads, *others, **more):
        asked.append(threads)
        raise ModelError("that is all that was to be known")

    monkeypatch.setattr(plan, "physical_cores", lambda: CORES)
    monkeypatch.setattr(loading, "screener_for", screener_for)
    slide = tmp_path / "a.tiff"
    tifffile.imwrite(slide, np.zeros((16, 16, 3), np.uint8))
    with pytest.raises(SystemExit) as leaving:
        cli.main(["triage", str(slide), "-o", str(tmp_path / "out"), *arguments])
    assert leaving.value.code
    assert asked == [threads]
