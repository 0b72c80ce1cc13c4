"""Which signatures can be tools, and which annotations."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

import pytest

from calling import call, trampoline
from snakebridge import AdapterError, SessionContext

if TYPE_CHECKING:
    from decimal import Decimal

Rows = list[dict[str, int]]


def test_string_annotations_are_resolved_where_the_function_is_defined():
    def total(rows: Rows) -> int:
        return sum(row["n"] for row in rows)

    assert call(total, rows=[{"n": 1}, {"n": 2}]) == 3


def test_positional_only_keyword_only_and_ordinary_parameters_are_passed_as_declared():
    def order(a, /, b, *, c, d=4):
        return [a, b, c, d]

    assert call(order, a=1, b=2, c=3) == [1, 2, 3, 4]
    assert call(order, 1, 2, c=3, d=5) == [1, 2, 3, 5]


def test_open_keywords_are_collected():
    def collect(first: int, *, scale: int = 1, **others: Any):
        return [first, scale, others]

    assert call(collect, first=1, color="red") == [1, 1, {"color": "red"}]
    assert call(collect, 1, scale=2, size=3) == [1, 2, {"size": 3}]


def test_open_keywords_may_be_typed():
    def total(**amounts: int):
        return sum(amounts.values())

    assert call(total, a=1, b=2) == 3
    with pytest.raises(Exception, match=r"`b`: expected `int`, got `str`"):
        call(total, a=1, b="2")


def test_star_args_are_refused_with_the_way_out():
    def total(*numbers): ...

    with pytest.raises(AdapterError, match=r"`total` takes `\*numbers`.*`numbers: list`"):
        trampoline(total)


def test_a_decorator_without_wraps_is_refused_with_a_hint():
    def careless(function):
        def wrapper(*args, **kwargs):
            return function(*args, **kwargs)

        return wrapper

    with pytest.raises(AdapterError, match=r"functools\.wraps"):
        trampoline(careless(lambda a: a))


def test_an_annotation_that_does_not_exist_at_run_time_is_named():
    def price(amount: Decimal): ...

    with pytest.raises(AdapterError, match="`price`: the annotation 'Decimal' of parameter `amount`"):
        trampoline(price)


def test_a_return_annotation_need_not_exist_at_run_time():
    def price() -> Decimal:
        return "1.50"

    assert call(price) == "1.50"


def test_a_type_that_arguments_cannot_have_is_refused_when_the_tool_is_loaded():
    class Connection: ...

    def query(connection): ...

    query.__annotations__ = {"connection": list[Connection]}
    with pytest.raises(AdapterError, match=r"`query`: parameter `connection`.*Connection` has no form"):
        trampoline(query)


def test_a_partial_has_the_signature_that_is_left():
    def scale(factor: int, value: int) -> int:
        return factor * value

    double = functools.partial(scale, 2)
    double.__name__ = "double"
    assert call(double, value=21) == 42


def test_a_callable_object_is_a_tool():
    class Adder:
        __name__ = "add"

        def __call__(self, a: int, b: int = 1) -> int:
            return a + b

    assert call(Adder(), a=1) == 2


def test_a_wrapper_is_called_and_the_wrapped_function_is_described():
    def doubled(function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            return 2 * function(*args, **kwargs)

        return wrapper

    @doubled
    def add(a: int, b: int = 1) -> int:
        return a + b

    assert call(add, a=1) == 4


@pytest.mark.parametrize("annotation", ["SessionContext", "SessionContext | None", SessionContext])
def test_a_parameter_annotated_with_the_session_context_is_no_argument(annotation):
    def whose(ctx, name: str):
        return [name, ctx is None]

    whose.__annotations__["ctx"] = annotation
    assert call(whose, name="x") == ["x", True]  # no call runs here, so there is no context
    with pytest.raises(Exception, match="`ctx` is not a parameter"):
        call(whose, name="x", ctx=1)
