"""A result page as PDF, printed by a Chromium that is installed."""

import os
import re
import shutil
import subprocess
import tempfile
from datetime import datetime
from pathlib import Path

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "msedge")
_LIMIT_S = 60
_DATES = re.compile(rb"(/(?:CreationDate|ModDate) \(D:)\d{14}")


def print_page(page: Path, made: datetime) -> bytes | str:
    """Print a page of ours; it needs no network and gets none.

    Args:
        page: HTML file.
        made: date of the PDF, so that the same page gives the same file.

    Returns:
        The PDF; or why there is none, in words.
    """
    browser = next((found for name in _BROWSERS if (found := shutil.which(name))), None)
    if not page.is_file():
        return f"{page.name} is not there"
    if browser is None:
        return "neither Chromium nor Chrome is installed"
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "page.pdf"
        as_root = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        words = [
            *(browser, "--headless", *as_root, "--disable-gpu", f"--user-data-dir={folder}/profile"),
            *("--proxy-server=127.0.0.1:9", "--no-pdf-header-footer", f"--print-to-pdf={target}"),
        ]
        try:
            run = subprocess.run([*words, page.absolute().as_uri()], capture_output=True, timeout=_LIMIT_S)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired):
            run = None
        if run is None or not target.is_file():
            return f"{Path(browser).name} did not print it"
        return _DATES.sub(rb"\g<1>" + made.strftime("%Y%m%d%H%M%S").encode(), target.read_bytes())
