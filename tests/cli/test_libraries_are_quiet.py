"""What libraries say to developers is not on the screen of a user, unless --debug asks for it."""

import subprocess
import sys

import pytest

CODE = """
import logging, warnings
from unmissed.cli import app
app._root(debug={debug}, version=False)
warnings.warn("Glyph 1 missing from font")
logging.getLogger("timm.scheduler").warning("will have no effect")
logging.getLogger("unmissed.datasets").warning("our own words")
"""


@pytest.mark.parametrize("debug", [False, True])
def test_warnings_of_libraries(debug):
    done = subprocess.run([sys.executable, "-c", CODE.format(debug=debug)], capture_output=True, text=True, check=True)
    assert "our own words" in done.stderr
    for words in ("Glyph 1", "no effect"):
        assert (words in done.stderr) == debug
