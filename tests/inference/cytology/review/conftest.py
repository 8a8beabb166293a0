"""The run that a desk opens."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # reviewed.py is there
sys.path.append(str(Path(__file__).parent))

from reviewed import reviewed_run

__all__ = ["reviewed_run"]
