"""The Python side of the example `batching`: the nearest of many vectors, for one query and for many at once.

With numpy a run of many is one product of matrices; without it the example does the same in plain Python.
"""

import random
from typing import Any

from snakebridge import BaseAdapter, Batch, tool

DIMENSIONS, KNOWN = 16, 512


def matrix_of(columns: list[list[float]]) -> Any:
    """Make a matrix of numpy, or None without it: the example works as well, and takes longer."""
    try:
        import numpy
    except ImportError:
        return None
    return numpy.array(columns).T


class VectorAdapter(BaseAdapter):
    """Knows some vectors, and finds the one that a query is most like."""

    def __init__(self) -> None:
        super().__init__()
        chance = random.Random(7)
        self.known = [[chance.gauss(0, 1) for _ in range(DIMENSIONS)] for _ in range(KNOWN)]
        self.matrix = matrix_of(self.known)

    @tool(batch=Batch(max_size=32, max_wait_ms=5), idempotent=True)
    def nearest(self, query: list[list[float]]) -> list[int | ValueError]:
        """Tell which of the known vectors a query is most like."""
        fitting = [one for one in query if len(one) == DIMENSIONS]  # who asks for nonsense is told alone
        found = iter(self.search(fitting) if fitting else [])
        return [
            next(found)
            if len(one) == DIMENSIONS
            else ValueError(f"{len(one)} dimensions, expected {DIMENSIONS}")
            for one in query
        ]

    @tool(idempotent=True)
    def nearest_alone(self, query: list[float]) -> int:
        """Do the same for one query."""
        return self.search([query])[0]

    def search(self, queries: list[list[float]]) -> list[int]:
        """Find the nearest for each query."""
        if self.matrix is not None:
            nearest: list[int] = (queries @ self.matrix).argmax(axis=1).tolist()
            return nearest
        return [max(range(KNOWN), key=lambda place: self.likeness(query, place)) for query in queries]

    def likeness(self, query: list[float], place: int) -> float:
        """Tell how much a query is like the vector at a place."""
        return sum(left * right for left, right in zip(query, self.known[place], strict=True))
