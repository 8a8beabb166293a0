"""The figures of a whole run: slides per disposition, and speed."""

from collections import Counter
from collections.abc import Sequence
from statistics import median
from typing import Any

from unmissed.datasets.basis.names import readable
from unmissed.inference.cytology.results.worklist import TriageRun, WorklistRow, in_order

EXCLUDED = "no_further_review"


def summarise(rows: Sequence[WorklistRow], run: TriageRun) -> dict[str, Any]:
    """Count dispositions, verdicts and times: the content of ``summary.json``.

    ``exclusion_share`` is the share of all slides, failed ones included, that need no further review; None without
    slides. ``slides_per_h`` is over the wall time of the run, so workers side by side count.
    """
    failed = [row for row in in_order(rows) if row.error]
    done = [row for row in rows if not row.error]
    excluded = sum(row.disposition == EXCLUDED for row in rows)
    return {
        "note": run.note or None,
        "slides": len(rows),
        "failed": len(failed),
        "dispositions": dict(sorted(Counter(row.disposition for row in rows).items())),
        "excluded": excluded,
        "exclusion_share": round(excluded / len(rows), 6) if rows else None,
        "operating_point": run.operating_point or None,
        "no_certificate": run.no_certificate or None,
        "drift": [
            {"measure": one.measure, "slides": one.slides, "state": one.state}
            | {"distance": round(one.distance, 4), "psi": round(one.psi, 4)}
            for one in run.drift
        ],
        "adequacy": dict(sorted(Counter(row.adequacy for row in rows if row.adequacy).items())),
        "seconds": round(run.seconds, 3),
        "seconds_per_slide_median": round(median(row.seconds for row in done), 3) if done else None,
        "slides_per_h": round(3600 * len(rows) / run.seconds, 1) if run.seconds > 0 else None,
        "failures": [
            {"slide": readable(row.slide), "disposition": row.disposition, "error": readable(row.error)}
            for row in failed
        ],
    }
