"""The protocol's golden vectors, read by msgspec alone and by the extension."""

import functools
import json
import struct
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy
import pytest

from snakebridge import _native, batches
from snakebridge.batches import _Calls, encode_calls, encode_outcomes, is_batch
from snakebridge.encoding import encode
from snakebridge.extensions import ArrowStream, Opaque, decode

VECTORS = Path(__file__).parents[2] / "tests" / "vectors"


def load(file, key):
    """Vectors of one file as parameters, each under its name."""
    vectors = json.loads((VECTORS / file).read_text(encoding="utf-8"))[key]
    assert vectors
    return [pytest.param(vector, id=vector["name"]) for vector in vectors]


def plain(value):
    """A header as Python values: `{"bin": hex}` stands for bytes."""
    if isinstance(value, dict):
        return (
            bytes.fromhex(value["bin"]) if set(value) == {"bin"} else {k: plain(v) for k, v in value.items()}
        )
    return [plain(element) for element in value] if isinstance(value, list) else value


def tagged(value):
    """A body as Python values: every value says its type, so that JSON cannot change it."""
    ((kind, content),) = value.items()
    match kind:
        case "int":
            return int(content)
        case "float":
            return struct.unpack(">d", bytes.fromhex(content))[0]
        case "bytes":
            return bytes.fromhex(content)
        case "timestamp":
            seconds, nanoseconds = content
            return datetime.fromtimestamp(int(seconds), UTC) + timedelta(microseconds=nanoseconds / 1000)
        case "big":
            return int(content)
        case "complex":
            return complex(*(tagged({"float": part}) for part in content))
        case "ndarray":
            dtype, shape, order, data = content
            flat = numpy.frombuffer(bytes.fromhex(data), dtype)
            return flat.reshape(shape, order=order)
        case "arrow":
            return ArrowStream(bytes.fromhex(content))
        case "opaque":
            return Opaque(*content)
        case "array":
            return [tagged(element) for element in content]
        case "map":
            return {tagged(key): tagged(element) for key, element in content}
        case "nested_arrays":
            return functools.reduce(lambda inner, _: [inner], range(content - 1), [])
        case _:
            return content


@pytest.mark.parametrize("vector", load("frames.json", "frames"))
def test_a_frame_is_a_length_a_header_and_a_body(vector):
    frame, body = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["body"])
    content = msgspec.msgpack.encode(plain(vector["header"])) + body
    assert frame == len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize("vector", load("frames.json", "frames"))
def test_the_extension_reads_and_writes_every_frame(vector):
    frame, body = bytes.fromhex(vector["frame"]), bytes.fromhex(vector["body"])
    header = plain(vector["header"])
    assert _native.decode_frame(frame) == (header, body)
    assert _native.encode_frame(header, body) == frame


@pytest.mark.parametrize("vector", load("invalid_frames.json", "invalid"))
def test_the_extension_refuses_every_forbidden_frame_by_its_kind(vector):
    with pytest.raises(ValueError, match=f"^{vector['violation']}$"):
        _native.decode_frame(bytes.fromhex(vector["bytes"]))


@pytest.mark.parametrize("vector", load("values.json", "values"))
def test_python_and_the_protocol_agree_on_every_value(vector, monkeypatch):
    encoded, value = bytes.fromhex(vector["bytes"]), tagged(vector["value"])
    # What is no table of Arrow's is one only where nobody looks into it.
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    # Compared as encoded, because NaN is not equal to itself and 1 is equal to True.
    assert encode(decode(encoded)) == encode(value)
    assert encode(value) == encoded
    _native.check_value(encoded)


@pytest.mark.parametrize("vector", load("values.json", "values"))
def test_a_value_is_the_same_where_numpy_is_not_imported(vector, monkeypatch):
    monkeypatch.delitem(sys.modules, "numpy")
    monkeypatch.delitem(sys.modules, "pyarrow", raising=False)
    encoded = bytes.fromhex(vector["bytes"])
    assert encode(decode(encode(decode(encoded)))) == encode(decode(encoded))


@pytest.mark.parametrize("vector", load("values.json", "meaningless"))
@pytest.mark.parametrize("has_numpy", [True, False])
def test_an_extension_that_means_nothing_is_refused(vector, has_numpy, monkeypatch):
    if not has_numpy:
        monkeypatch.delitem(sys.modules, "numpy")
    encoded = bytes.fromhex(vector["bytes"])
    _native.check_value(encoded)
    with pytest.raises(msgspec.ValidationError):
        decode(encoded)


@pytest.mark.parametrize("vector", load("values.json", "invalid"))
def test_the_extension_refuses_every_forbidden_value_by_its_kind(vector):
    with pytest.raises(ValueError, match=f"^{vector['violation']}$"):
        _native.check_value(bytes.fromhex(vector["bytes"]))


@pytest.mark.parametrize("vector", load("batches.json", "calls"))
def test_many_calls_in_one_are_read_and_written(vector):
    body = bytes.fromhex(vector["body"])
    calls = [(bytes.fromhex(call["arguments"]), call["correlation_id"]) for call in vector["calls"]]
    assert is_batch(body)
    assert encode_calls(calls) == body
    read = _Calls(body, lambda arguments: arguments)
    assert read.arguments == [arguments for arguments, _ in calls]
    assert not any(is_batch(arguments) for arguments, _ in calls)


@pytest.mark.parametrize("vector", load("batches.json", "answers"))
def test_their_answers_are_written(vector, monkeypatch):
    told = [
        (answer["code"], ["never", "maybe", "yes"].index(answer["executed"]), bytes.fromhex(answer["body"]))
        for answer in vector["answers"]
        if "code" in answer
    ]
    monkeypatch.setattr(batches, "_told", lambda _: told.pop(0))
    outcomes = [
        ValueError() if "code" in answer else bytes.fromhex(answer["result"]) for answer in vector["answers"]
    ]
    assert encode_outcomes(outcomes) == bytes.fromhex(vector["body"])
