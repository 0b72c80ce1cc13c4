"""The manifest says everything about an adapter's tools, in bytes that do not depend on the run."""

import datetime
import subprocess
import sys
from collections.abc import Iterator
from typing import Annotated

import msgspec
import pytest

from snakebridge import AdapterError, BaseAdapter, SessionContext, StreamChunk, tool
from snakebridge.definitions import tools_of_instance
from snakebridge.manifest import MANIFEST_LIMIT, TOOL_LIMIT, build_manifest


class Example(BaseAdapter):
    @tool(timeout=0.25, idempotent=True, tags=["math", "demo"])
    def scale(
        self,
        ctx: SessionContext,
        value: Annotated[float, msgspec.Meta(ge=0, description="what to scale")],
        /,
        factor: float = 2.0,
        *,
        strict: bool = False,
        **rest: int,
    ) -> list[float]:
        """Scale a value."""
        return []

    @tool
    def count(self):
        yield 1


def manifest(adapter, **overrides):
    fields = {"spec": "examples:Example", "name": "Example", "version": "1.0", "description": "An example."}
    encoded = build_manifest(**{**fields, **overrides}, tools=tools_of_instance(adapter))
    return msgspec.msgpack.decode(encoded)


def test_the_manifest_describes_adapter_and_tools():
    assert manifest(Example()) == {
        "format": 1,
        "adapter": "examples:Example",
        "name": "Example",
        "version": "1.0",
        "description": "An example.",
        "tools": [
            {
                "name": "count",
                "description": "",
                "streaming": True,
                "idempotent": False,
                "timeout_ms": None,
                "parameters": [],
                "returns": {"type": "any", "schema": {}},
                "tags": [],
            },
            {
                "name": "scale",
                "description": "Scale a value.",
                "streaming": False,
                "idempotent": True,
                "timeout_ms": 250,
                "parameters": [
                    {
                        "name": "value",
                        "type": "float",
                        "schema": {"type": "number", "minimum": 0, "description": "what to scale"},
                        "description": "what to scale",
                        "required": True,
                        "default": None,
                        "kind": "positional_only",
                    },
                    {
                        "name": "factor",
                        "type": "float",
                        "schema": {"type": "number"},
                        "description": "",
                        "required": False,
                        "default": 2.0,
                        "kind": "positional_or_keyword",
                    },
                    {
                        "name": "strict",
                        "type": "bool",
                        "schema": {"type": "boolean"},
                        "description": "",
                        "required": False,
                        "default": False,
                        "kind": "keyword_only",
                    },
                    {
                        "name": "rest",
                        "type": "int",
                        "schema": {"type": "integer"},
                        "description": "",
                        "required": False,
                        "default": None,
                        "kind": "var_keyword",
                    },
                ],
                "returns": {"type": "list[float]", "schema": {"type": "array", "items": {"type": "number"}}},
                "tags": ["math", "demo"],
            },
        ],
    }


def test_the_bytes_are_the_same_in_every_run():
    program = (
        "from snakebridge.adapters.showcase import ShowcaseAdapter as A\n"
        "from snakebridge.definitions import tools_of_instance as t\n"
        "from snakebridge.manifest import build_manifest as b\n"
        "import sys; sys.stdout.buffer.write(b('m:A', 'A', None, '', t(A())))"
    )

    def run(seed):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(filter(None, sys.path))}
        return subprocess.run(
            [sys.executable, "-c", program], env=environment, capture_output=True, check=True
        ).stdout

    assert len(run("1")) > 1000
    assert run("1") == run("2")


def test_the_schema_of_a_stream_is_that_of_its_items():
    class Adapter(BaseAdapter):
        @tool
        def numbers(self) -> Iterator[int]:
            yield 1

        @tool
        def chunks(self) -> Iterator[StreamChunk | int]:
            yield 1

        @tool
        def things(self):
            yield 1

    chunks, numbers, things = manifest(Adapter())["tools"]
    assert numbers["returns"] == {"type": "Iterator[int]", "schema": {"type": "integer"}}
    assert chunks["returns"]["schema"] is None
    assert things["returns"]["schema"] == {}


def test_a_default_that_only_python_can_say_is_left_out():
    class Adapter(BaseAdapter):
        @tool
        def lookup(self, key: str, default=object()): ...  # noqa: B008

    (lookup,) = manifest(Adapter())["tools"]
    assert lookup["parameters"][1]["default"] is None
    assert lookup["parameters"][1]["required"] is False


def test_a_default_of_a_richer_type_is_said_in_plain_values():
    moment = datetime.datetime(2024, 2, 29, tzinfo=datetime.UTC)

    class Adapter(BaseAdapter):
        @tool
        def lookup(self, since: datetime.datetime = moment, key: bytes = b"\x00"): ...

    (lookup,) = manifest(Adapter())["tools"]
    assert [parameter["default"] for parameter in lookup["parameters"]] == ["2024-02-29T00:00:00Z", b"\x00"]


def test_a_manifest_beyond_the_limit_is_refused():
    class Adapter(BaseAdapter):
        @tool(description="x" * MANIFEST_LIMIT)
        def verbose(self): ...

    with pytest.raises(AdapterError, match="shorten descriptions"):
        manifest(Adapter())


def test_too_many_tools_are_refused():
    (definition, _) = tools_of_instance(Example())
    with pytest.raises(AdapterError, match="4097 tools, and at most 4096"):
        build_manifest("a:A", "A", None, "", [definition] * (TOOL_LIMIT + 1))
