"""Which file of a model a runtime should run."""

from pathlib import Path

from unmissed.inference.runtimes.registry import select
from unmissed.models.zoo import ModelFile, resolve


def resolve_for(runtime: str, model: str, variant: str = "auto") -> ModelFile:
    """Find a model, check its file, and choose the variant that suits the runtime.

    Parameters
    ----------
    runtime : name of the runtime.
    model, variant : as ``zoo.resolve`` takes them. With "auto" the card's default is taken, but an fp32 file in its
        place where the runtime does not compute with integers: there, each int8 operator is several of float. A file
        that is named itself is taken as it is.

    Raises
    ------
    ModelError, RuntimeUnavailableError
        When the model, the variant or the runtime is not there, or the file is not the one of the card.
    """
    found = resolve(model, variant)
    files = found.card.files
    is_free = variant == "auto" and Path(model).suffix != ".onnx"
    if not is_free or files[found.variant].precision == "fp32" or select(runtime).fast_int8:
        return found
    full = next((name for name, spec in files.items() if spec.precision == "fp32"), None)
    return found if full is None else resolve(model, full)
