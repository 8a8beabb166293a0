"""Logistic regression that can only rise with what is found."""

from dataclasses import dataclass

import numpy as np
from scipy.optimize import minimize

FREE = ("area_mm2",)  # more area is no sign of disease: its weight may have either sign


@dataclass(frozen=True)
class LinearScore:
    """score = sigmoid(((features - mean) / scale) . weights + bias).

    Attributes:
        mean, scale, weights: float64 (F,).
        bias: a number.
    """

    mean: np.ndarray
    scale: np.ndarray
    weights: np.ndarray
    bias: float

    def predict(self, values: np.ndarray) -> np.ndarray:
        """Scores (N,) of features (N, F)."""
        logits = ((values - self.mean) / self.scale) @ self.weights + self.bias
        scores: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        return scores


def fit(values: np.ndarray, labels: np.ndarray, features: tuple[str, ...], l2: float) -> LinearScore:
    """Fit the weights; both classes weigh the same, whatever their numbers.

    Weights are not negative, so that a slide never looks better for a finding more; features that are strongly
    correlated then do not cancel each other with large weights of opposite sign either.

    Args:
        values: float64 (N, F).
        labels: bool (N,), abnormal.
        l2: penalty on the squared weights, relative to a mean loss over ``len(labels)`` slides.
    """
    mean, scale = values.mean(axis=0), values.std(axis=0)
    scale = np.where(scale > 1e-6, scale, 1.0)
    table = (values - mean) / scale
    sign = np.where(labels, 1.0, -1.0)
    share = np.where(labels, 0.5 / labels.mean(), 0.5 / (1 - labels.mean())) / len(labels)

    def loss(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        weights, bias = parameters[:-1], parameters[-1]
        margins = sign * (table @ weights + bias)
        value = share @ np.logaddexp(0, -margins) + l2 / len(labels) * weights @ weights
        slope = -share * sign / (1 + np.exp(np.clip(margins, -60, 60)))
        return value, np.append(table.T @ slope + 2 * l2 / len(labels) * weights, slope.sum())

    bounds = [(None, None) if name in FREE else (0, None) for name in features] + [(None, None)]
    found = minimize(loss, np.zeros(len(features) + 1), jac=True, method="L-BFGS-B", bounds=bounds)
    return LinearScore(mean, scale, found.x[:-1], float(found.x[-1]))
