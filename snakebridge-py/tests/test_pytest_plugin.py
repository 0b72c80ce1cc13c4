"""The fixtures that pytest finds where snakebridge is installed, and strategies from signatures."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import Meta

from calling import call
from snakebridge import AdapterError
from snakebridge.testing.strategies import arguments_of

TESTS = """
from snakebridge import BaseAdapter, telemetry, tool

EVENTS = []


class Adapter(BaseAdapter):
    def initialize(self):
        EVENTS.append("initialized")

    def cleanup(self):
        EVENTS.append("cleaned up")

    @tool
    def double(self, n: int) -> int:
        with telemetry.span("double"):
            return self.session_context.tools.multiply(a=n, b=2)


def test_a_tool_runs_on_the_fake_host(fake_host, run_adapter, telemetry_events):
    def multiply(a: int, b: int) -> int:
        return a * b

    fake_host.add_tool(multiply)
    assert run_adapter(Adapter).call("double", n=21) == 42
    assert [event.name for event in telemetry_events] == ["double.start", "double.stop"]
    assert EVENTS == ["initialized"]


def test_its_adapter_is_cleaned_up_after_the_test():
    assert EVENTS == ["initialized", "cleaned up"]
"""


def test_the_fixtures_are_found_by_themselves(tmp_path):
    tmp_path.joinpath("test_inside.py").write_text(TESTS)
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
    ]
    result = subprocess.run(
        command, capture_output=True, text=True, check=False, env=os.environ, cwd=tmp_path
    )
    assert "2 passed" in result.stdout, result.stdout + result.stderr


RECORDED = """
import pytest

from snakebridge import BaseAdapter, tool
from snakebridge.testing import FakeHost, ToolRunner

RATES = {"EUR": 2}


def rate(currency: str) -> int:
    return RATES[currency]


class Exchange(BaseAdapter):
    @tool
    def convert(self, amount: int, currency: str) -> int:
        return amount * self.session_context.tools.rate(currency)


@pytest.mark.parametrize("amount", [1, 10])
def test_convert(recording, run_adapter, fake_host, amount):
    fake_host.add_tool(rate)
    converted = run_adapter(Exchange, recording=recording).call("convert", amount=amount, currency="EUR")
    assert converted == 2 * amount
"""


def run_inside(folder, *options):
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-p",
        "no:hypothesispytest",
        "--rootdir",
        str(folder),
    ]
    return subprocess.run(
        [*command, *options, str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
        cwd=folder,
    ).stdout


def test_a_recording_is_made_once_and_replayed_after_that(tmp_path):
    inside = tmp_path.joinpath("test_inside.py")
    inside.write_text(RECORDED)
    assert "2 errors" in run_inside(tmp_path, "--snakebridge-record=none")
    assert "2 passed" in run_inside(tmp_path)
    files = sorted(tmp_path.joinpath("recordings", "test_inside").iterdir())
    assert [re.sub("-[0-9a-f]{8}", "-*", file.name) for file in files] == [
        "test_convert_10_-*.json",
        "test_convert_1_-*.json",
    ]
    inside.write_text(RECORDED.replace('"EUR": 2', '"EUR": 3'))
    assert "2 passed" in run_inside(tmp_path), "the host is not asked again"
    written = files[0].read_text()
    assert "2 failed" in run_inside(tmp_path, "--snakebridge-record=rewrite")
    assert files[0].read_text() == written, "what a failed test has recorded is not kept"
    inside.write_text(RECORDED.replace('"EUR": 2', '"EUR": 3').replace("2 * amount", "3 * amount"))
    assert "2 passed" in run_inside(tmp_path, "--snakebridge-record=rewrite")
    assert files[0].read_text() != written


ALIKE = """
import pytest

from snakebridge import BaseAdapter, tool


class Echo(BaseAdapter):
    @tool
    def echo(self, value: str) -> str:
        return value


def test_x(recording, run_adapter):
    run_adapter(Echo, recording=recording).call("echo", value="plain")


class TestA:
    def test_x(self, recording, run_adapter):
        run_adapter(Echo, recording=recording).call("echo", value="A")

    class TestInner:
        def test_x(self, recording, run_adapter):
            run_adapter(Echo, recording=recording).call("echo", value="A inner")


class TestB(TestA):
    pass


@pytest.mark.parametrize("value", ["a/b", "a_b", "a::b", "a b", 2 * "long" * 100, 2 * "long" * 100 + "!"])
def test_parameters(recording, run_adapter, value):
    run_adapter(Echo, recording=recording).call("echo", value=value)
