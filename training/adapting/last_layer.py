"""The last layer of a classifier, fitted anew to few pictures and held near to what it was.

Multinomial logistic regression with a normal prior around the parent's layer (maximum a posteriori). Features are
scaled to unit spread first, so that one strength fits all; where a label means several classes, any of them is right.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize
from scipy.special import logsumexp
from threadpoolctl import threadpool_limits

from unmissed.training.adapting.graph import LastLayer
from unmissed.training.classifiers.targets import Targets, any_of_losses, temperature_of

STRENGTHS = (np.inf, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01, 0.003, 0.001)  # of the pull to the parent, from its layer as it is
_ITERATIONS = 200
_LEAST_SPREAD = 1e-6


@dataclass(frozen=True, eq=False)
class Chosen:
    """A strength that was chosen by cross-validation.

    Attributes:
        strength: of the pull; infinity keeps the parent's layer.
        temperature: that suits logits of pictures that the layer has not seen.
        losses: (N,), their negative log-likelihoods at that temperature, in nats.
    """

    strength: float
    temperature: float
    losses: np.ndarray

    @property
    def loss(self) -> float:
        """The mean over pictures."""
        return float(self.losses.mean())

    def is_clearly_better(self, other: "Chosen", groups: np.ndarray) -> bool:
        """Whether the loss is smaller than another's by more than the standard error of the difference.

        Args:
            other: of the same pictures.
            groups: (N,), pictures of a group are not independent.
        """
        less = other.losses - self.losses
        _, index = np.unique(groups, return_inverse=True)
        sums = np.bincount(index, less - less.mean())
        return bool(less.mean() > np.sqrt(np.sum(sums**2)) / len(less))


def fit_layer(features: np.ndarray, targets: Targets, parent: LastLayer, strength: float) -> LastLayer:
    """Fit weights and bias; the temperature is 1, for the parent's is taken into its layer first.

    That is the temperature which suits these pictures: a parent that is sure of what is wrong here would otherwise have
    to be pulled far before it is unsure.

    Args:
        features: float64 (N, F).
        targets: of the same pictures.
        parent: the layer that is the most likely one before any picture was seen.
        strength: of the pull, relative to the mean loss of a picture.
    """
    temperature = parent.temperature * temperature_of(parent.logits(features), targets)
    weights, bias = parent.weights / temperature, parent.bias / temperature
    if np.isinf(strength):
        return LastLayer(weights, bias, 1.0)
    mean, spread = features.mean(axis=0), np.maximum(features.std(axis=0), _LEAST_SPREAD)
    design = np.hstack([(features - mean) / spread, np.ones((len(features), 1))])
    start = np.hstack([weights * spread, (bias + weights @ mean)[:, None]])
    allowed = targets.log_allowed

    def loss(flat: np.ndarray) -> tuple[float, np.ndarray]:
        change = flat.reshape(start.shape)
        logits = design @ (start + change).T
        all_of, right = logsumexp(logits, axis=1), logsumexp(logits + allowed, axis=1)
        gap = np.exp(logits - all_of[:, None]) - np.exp(logits + allowed - right[:, None])
        slope = gap.T @ design / len(design) + strength * change
        return float(np.mean(all_of - right) + strength / 2 * np.sum(change**2)), slope.ravel()

    found = minimize(loss, np.zeros(start.size), jac=True, method="L-BFGS-B", options={"maxiter": _ITERATIONS})
    fitted = start + found.x.reshape(start.shape)
    own = fitted[:, :-1] / spread
    return LastLayer(own, fitted[:, -1] - own @ mean, 1.0)


def choose_strength(
    features: np.ndarray,
    targets: Targets,
    parent: LastLayer,
    folds: np.ndarray,
    strengths: Sequence[float] = STRENGTHS,
) -> Chosen:
    """The strength with the least loss on pictures of groups that a layer has not seen.

    Args:
        features, targets, parent: as ``fit_layer`` takes them.
        folds: (N,), the fold of each picture; a group is in one fold.
        strengths: to choose from.
    """
    with threadpool_limits(1, user_api="blas"):  # threads would wait twenty times as long as these products take
        tried = [_across(features, targets, parent, folds, strength) for strength in strengths]
    return min(tried, key=lambda one: one.loss)


def _across(features: np.ndarray, targets: Targets, parent: LastLayer, folds: np.ndarray, strength: float) -> Chosen:
    logits = np.empty((len(features), len(parent.bias)))
    for fold in np.unique(folds):
        apart = folds == fold
        seen = Targets(targets.codes[~apart], targets.allowed)
        logits[apart] = fit_layer(features[~apart], seen, parent, strength).logits(features[apart])
    temperature = temperature_of(logits, targets)
    return Chosen(strength, temperature, any_of_losses(logits / temperature, targets))
