"""The rules of the architecture, held by tests: who may import whom, what stays light, what is installed."""

import ast
import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from draw_rooms import ROOMS, ROOT, arrows_of, module_names, name_of, package_of, sources

MAX_FILES = 16  # in one folder
CARDS = {f"unmissed.models.{name}" for name in ("cards", "familiarity", "known_answers", "known_pictures", "zoo")}

# room -> what it may import of ours, besides itself; a prefix allows what is below it.
ALLOWED = {
    "datasets": set(),
    "models": {"unmissed.datasets"},
    "training": {"unmissed.datasets", "unmissed.models"},
    "inference": {"unmissed.datasets"} | CARDS,
    "testing": {"unmissed.datasets", "unmissed.inference"} | CARDS,
    "benchmarks": {f"unmissed.{room}" for room in ("datasets", "models", "training", "inference", "testing")},
    "cli": {f"unmissed.{room}" for room in ROOMS if room != "testing"},
    "configs": {"unmissed.datasets"},
}
# Folder -> its parts from top to bottom: a part may import what stands below it, and nothing above.
LAYERS = {
    "": ("cli", "benchmarks", "testing", "inference", "training", "models", "datasets", "configs"),
    "training": (
        "sweeps",
        "cluster",
        "adapting",
        "renew",
        "export",
        "run",
        "classifiers heatmaps slide_scores",
        "exporting",
        "evaluation",
    ),
    "inference": (
        "api serving",
        "demo doctor",
        "study exchange deidentify",
        "cytology endoscopy",
        "pictures",
        "runtimes reports",
    ),
    "inference/cytology": (
        "follow mirror",
        "run",
        "pages screening certification review",
        "policy",
        "results",
        "values",
    ),
    "inference/endoscopy": ("watching", "page", "exam", "monitors", "frame", "motion", "protocol", "values"),
}
TORCH = {"torch", "torchvision", "timm", "accelerate", "safetensors"}
# benchmarks may compare with torch, but has to load it inside functions like everybody else.
LIGHT = tuple(
    f"models/{name}.py"
    for name in ("__init__", "card_parts", "cards", "familiarity", "known_answers", "known_pictures", "zoo")
)


def may_load_torch(path: Path) -> bool:
    """Models, training, and the files of the torch runtime, which carry its name."""
    name = name_of(path)
    if name.startswith("inference/runtimes/"):
        return "torch" in path.stem
    return name.startswith(("models/", "training/")) and name not in LIGHT


def is_typing_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def imports(source: str, package: str, *, at_load: bool) -> list[str]:
    """Modules that a file imports; with ``at_load`` only what runs when it is imported."""
    found = []
    waiting: list[ast.AST] = [ast.parse(source)]
    while waiting:
        node = waiting.pop()
        if at_load and (is_typing_only(node) or isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)):
            continue
        if isinstance(node, ast.stmt):
            found += module_names(node, package)
        waiting += ast.iter_child_nodes(node)
    return found


def is_below(module: str, prefix: str) -> bool:
    return module == prefix or module.startswith(prefix + ".")


def forbidden(room: str, modules: list[str]) -> list[str]:
    allowed = ALLOWED[room] | {f"unmissed.{room}"}
    return [m for m in modules if is_below(m, "unmissed") and not any(is_below(m, prefix) for prefix in allowed)]


def test_the_import_reader_sees_every_form() -> None:
    source = "import torch.nn\nfrom .. import models\nfrom ..training.loop import fit\ndef f():\n    import timm\n"
    assert sorted(imports(source, "unmissed.inference.reports", at_load=False)) == [
        "timm",
        "torch.nn",
        "unmissed.inference.models",
        "unmissed.inference.training.loop.fit",
    ]
    assert "timm" not in imports(source, "unmissed.inference", at_load=True)
    assert forbidden("inference", imports(source, "unmissed.inference", at_load=True)) == [
        "unmissed.training.loop.fit",
        "unmissed.models",
    ]
    assert forbidden("inference", ["unmissed.models.cards.Card", "unmissed.datasets.basis.files.x", "numpy"]) == []


@pytest.mark.parametrize("room", ROOMS)
def test_imports_only_run_downwards(room: str) -> None:
    wrong = {
        name_of(path): bad
        for path in sources(room)
        if (bad := forbidden(room, imports(path.read_text("utf-8"), package_of(path), at_load=False)))
    }
    assert wrong == {}


@pytest.mark.parametrize("folder", LAYERS)
def test_inside_a_room_imports_run_downwards_too(folder: str) -> None:
    level = {part: number for number, parts in enumerate(LAYERS[folder]) for part in parts.split()}
    arrows = arrows_of(folder)
    assert set(level) <= {part for arrow in arrows for part in arrow} | {"configs"}
    upwards = {(a, b) for a, b in arrows if a in level and b in level and level[a] >= level[b]}
    assert upwards == set()


@pytest.mark.parametrize("folder", sorted({name_of(path.parent) for path in sources(*ROOMS)}))
def test_folders_are_small_and_have_no_circles(folder: str) -> None:
    assert len(list((ROOT / folder).glob("*.py"))) <= MAX_FILES
    waiting = arrows_of(folder)
    while waiting:  # what imports nothing that is left can go
        free = {b for _, b in waiting} - {a for a, _ in waiting}
        assert free, f"a circle among {sorted(waiting)}"
        waiting = {(a, b) for a, b in waiting if b not in free}


