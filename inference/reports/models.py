"""The models of a run in words."""

from collections.abc import Mapping


def models_in_words(models: object) -> dict[str, str]:
    """Role -> name, version, variant and the first digits of the hash, of the models that a provenance names."""
    if not isinstance(models, Mapping):
        return {}
    return {
        str(role): " ".join(
            [*(str(model[key]) for key in ("name", "version", "variant") if model.get(key)), str(model["sha256"])[:12]]
        )
        for role, model in models.items()
        if isinstance(model, Mapping) and "sha256" in model
    }
