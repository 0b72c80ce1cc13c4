"""Tools for values that travel as extensions, in every position that a value may have."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import numpy
from numpy.typing import NDArray

from snakebridge import BaseAdapter, tool

WHEN = datetime(2024, 2, 29, 12, 30, 0, 500, UTC)
MATRIX = numpy.array([[1.0, 2.0], [3.0, 4.0]])


@dataclass
class Sample:
    """One of each."""

    when: datetime
    count: int
    impedance: complex
    values: NDArray[numpy.float64]
    anything: Any = None


class ExtendedAdapter(BaseAdapter):
    """Takes them, gives them back, and says what it has taken."""

    @tool
    def echo(self, value: Any) -> Any:
        """Return what came."""
        return value

    @tool
    def kind(self, value: Any) -> str:
        """Say of which type the value is."""
        return f"{type(value).__module__}.{type(value).__qualname__}"

    @tool
    def text(self, value: Any) -> str:
        """Say what came, in Python's words."""
        return repr(value)

    @tool(validate="full")
    def sample(self, sample: Sample) -> Sample:
        """Take and give one of each, as they are declared."""
        return sample

    @tool
    def later(self, when: datetime = WHEN, seconds: float = 0.0) -> datetime:
        """Add seconds to a moment."""
        return datetime.fromtimestamp(when.timestamp() + seconds, UTC)

    @tool
    def power(self, base: int, exponent: int = 100) -> int:
        """Give an integer of any size."""
        return int(base**exponent)

    @tool
    def conjugate(self, value: complex = 1 - 2j) -> complex:
        """Turn the sign of the imaginary part."""
        return value.conjugate()

    @tool
    def double(self, values: NDArray[numpy.float64] = MATRIX) -> NDArray[numpy.float64]:
        """Double an array, in place, which a tool may do with its argument."""
        if values is MATRIX:
            return values * 2
        values *= 2
        return values

    @tool
    def total(self, values: list[list[float]]) -> float:
        """Add lists of floats, as which an array comes as well."""
        return sum(map(sum, values))

    @tool
    def zeros(self, shape: list[int], dtype: str, order: Literal["C", "F"] = "C") -> Any:
        """Give an array of zeros."""
        return numpy.zeros(shape, numpy.dtype(dtype), order)

    @tool
    def records(self) -> Any:
        """Give an array of records."""
        return {"rows": [numpy.zeros(1, "f8,i4")]}

    @tool
    def each(self, values: Iterator[Any]) -> Iterator[Any]:
        """Yield what comes."""
        yield from values

    @tool
    def ask(self, name: str, value: Any) -> Any:
        """Ask a tool of the host."""
        return self.session_context.tools[name](value=value)

    @tool
    def raise_with(self, value: Any) -> None:
        """Raise an error that has the value with it."""
        from snakebridge import ToolError

        raise ToolError("odd", "see the data", data=value)
