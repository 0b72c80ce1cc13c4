"""Tools for the measurements: as little Python as there can be, so that what is measured is the way to it."""

from snakebridge import BaseAdapter, tool


class BenchAdapter(BaseAdapter):
    """The cheapest tools that do something."""

    def __init__(self) -> None:
        self._blob = b""

    @tool
    def add(self, a: float, b: float) -> float:
        """Add two numbers."""
        return a + b

    @tool
    def size(self, data: bytes) -> int:
        """Say how long `data` is."""
        return len(data)

    @tool
    def blob(self, size: int) -> bytes:
        """Give so many bytes, made once."""
        if len(self._blob) != size:
            self._blob = bytes(size)
        return self._blob
