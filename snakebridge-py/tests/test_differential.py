"""Three decoders of MessagePack: ours in Rust, msgspec as the worker uses it, and the package `msgpack`.

They have to agree on what is a document and on what it says. The only differences are those that `compare`
states.
"""

import json
import math
import struct
from pathlib import Path

import msgpack
import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from snakebridge import _native, errors, extensions

ROOT = Path(__file__).parents[2]
REFUSED = object()
"""What a decoder gives that does not give a value."""
MSGPACK_REFUSALS = (ValueError, TypeError, msgpack.UnpackException)
"""`TypeError` is for keys that cannot be hashed; nothing else may come, whatever the bytes are."""


def by_rust(data):
    """Kind of refusal and value, one of them None or REFUSED."""
    try:
        return None, _native.decode_value(data)
    except (ValueError, TypeError) as error:
        return "key" if isinstance(error, TypeError) else str(error), REFUSED


def by_msgspec(data):
    try:
        return extensions.decode(data)
    # Objects and functions of the host belong to a call, and none runs here.
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, errors.InvalidArgument):
        return REFUSED


def integer(code, data):
    """An extension, which means an integer where it is one of those."""
    if code == extensions.INTEGER and 1 <= len(data) <= extensions.INTEGER_BYTES:
        return int.from_bytes(data, "big", signed=True)
    return msgpack.ExtType(code & 0x7F, data)


def by_msgpack(data):
    try:
        return msgpack.unpackb(data, strict_map_key=False, ext_hook=integer)
    except MSGPACK_REFUSALS:
        return REFUSED


def exact(value):
    """A value in a form that is equal only to itself: types, signs, bits and order count."""
    match value:
        case float():
            # The payload of a NaN of 32 bits is lost where it becomes one of 64.
            return ("float", "nan" if math.isnan(value) else struct.pack(">d", value))
        case list() | tuple():
            return ("array", tuple(exact(element) for element in value))
        case dict():
            return ("map", tuple((exact(key), exact(element)) for key, element in value.items()))
        case _:
            return (type(value).__name__, value)


def compare(data):
    refusal, value = by_rust(data)
    others = [by_msgspec(data), by_msgpack(data)]
    if refusal is None:
        # Of keys that are equal the last counts, for all three.
        for other in others:
            assert other is not REFUSED, f"refused by another decoder: {data.hex()}"
            assert exact(other) == exact(value), data.hex()
        return
    match refusal:
        case "depth" | "items":
            # Our limits are lower than theirs; what is beyond them is not looked at further.
            pass
        case "value":
            # Extensions that mean nothing. The check of the wire lets them pass, and Python refuses them too:
            # test_vectors has them one by one.
            _native.check_value(data)
        case "extension":
            # Extensions that mean something, which is compared elsewhere.
            _native.check_value(data)
        case "key":
            # An array as a key is a tuple to msgspec, for the others it is a list, which Python does not
            # hash. Nobody can hash a map.
            _native.check_value(data)
            assert others[1] is REFUSED, data.hex()
        case _:
            # No document, or a string that is not UTF-8, or more behind it: nobody takes it.
            assert others == [REFUSED, REFUSED], f"{refusal}, but accepted: {data.hex()}"


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats()
    | st.text()
    | st.binary(max_size=300)
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=20) | st.dictionaries(SCALARS, inner, max_size=20),
    max_leaves=40,
)


@given(VALUES)
@settings(max_examples=500, deadline=None)
def test_every_value_is_the_same_to_all_three_whoever_wrote_it(value):
    for data in (msgspec.msgpack.encode(value), msgpack.packb(value)):
        compare(data)
        assert exact(_native.decode_value(data)) == exact(value)


@given(st.lists(st.floats(width=32)))
def test_floats_of_32_bits_are_the_same_to_all_three(value):
    data = msgpack.packb(value, use_single_float=True)
    compare(data)
    assert exact(_native.decode_value(data)) == exact(value)


@given(VALUES, st.data())
@settings(max_examples=1000, deadline=None)
def test_a_document_with_a_few_bytes_changed_is_the_same_to_all_three_or_to_none(value, data):
    document = bytearray(msgspec.msgpack.encode(value))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(document)))
        match data.draw(st.sampled_from(["set", "insert", "remove", "cut"])):
            case "set":
                document[place : place + 1] = bytes([data.draw(st.integers(0, 255))])
            case "insert":
                document[place:place] = data.draw(st.binary(max_size=8))
            case "remove":
                del document[place : place + data.draw(st.integers(1, 8))]
            case "cut":
                del document[place:]
    compare(bytes(document))


@given(st.binary(max_size=64))
@example(bytes.fromhex("d40800"))  # a function of the host
@settings(max_examples=1000, deadline=None)
def test_any_bytes_are_the_same_to_all_three_or_to_none(data):
    compare(data)


def vectors(key):
    document = json.loads((ROOT / "tests/vectors/values.json").read_text(encoding="utf-8"))[key]
    assert document
    return [pytest.param(bytes.fromhex(vector["bytes"]), id=vector["name"]) for vector in document]


@pytest.mark.parametrize("data", vectors("values") + vectors("invalid"))
def test_the_golden_vectors_are_the_same_to_all_three_or_to_none(data):
    compare(data)


def test_what_the_fuzzer_has_found_is_the_same_to_all_three_or_to_none():
    inputs = [path.read_bytes() for path in sorted((ROOT / "fuzz/corpus/value_decode").iterdir())]
    assert len(inputs) > 100
    for data in inputs:
        # In front of the body an input has a depth and a number of items; both ways every one is some bytes.
        compare(data[2:])
        compare(data)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"\x91" * 65 + b"\xc0", "depth"),
        (b"\x91" * 100_000, "depth"),
        (b"\xdd\x00\x0f\x42\x40" + b"\xc0" * 1_000_000, "items"),
        (b"\xdd\xff\xff\xff\xff", "decode"),
        (b"\xdf\xff\xff\xff\xff\xc0", "decode"),
        (b"\xc1", "decode"),
        (b"\xa2\xff\xfe", "decode"),
        (b"\xa3\xed\xa0\x80", "decode"),
        (b"\x81\xa1\xff\xc0", "decode"),
        (b"", "decode"),
        (b"\xc0\xc0", "trailing"),
        (b"\xd4\x2a\x00", "value"),
        (b"\xd6\xff\x00\x00\x00\x00", "extension"),
        (b"\xd5\xff\x00\x00", "value"),
        (b"\x81\x91\x01\xc0", "key"),
        (b"\x81\x80\xc0", "key"),
    ],
)
def test_each_difference_has_its_rule(data, refusal):
    assert by_rust(data)[0] == refusal
    compare(data)


def test_of_keys_that_are_equal_the_last_counts():
    data = b"\x83\xa1a\x01\xa1b\x02\xa1a\x03"
    assert by_rust(data)[1] == by_msgspec(data) == by_msgpack(data) == {"a": 3, "b": 2}
    compare(data)