"""


def test_every_test_has_a_recording_of_its_own(tmp_path):
    tmp_path.joinpath("test_inside.py").write_text(ALIKE)
    assert "11 passed" in run_inside(tmp_path)
    folder = tmp_path.joinpath("recordings", "test_inside")
    recorded = {
        str(file.relative_to(folder)): [call["arguments"]["value"] for call in json.loads(file.read_text())]
        for file in folder.rglob("*.json")
    }
    assert all(len(values) == 1 for values in recorded.values())
    assert len(recorded) == 11
    assert recorded["test_x.json"] == ["plain"]
    assert recorded["TestA/test_x.json"] == recorded["TestB/test_x.json"] == ["A"]
    assert recorded["TestA/TestInner/test_x.json"] == ["A inner"]
    assert "11 passed" in run_inside(tmp_path, "--snakebridge-record=none"), "and finds it again"


def test_where_a_recording_is_does_not_depend_on_where_pytest_was_started(tmp_path):
    inside = tmp_path / "inside"
    inside.mkdir()
    inside.joinpath("test_inside.py").write_text(ALIKE)
    assert "11 passed" in run_inside(inside)
    assert "11 passed" in run_inside(tmp_path, "--snakebridge-record=none")


FAILING = """
import asyncio

from snakebridge import BaseAdapter, tool


class Failing(BaseAdapter):
    @tool
    def fail(self) -> None:
        raise LookupError("nothing there")

    @tool
    async def fail_later(self) -> None:
        raise LookupError("nothing there")


def test_now(run_adapter):
    run_adapter(Failing).call("fail")


def test_later(run_adapter):
    run_adapter(Failing).call("fail_later")
"""


@pytest.mark.parametrize("style", ["auto", "long", "short"])
def test_what_a_tool_raises_is_shown_without_generated_code(tmp_path, style):
    tmp_path.joinpath("test_inside.py").write_text(FAILING)
    output = run_inside(tmp_path, f"--tb={style}")
    assert "2 failed" in output
    assert output.count('    raise LookupError("nothing there")') == 2
    assert not re.search(r"^<snakebridge|\?\?\?", output, re.M)


def test_the_tests_in_the_documentation_pass(tmp_path):
    """They are run as programs as well, by which their functions are only defined."""
    text = (Path(__file__).parents[2] / "docs" / "testing.md").read_text()
    blocks = [
        block for block in re.findall(r"^```python\n(.*?)^```", text, re.M | re.S) if "run_adapter" in block
    ]
    for number, block in enumerate(blocks):
        tmp_path.joinpath(f"test_block_{number}.py").write_text(block)
    assert len(blocks) >= 2
    assert f"{len(blocks)} passed" in run_inside(tmp_path)


def test_the_plugin_imports_nothing_before_it_is_used():
    program = (
        "import sys, snakebridge.pytest_plugin as _; print(*(n for n in sys.modules if 'snakebridge' in n))"
    )
    output = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    assert output.split() == ["snakebridge", "snakebridge.pytest_plugin"]


@dataclass
class Row:
    name: str
    sizes: list[int]


def everything(
    number: int,
    share: Annotated[float, Meta(ge=0, lt=1)],
    word: Annotated[str, Meta(min_length=1, max_length=5)],
    rows: list[Row],
    choice: Literal["a", "b"],
    anything: Any,
    stream: Iterator[int],
    count: Annotated[int, Meta(gt=0)] = 1,
    code: Annotated[str, Meta(pattern="^[a-z]{2}$")] = "ab",
):
    assert 0 <= share < 1
    assert 1 <= len(word) <= 5
    assert all(isinstance(row, Row) for row in rows)
    assert choice in ("a", "b")
    assert count > 0
    return sum(stream) % 2


@given(arguments_of(everything))
@settings(max_examples=50)
def test_generated_arguments_fit_the_signature(arguments):
    assert call(everything, **arguments) in (0, 1)


@given(st.data())
def test_what_has_a_default_is_sometimes_left_out_and_context_never_given(data):
    def tool(n: int, m: int = 3, **rest: str): ...

    assert set(data.draw(arguments_of(tool))) - {"m"} == {"n"}


def test_a_function_that_is_no_tool_has_no_strategy():
    def tool(*numbers): ...

    with pytest.raises(AdapterError, match="numbers"):
        arguments_of(tool)
