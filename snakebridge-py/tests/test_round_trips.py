"""Values of every kind, nested at random: from Python to the host and back they are what they were.

Hypothesis prints how to repeat what fails; the other direction is in `tests/tests/round_trips.rs`.
"""

import math
import struct
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from calling import call
from snakebridge import InvalidArgument, Opaque, _native
from snakebridge.encoding import encode
from snakebridge.extensions import decode

DTYPES = (
    arrays.boolean_dtypes()
    | arrays.integer_dtypes(endianness="?")
    | arrays.unsigned_integer_dtypes(endianness="?")
    | arrays.floating_dtypes(sizes=(16, 32, 64), endianness="?")
    | arrays.complex_number_dtypes(sizes=(64, 128), endianness="?")
)
ARRAYS = arrays.arrays(DTYPES, arrays.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)).flatmap(
    lambda array: st.sampled_from([array, array.T, numpy.asfortranarray(array)])
)
ZONES = st.builds(timezone, st.timedeltas(timedelta(hours=-23), timedelta(hours=23)))
MOMENTS = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 29), timezones=st.just(UTC) | ZONES)
INTEGERS = st.integers() | st.integers(-(2**2000), 2**2000)
KEYS = st.none() | st.booleans() | INTEGERS | st.floats(allow_nan=False) | st.text() | st.binary() | MOMENTS
SCALARS = (
    KEYS | st.floats() | st.complex_numbers() | ARRAYS | st.builds(Opaque, st.text(), st.none() | st.text())
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=8) | st.dictionaries(KEYS, inner, max_size=8),
    max_leaves=30,
)
"""At most 30 leaves, and so within the limits of depth and items."""


def exact(value):
    """A value in a form that is equal only to itself: types, signs, bits and order count."""
    match value:
        case float():
            return ("float", "nan" if math.isnan(value) else struct.pack(">d", value))
        case complex():
            return ("complex", exact(value.real), exact(value.imag))
        case numpy.ndarray():
            little = value.astype(value.dtype.newbyteorder("<"))
            return ("ndarray", value.dtype.name, value.shape, little.tobytes())
        case datetime():
            return ("moment", value.astimezone(UTC))
        case list():
            return ("array", [exact(element) for element in value])
        case dict():
            return ("map", [(exact(key), exact(element)) for key, element in value.items()])
        case _:
            return (type(value).__name__, value)


@given(VALUES)
@settings(max_examples=200)
def test_any_value_is_the_same_when_the_host_has_read_and_written_it(value):
    assert exact(decode(_native.recode_value(encode(value)))) == exact(value)


@given(VALUES)
def test_the_host_writes_what_python_writes(value):
    document = encode(value)
    assert _native.recode_value(document) == document


@given(VALUES)
def test_any_value_is_the_same_behind_a_tool(value):
    def echo(value: Any) -> Any:
        return value

    assert exact(call(echo, value=value)) == exact(value)


@given(st.binary(max_size=40), st.integers(-2, 9))
@settings(max_examples=500)
def test_an_extension_of_any_bytes_means_the_same_to_both_or_is_refused(data, code):
    head = b"\xc7" + len(data).to_bytes(1, "big") + code.to_bytes(1, "big", signed=True)
    try:
        host = _native.recode_value(head + data)
    except ValueError:
        host = None
    try:
        ours = encode(decode(head + data))
    except (ValueError, InvalidArgument):
        ours = None
    if host is None or ours is None:
        # Some moments are beyond a `datetime`, only Arrow looks into a table of Arrow, and objects and
        # functions are looked up in the call that runs.
        assert ours is None or code == 4, (head + data).hex()
        assert host is None or code in (-1, 4, 5, 8), (head + data).hex()
    elif code != -1:  # of which Python keeps microseconds
        assert ours == host, (head + data).hex()
