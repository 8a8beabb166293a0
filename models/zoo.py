"""Find a model by name or path and check it against its card before anything runs."""

from dataclasses import dataclass
from pathlib import Path

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import sha256_of
from unmissed.datasets.basis.words import unknown_name
from unmissed.models.cards import Card, load_card

ZOO = Path(__file__).parent / "zoo"


@dataclass(frozen=True, slots=True)
class ModelFile:
    """A model that was found: its card, the variant chosen and the ONNX file (hash checked)."""

    card: Card
    variant: str
    path: Path


def names() -> list[str]:
    """Names of the shipped models."""
    return sorted(path.stem for path in ZOO.glob("*.json"))


def find_card(model: str) -> Path:
    """Path of the card of a shipped model, a ``.onnx`` or ``.json`` file, or a folder that holds one export.

    Raises:
        ModelError: When nothing fits; the message lists the closest names.
    """
    if model in names():
        return ZOO / f"{model}.json"
    path = Path(model)
    if path.is_dir():
        return _card_in_folder(path)
    if path.suffix == ".json" and path.is_file():
        return path
    if path.suffix == ".onnx" and path.is_file():
        return _card_of_file(path)
    more = "a .onnx file with its card, or the folder of an export"
    raise unknown_name(
        ModelError, "model", model, names(), more=more, otherwise="or export a run with `unmissed export`"
    )


def resolve(model: str, variant: str = "auto") -> ModelFile:
    """Find a model and check the hash of the file that will run.

    Args:
        model: name of a shipped model, or a path (see ``find_card``).
        variant: a key of the card's files; "auto" takes the card's default, or the very file when one was named.

    Raises:
        ModelError: When the model or variant is missing, or the file differs from the one the card describes.
    """
    card_path = find_card(model)
    card = load_card(card_path)
    if variant == "auto":
        named = {spec.file: key for key, spec in card.files.items()}
        if Path(model).suffix == ".onnx" and Path(model).name not in named:
            raise ModelError(
                f"{card_path} does not describe {Path(model).name}",
                expected=f"one of {', '.join(named)}",
                fix="name one of these files, or export the model again",
            )
        variant = named.get(Path(model).name, card.default_variant)
    return checked(card, card_path.parent, variant)


def checked(card: Card, folder: Path, variant: str) -> ModelFile:
    """A variant of a card that was read, the hash of its file in ``folder`` checked; errors as of ``resolve``."""
    if variant not in card.files:
        raise ModelError(
            f"{card.name} has no variant {variant!r}", expected=f"one of {', '.join(card.files)}", fix="choose another"
        )
    spec = card.files[variant]
    path = folder / spec.file
    if not path.is_file():
        raise ModelError(f"{path} is missing", expected="the model file beside its card", fix="copy or export it again")
    found = sha256_of(path)
    if found != spec.sha256:
        raise ModelError(
            f"{path} is not the file that its card describes: sha256 {found[:12]}...",
            expected=f"{spec.sha256[:12]}...",
            fix="fetch or export the model again; do not use this file",
        )
    return ModelFile(card, variant, path)


def _card_in_folder(folder: Path) -> Path:
    candidates = [path for path in (folder, folder / "export") if path.is_dir()]
    cards = [
        card for place in candidates for card in sorted(place.glob("*.json")) if list(place.glob(f"{card.stem}*.onnx"))
    ]
    if len(cards) != 1:
        raise ModelError(
            f"{len(cards)} model cards in {folder}",
            expected="a folder with exactly one NAME.json and its NAME.onnx",
            fix="name the .onnx file, or export the run first with `unmissed export`",
        )
    return cards[0]


def _card_of_file(path: Path) -> Path:
    for card in sorted(path.parent.glob("*.json")):
        if path.name == f"{card.stem}.onnx" or path.name.startswith(f"{card.stem}."):
            return card
    raise ModelError(
        f"{path} has no card", expected=f"{path.stem}.json beside it", fix="export the model with `unmissed export`"
    )
