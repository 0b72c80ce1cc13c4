"""Tools for the measurements: as little Python as there can be, so that what is measured is the way to it."""

from snakebridge import BaseAdapter, tool


class BenchAdapter(BaseAdapter):
    """The cheapest tools that do something."""

    @tool
    def add(self, a: float, b: float) -> float:
        """Add two numbers."""
        return a + b
