"""A small piece of machine learning, with nothing but the standard library.

The model is Rust's: training returns it, and predicting takes it. So it outlives the worker that made it.
"""

import math
import statistics
from collections.abc import Iterator

import msgspec

from snakebridge import tool


class Model(msgspec.Struct):
    """The centre of each class, in units of each feature's spread."""

    centres: dict[str, list[float]]
    means: list[float]
    spreads: list[float]


class Epoch(msgspec.Struct):
    """How far the training is."""

    fold: int
    of: int
    accuracy: float


class Learning:
    """A classifier by the nearest centre."""

    @tool
    def train(self, features: list[list[float]], labels: list[str]) -> Model:
        """Find the centres of the classes."""
        if len(features) != len(labels) or not features:
            raise ValueError(f"{len(features)} rows of features for {len(labels)} labels")
        columns = list(zip(*features, strict=True))
        means = [statistics.fmean(column) for column in columns]
        spreads = [statistics.pstdev(column) or 1.0 for column in columns]
        scaled = [_scaled(row, means, spreads) for row in features]
        centres = {}
        for label in sorted(set(labels)):
            members = [row for row, other in zip(scaled, labels, strict=True) if other == label]
            centres[label] = [statistics.fmean(column) for column in zip(*members, strict=True)]
        return Model(centres=centres, means=means, spreads=spreads)

    @tool
    def predict(self, model: Model, features: list[list[float]]) -> list[str]:
        """Say of each row to which class it belongs."""
        scaled = (_scaled(row, model.means, model.spreads) for row in features)
        return [min(model.centres, key=lambda label: math.dist(row, model.centres[label])) for row in scaled]

    @tool
    def validate(self, features: list[list[float]], labels: list[str], folds: int = 5) -> Iterator[Epoch]:
        """Train on all but a part and try that part, for each part; tell how each went."""
        for fold in range(folds):
            kept = [index for index in range(len(labels)) if index % folds != fold]
            tried = [index for index in range(len(labels)) if index % folds == fold]
            model = self.train([features[index] for index in kept], [labels[index] for index in kept])
            said = self.predict(model, [features[index] for index in tried])
            right = sum(guess == labels[index] for guess, index in zip(said, tried, strict=True))
            yield Epoch(fold=fold + 1, of=folds, accuracy=right / len(tried))


def _scaled(row: list[float], means: list[float], spreads: list[float]) -> list[float]:
    return [(value - mean) / spread for value, mean, spread in zip(row, means, spreads, strict=True)]
