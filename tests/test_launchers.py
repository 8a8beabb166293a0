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


TEXTS = {"type": "object", "additionalProperties": {"type": "string"}}
# Of the custom resource ray.io/v1 (KubeRay 1.4): what the manifest uses, and nothing else, so that a wrong name fails.
CONTAINER = {
    "type": "object",
    "required": ["name", "image", "resources", "volumeMounts"],
    "additionalProperties": False,
    "properties": {
        "name": {"type": "string"},
        "image": {"const": "IMAGE"},
        "env": {"type": "array", "items": TEXTS | {"required": ["name", "value"]}},
        "resources": {
            "type": "object",
            "additionalProperties": False,
            "required": ["requests", "limits"],
            "properties": {"requests": TEXTS, "limits": TEXTS},
        },
        "volumeMounts": {"type": "array", "items": {"type": "object", "required": ["name", "mountPath"]}},
    },
}
TEMPLATE = {
    "type": "object",
    "additionalProperties": False,
    "required": ["spec"],
    "properties": {
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["containers", "volumes"],
            "properties": {
                "containers": {"type": "array", "minItems": 1, "items": CONTAINER},
                "volumes": {"type": "array", "items": {"type": "object", "required": ["name"]}},
                "terminationGracePeriodSeconds": {"type": "integer"},
            },
        }
    },
}
START = TEXTS  # KubeRay refuses numbers and booleans here
GROUP = {
    "type": "object",
    "additionalProperties": False,
    "required": ["groupName", "minReplicas", "maxReplicas", "rayStartParams", "template"],
    "properties": {
        "groupName": {"type": "string"},
        **{name: {"type": "integer", "minimum": 0} for name in ("replicas", "minReplicas", "maxReplicas")},
        "rayStartParams": START,
        "template": TEMPLATE,
    },
}
RAY_JOB: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["apiVersion", "kind", "metadata", "spec"],
    "properties": {
        "apiVersion": {"const": "ray.io/v1"},
        "kind": {"const": "RayJob"},
        "metadata": {"type": "object", "required": ["name"]},
        "spec": {
            "type": "object",
            "additionalProperties": False,
            "required": ["entrypoint", "rayClusterSpec"],
            "properties": {
                "entrypoint": {"type": "string"},
                "shutdownAfterJobFinishes": {"type": "boolean"},
                "backoffLimit": {"type": "integer"},
                "rayClusterSpec": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["headGroupSpec", "workerGroupSpecs"],
                    "properties": {
                        "enableInTreeAutoscaling": {"type": "boolean"},
                        "headGroupSpec": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["rayStartParams", "template"],
                            "properties": {"rayStartParams": START, "template": TEMPLATE},
                        },
                        "workerGroupSpecs": {"type": "array", "minItems": 1, "items": GROUP},
                    },
                },
            },
        },
    },
}


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
