"""The browser's tests find test_live_processes.py here."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))
