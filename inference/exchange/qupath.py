"""A QuPath project over the slides of a run, with the findings and a script of one click that brings them in.

QuPath keeps objects in files of its own (serialised Java), which no other program should write; what the project holds
here is what QuPath itself writes into ``project.qpproj`` for a slide that was added and never opened.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unmissed.datasets.basis.files import json_line, json_text, make_folder, write_text
from unmissed.datasets.basis.names import folder_name
from unmissed.inference.cytology.results.geojson import feature_collection
from unmissed.inference.exchange.identity import uuid_of
from unmissed.inference.exchange.report import SlideReport

_VERSION = "0.5.1"  # the first lines of the format are the same since 0.2
_SCRIPT = """\
// Bring in the findings of Unmissed: Run > Run for project, all images. What is there already is replaced.
import qupath.lib.io.PathIO
def files = new groovy.json.JsonSlurper().parse(new File(buildFilePath(PROJECT_BASE_DIR, "findings", "files.json")))
def name = files[getProjectEntry().getImageName()]
if (name == null) { println "no findings for this image"; return }
def old = getAllObjects(false).findAll { it.isLocked() && it.getMeasurementList().containsKey("finder score") }
removeObjects(old, false)
def file = new File(buildFilePath(PROJECT_BASE_DIR, "findings", name))
def found = file.withInputStream { PathIO.readObjectsFromGeoJSON(it) }
addObjects(found)
println "${found.size()} findings"
"""


def write_project(folder: Path, reports: Sequence[SlideReport]) -> None:
    """Write ``project.qpproj``, the findings as GeoJSON and the script.

    Raises:
        OutputError: When a file cannot be written.
    """
    made = max((int(report.made.timestamp() * 1000) for report in reports), default=0)
    names = {report.result.slide: f"{folder_name(report.result.slide)}.geojson" for report in reports}
    for report in reports:
        boxes = feature_collection(report.result.findings)
        write_text(make_folder(folder / "findings") / names[report.result.slide], f"{json_line(boxes)}\n")
    write_text(folder / "findings" / "files.json", json_text(names) + "\n")
    write_text(folder / "scripts" / "import-findings.groovy", _SCRIPT)
    project = {
        "version": _VERSION,
        "createTimestamp": made,
        "modifyTimestamp": made,
        "uri": (folder / "project.qpproj").absolute().as_uri(),
        "lastID": len(reports),
        "images": [_image(number, report) for number, report in enumerate(reports, 1)],
    }
    write_text(folder / "project.qpproj", json.dumps(project, indent=2) + "\n")


def _image(number: int, report: SlideReport) -> dict[str, Any]:
    return {
        "serverBuilder": {
            "builderType": "uri",
            "providerClassName": "qupath.lib.images.servers.openslide.OpenslideServerBuilder",
            "uri": Path(report.result.path).absolute().as_uri(),
            "args": [],
        },
        "entryID": number,
        "randomizedName": uuid_of(report.digest, "qupath"),
        "imageName": report.result.slide,
        "metadata": {"grade": report.grade, "score": f"{report.result.score:.6f}"},
    }
