"""For tests: what a runtime and a slide reader must pass, a screener without models. Needs `unmissed[testing]`."""

import sys

# Where pytest runs, a failing contract shows its values; the screener is used without pytest too.
if "pytest" in sys.modules:
    sys.modules["pytest"].register_assert_rewrite("unmissed.testing.readers", "unmissed.testing.runtimes")
