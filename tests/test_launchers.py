"""The launchers of the documentation, as far as they can be checked without a cluster."""

import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from typer.testing import CliRunner

from unmissed.cli.app import app

HOW_TO = Path(__file__).parents[1] / "docs" / "how-to"


def block(page: str, language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", (HOW_TO / page).read_text("utf-8"), re.S)
    assert found
    return found[1]


def part(required: str, **properties: Any) -> dict[str, Any]:
    """The schema of an object with these properties and no others."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": required.split(),
        "properties": properties,
    }


def some(items: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "minItems": 1, "items": items}


def open_part(required: str) -> dict[str, Any]:
    return {"type": "object", "required": required.split()}


TEXT, NUMBER, COUNT = {"type": "string"}, {"type": "integer"}, {"type": "integer", "minimum": 0}
TEXTS = {"type": "object", "additionalProperties": TEXT}  # KubeRay refuses numbers and booleans as start parameters
# Of the custom resource ray.io/v1 (KubeRay 1.4): what the manifest uses, and nothing else, so that a wrong name fails.
CONTAINER = part(
    "name image resources volumeMounts",
    name=TEXT,
    image={"const": "IMAGE"},
    env=some(part("name value", name=TEXT, value=TEXT)),
    resources=part("requests limits", requests=TEXTS, limits=TEXTS),
    volumeMounts={"type": "array", "items": open_part("name mountPath")},
)
PODS = part(
    "containers volumes",
    containers=some(CONTAINER),
    volumes={"type": "array", "items": open_part("name")},
    terminationGracePeriodSeconds=NUMBER,
)
GROUP = {"rayStartParams": TEXTS, "template": part("spec", spec=PODS)}
WORKERS = part(
    "groupName minReplicas maxReplicas rayStartParams template",
    groupName=TEXT,
    replicas=COUNT,
    minReplicas=COUNT,
    maxReplicas=COUNT,
    **GROUP,
)
CLUSTER = part(
    "headGroupSpec workerGroupSpecs",
    enableInTreeAutoscaling={"type": "boolean"},
    headGroupSpec=part("rayStartParams template", **GROUP),
    workerGroupSpecs=some(WORKERS),
)
JOB = part(
    "entrypoint rayClusterSpec",
    entrypoint=TEXT,
    shutdownAfterJobFinishes={"type": "boolean"},
    backoffLimit=NUMBER,
    rayClusterSpec=CLUSTER,
)
RAY_JOB = part(
    "apiVersion kind metadata spec",
    apiVersion={"const": "ray.io/v1"},
    kind={"const": "RayJob"},
    metadata=open_part("name"),
    spec=JOB,
)


def test_the_kubernetes_manifest_is_a_rayjob() -> None:
    manifest = yaml.safe_load(block("scale-kubernetes.md", "yaml"))
    jsonschema.validate(manifest, RAY_JOB)
    cluster = manifest["spec"]["rayClusterSpec"]
    templates = [cluster["headGroupSpec"], *cluster["workerGroupSpecs"]]
    for spec in (template["template"]["spec"] for template in templates):
        named = {volume["name"] for volume in spec["volumes"]}
        for container in spec["containers"]:
            assert container["resources"]["requests"] == container["resources"]["limits"]
            assert {mount["name"] for mount in container["volumeMounts"]} <= named


def test_the_slurm_script_is_a_script_that_slurm_reads() -> None:
    script = block("scale-slurm.md", "sh")
    if bash := shutil.which("bash"):
        assert subprocess.run([bash, "-n"], input=script, text=True, capture_output=True).returncode == 0
    options = re.findall(r"^#SBATCH (\S+)$", script, re.M)
    assert all(re.fullmatch(r"--[a-z-]+(=\S+)?", option) for option in options) and len(options) == 7


def test_ray_has_the_options_that_the_launchers_use() -> None:
    pytest.importorskip("ray", reason="needs the extra scale")
    from ray.scripts.scripts import cli

    known = {
        name: {text for option in command.params for text in option.opts} for name, command in cli.commands.items()
    }
    assert {"--address", "--min-nodes"} <= known["symmetric-run"]
    assert {"--head", "--port", "--address", "--disable-usage-stats", "--num-cpus"} <= known["start"]


@pytest.mark.parametrize("page", ["scale.md", "scale-slurm.md", "scale-kubernetes.md"])
def test_our_command_has_the_options_that_the_pages_use(page: str) -> None:
    text = (HOW_TO / page).read_text("utf-8")
    for verb in ("triage", "status", "train"):
        words = " ".join(re.findall(rf"unmissed {verb}([^\n`#]*)", text))
        wanted = set(re.findall(r"--[a-z-]+", words))
        assert wanted <= set(re.findall(r"--[a-z-]+", CliRunner().invoke(app, [verb, "--help"]).output))
