"""Moments, integers beyond 64 bits and complex numbers, wherever their types are declared."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any

import numpy
import pytest
from msgspec import Meta

from calling import call
from snakebridge import InvalidArgument


@dataclass
class Person:
    name: str
    age: int


def tool_taking(annotation, received):
    def take(value):
        received.append(value)
        return value

    take.__annotations__ = {"value": annotation}
    return take


def test_an_aware_datetime_is_taken_as_text():
    def zone(value: datetime) -> str:
        return value.tzname()

    assert call(zone, value="2024-02-29T12:00:00Z") == "UTC"


def test_a_datetime_without_a_time_zone_stays_one():
    received = []
    assert call(tool_taking(datetime, received), value="2024-02-29T12:30:00") == "2024-02-29T12:30:00"
    assert received == [datetime(2024, 2, 29, 12, 30)]


def test_a_moment_is_the_same_in_whatever_time_zone_it_was_said():
    there = datetime(2024, 2, 29, 12, tzinfo=timezone(timedelta(hours=-5, minutes=-30)))
    assert call(tool_taking(Any, []), value=there) == there
    assert call(tool_taking(Any, []), value={"when": [there]})["when"][0].tzinfo == UTC


# Integers beyond 64 bits


@pytest.mark.parametrize("number", [2**64, -(2**63) - 1, 2**128, -(2**127), 7**1000, -(7**1000)])
@pytest.mark.parametrize(
    ("annotation", "around"),
    [
        (Any, lambda number: number),
        (int, lambda number: number),
        (int | None, lambda number: number),
        (int | str, lambda number: number),
        (complex | int | list[int], lambda number: [number]),
        (dict[str, list[int]], lambda number: {"a": [1, number]}),
        (dict[int, str], lambda number: {number: "a"}),
        (set[int], lambda number: [number]),
        (tuple[int, str], lambda number: [number, "a"]),
    ],
)
def test_an_integer_of_any_size_arrives_wherever_an_integer_may_stand(annotation, around, number):
    assert call(tool_taking(annotation, []), value=around(number)) == around(number)


def test_integers_beyond_64_bits_pass_by_position_in_structures_and_under_other_names():
    def placed(person: Person, size: int = 1, **more: int) -> list[Any]:
        return [person.age, size, more]

    assert call(placed, {"name": "Ada", "age": 2**70}, 2**80, other=2**90) == [2**70, 2**80, {"other": 2**90}]
    with pytest.raises(InvalidArgument, match=r"`person.age`: expected `int`, got `str`"):
        call(placed, {"name": "Ada", "age": "old"}, 2**80)


def test_an_integer_beyond_64_bits_is_checked_like_any_other():
    with pytest.raises(InvalidArgument, match="<= 10"):
        call(tool_taking(Annotated[int, Meta(le=10)], []), value=2**70)
    with pytest.raises(InvalidArgument, match="expected `float`"):
        call(tool_taking(list[float], []), value=[2**70, "x"])


# Complex numbers


@pytest.mark.parametrize(
    ("plain", "value"), [([1, -2.5], 1 - 2.5j), (3, 3 + 0j), (0.5, 0.5 + 0j), (numpy.complex64(1j), 1j)]
)
def test_what_means_a_complex_number_is_one(plain, value):
    received = []
    call(tool_taking(complex, received), value=plain)
    assert received == [value]
    assert type(received[0]) is complex


@pytest.mark.parametrize("plain", ["1j", [1], [1, 2, 3], ["1", 2], None, True])
def test_what_means_no_complex_number_is_refused(plain):
    with pytest.raises(InvalidArgument, match="expected `complex`, or a list of two numbers"):
        call(tool_taking(complex, []), value=plain)