def test_the_drawings_in_the_documentation_are_those_of_the_imports() -> None:
    run = subprocess.run([sys.executable, ROOT / "docs" / "draw_rooms.py", "--check"], capture_output=True, text=True)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize("room", ROOMS)
def test_rooms_are_imported_by_their_full_name(room: str) -> None:
    """`import datasets` would find a stranger's package, or ours twice under two names."""
    wrong = {
        name_of(path): bad
        for path in sources(room)
        if (
            bad := [
                module
                for module in imports(path.read_text("utf-8"), package_of(path), at_load=False)
                if module.split(".")[0] in ROOMS
            ]
        )
    }
    assert wrong == {}


def test_torch_is_loaded_only_where_it_is_allowed() -> None:
    wrong = {}
    for path in sources(*ROOMS):
        if may_load_torch(path):
            continue
        loaded = imports(path.read_text("utf-8"), package_of(path), at_load=True)
        if bad := [module for module in loaded if module.split(".")[0] in TORCH]:
            wrong[name_of(path)] = bad
    assert wrong == {}


def test_a_workstation_without_torch_imports_everything_it_needs(tmp_path: Path) -> None:
    """Every module of these rooms, one after the other, where the packages of the extra cannot be imported."""
    blocked = TORCH | {
        "albumentations",
        "psutil",
        "sklearn",
        "scipy",
        "threadpoolctl",
        "matplotlib",
        "onnx",
        "onnxscript",
    }
    modules = [
        ".".join((package_of(path), path.stem)).removesuffix(".__init__")
        for path in sources("datasets", "inference", "cli")
        if not may_load_torch(path)
    ]
    code = (
        "import importlib, json, sys\n"
        "blocked, modules = json.loads(sys.argv[1])\n"
        "sys.modules.update(dict.fromkeys(blocked))\n"  # None in sys.modules makes the import fail
        "[importlib.import_module(name) for name in modules]\n"
    )
    words = json.dumps([sorted(blocked), [*modules, *sorted(CARDS)]])
    run = subprocess.run([sys.executable, "-c", code, words], cwd=tmp_path, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


def test_every_room_is_packaged() -> None:
    """A folder with code that pyproject.toml does not name is missing from the installation."""
    not_shipped = {f"unmissed.benchmarks.{name}" for name in ("gauges", "peers", "peers.runners", "processors")}
    not_shipped |= {package_of(path) for path in sources("benchmarks/hostile", "benchmarks/studies")}
    packages = set(tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["setuptools"]["packages"])
    assert {package_of(path) for path in sources(*ROOMS)} - packages == not_shipped


def test_our_folder_is_not_found_as_datasets(tmp_path: Path) -> None:
    """Neither by the installed command nor by pytest, even when they start in the root of the checkout."""
    assert str(ROOT) not in sys.path
    script = tmp_path / "probe.py"
    script.write_text(
        "import importlib.util, json, unmissed.datasets.basis.files as ours\n"
        "found = importlib.util.find_spec('datasets')\n"
        "print(json.dumps([found and found.origin, ours.__file__]))\n"
    )
    output = subprocess.run([sys.executable, script], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    theirs, ours = json.loads(output)
    assert theirs is None or not Path(theirs).is_relative_to(ROOT / "datasets")
    assert ours.endswith("files.py")


@pytest.mark.parametrize("words", [["--help"], ["--version"], ["models", "--help"], ["predict", "--help"]])
def test_help_loads_nothing_heavy(words: list[str], tmp_path: Path) -> None:
    code = (
        "import sys\nfrom unmissed.cli.app import main\n"
        "try:\n    main(sys.argv[1:])\n"
        "except SystemExit as leaving:\n"
        "    print('CODE', leaving.code)\n"
        "    print('LOADED', *sorted({name.split('.')[0] for name in sys.modules}))\n"
    )
    run = subprocess.run([sys.executable, "-c", code, *words], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert "CODE 0" in run.stdout, run.stderr
    loaded = set(run.stdout.rsplit("LOADED", 1)[1].split())
    heavy = {"torch", "numpy", "cv2", "PIL", "onnxruntime", "jinja2", "rich"}
    if words[0].startswith("-"):
        heavy.add("pydantic")  # typer itself reads the words of a verb with it
    assert loaded & heavy == set()


def test_base_installation_has_no_torch() -> None:
    """Neither named in pyproject.toml nor brought along by what is named there."""
    from importlib.metadata import PackageNotFoundError, requires

    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    waiting, seen = [Requirement(text).name.lower() for text in project["dependencies"]], set()
    while waiting:
        name = waiting.pop()
        if name in seen:
            continue
        seen.add(name)
        try:
            needed = [Requirement(text) for text in requires(name) or []]
        except PackageNotFoundError:  # a dependency for another platform
            continue
        waiting += [r.name.lower() for r in needed if r.marker is None or r.marker.evaluate({"extra": ""})]
    assert "numpy" in seen
    assert seen & TORCH == set()


def test_every_shipped_card_is_valid_and_fits_its_files() -> None:
    from unmissed.models import zoo
    from unmissed.models.cards import load_card

    for name in zoo.names():
        card = load_card(zoo.find_card(name))
        assert card.name == name
        for variant in card.files:
            assert zoo.resolve(name, variant).path.is_file()
