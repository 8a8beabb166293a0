"""Share of the true abnormal nuclei of made slides that a triage put before its judge, and how it called them."""

import argparse
import csv
import json
from collections import Counter
from pathlib import Path

import numpy as np

MATCH_UM = 15.0


def main() -> None:
    """Compare a triage folder with the truth that `unmissed data make-slides` wrote beside each slide."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("triage", type=Path, help="output folder of `unmissed triage` on made slides")
    arguments = parser.parse_args()
    found: Counter[str] = Counter()
    called: Counter[str] = Counter()
    there: Counter[str] = Counter()
    for result in sorted((arguments.triage / "slides").glob("*/result.json")):
        stored = json.loads(result.read_text("utf-8"))
        truth = Path(stored["path"]).with_suffix(".geojson")
        nuclei = [
            (feature["properties"]["classification"]["name"], feature["geometry"]["coordinates"])
            for feature in json.loads(truth.read_text("utf-8"))["features"]
            if feature["geometry"]["type"] == "Point"
        ]
        with (result.parent / "findings.csv").open(encoding="utf-8", newline="") as stream:
            rows = list(csv.DictReader(stream))
        places = np.array([(float(row["x_px"]), float(row["y_px"])) for row in rows]).reshape(-1, 2)
        abnormal = np.array([row["class"] != "NILM" for row in rows], dtype=bool)
        reach = MATCH_UM / stored["pixel_size"]["um_per_px"]
        for label, place in nuclei:
            if label == "NILM":
                continue
            near = np.hypot(*(places - place).T) <= reach
            there[label] += 1
            found[label] += bool(near.any())
            called[label] += bool((near & abnormal).any())
    total = sum(there.values())
    for label, number in [("all", total), *sorted(there.items())]:
        judged, seen = ((sum(part.values()) if label == "all" else part[label]) / number for part in (found, called))
        print(f"{label}: {number}, judged {judged:.3f}, called abnormal {seen:.3f}")


if __name__ == "__main__":
    main()
