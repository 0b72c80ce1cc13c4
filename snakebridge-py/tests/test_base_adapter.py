"""`BaseAdapter`: what `get_tools` reports, and `session_context` outside of calls."""

import json
import math
from typing import Annotated, Any

import msgspec
import pytest

from snakebridge import AdapterError, BaseAdapter, ParameterSpec, SessionContext, tool
from snakebridge.testing import ToolRunner


class Example(BaseAdapter):
    @tool(description="Example with introspection")
    def example_tool(self, required_str: str, optional_int: int = 42, optional_list: list = None) -> dict:
        return {}

    @tool
    def numbers(self, count: int):
        """Count upwards.

        In single steps.
        """
        yield from range(count)


def tools(adapter):
    return {registration.name: registration for registration in adapter.get_tools()}


def test_parameters_are_read_from_the_signature():
    assert tools(Example())["example_tool"].parameters == [
        ParameterSpec("required_str", "str", required=True),
        ParameterSpec("optional_int", "int", required=False, default="42"),
        ParameterSpec("optional_list", "list | None", required=False, default="null"),
    ]


@pytest.mark.parametrize(
    ("default", "text"),
    [
        (None, "null"),
        (math.inf, "Infinity"),
        (-math.inf, "-Infinity"),
        (math.nan, "NaN"),
        ([1.5, math.inf, None], "[1.5,Infinity,null]"),
        ({"a": -math.inf, 2: "null"}, '{"a":-Infinity,"2":"null"}'),
        ("null", '"null"'),
        (1.5, "1.5"),
        (object(), None),
    ],
)
def test_a_default_is_told_as_python_s_json_tells_it(default, text):
    def example(a=default): ...

    adapter = type("Adapter", (BaseAdapter,), {"example": tool(staticmethod(example))})
    (registration,) = adapter().get_tools()
    assert registration.parameters[0].default == text
    if text is not None:
        assert json.dumps(json.loads(text), separators=(",", ":")) == text


def test_a_tool_says_where_it_comes_from():
    assert tools(Example())["numbers"].metadata == {"adapter_class": "Example", "module": __name__}


def test_the_description_is_the_one_given_or_the_first_paragraph_of_the_docstring():
    assert tools(Example())["example_tool"].description == "Example with introspection"
    assert tools(Example())["numbers"].description == "Count upwards."


def test_streaming_is_inferred_from_generators():
    assert tools(Example())["numbers"].supports_streaming
    assert not tools(Example())["example_tool"].supports_streaming


def test_streaming_is_inferred_through_other_decorators():
    import functools

    def logged(function):
        @functools.wraps(function)
        def wrapper(*args):
            return function(*args)

        return wrapper

    class Adapter(BaseAdapter):
        @tool
        @logged
        def numbers(self):
            yield 1

    assert tools(Adapter())["numbers"].supports_streaming


def test_the_list_of_tools_is_computed_once():
    adapter = Example()
    assert adapter.get_tools() is adapter.get_tools()


def test_types_are_named_as_they_are_written():
    class Adapter(BaseAdapter):
        @tool
        def typed(
            self,
            a: str | None,
            b: dict[str, list[int]],
            c: Any,
            d,
            e: "int | None",
            f: Annotated[float, msgspec.Meta(ge=0, description="never below zero")],
        ): ...

    parameters = tools(Adapter())["typed"].parameters
    assert [parameter.type for parameter in parameters] == [
        "str | None",
        "dict[str, list[int]]",
        "any",
        "any",
        "int | None",
        "float",
    ]
    assert parameters[5].description == "never below zero"


def test_a_default_that_only_python_can_say_leaves_the_parameter_optional():
    class Adapter(BaseAdapter):
        @tool
        def lookup(self, key: str, default: Any = object()): ...  # noqa: B008

    assert tools(Adapter())["lookup"].parameters[1] == ParameterSpec("default", "any", required=False)


def test_two_tools_of_one_name_are_refused_with_both_origins():
    class Adapter(BaseAdapter):
        @tool(name="same")
        def first(self): ...

        @tool(name="same")
        def second(self): ...

    with pytest.raises(
        AdapterError, match=r"`same`: .*Adapter\.first .*test_base_adapter\.py:\d+.*Adapter\.second"
    ):
        Adapter().get_tools()


def test_an_alias_of_a_tool_is_the_same_tool():
    class Adapter(BaseAdapter):
        @tool
        def add(self): ...

        plus = add

    assert list(tools(Adapter())) == ["add"]


def test_looking_for_tools_evaluates_no_property():
    class Adapter(BaseAdapter):
        @property
        def expensive(self):
            raise AssertionError("evaluated")

        @tool
        def add(self): ...

    assert list(tools(Adapter())) == ["add"]


def test_a_constructor_may_declare_the_session_context_without_calling_super():
    class Adapter(BaseAdapter):
        def __init__(self):
            self.session_context = None

    assert Adapter().session_context is None


def test_a_session_context_can_stand_in_where_no_call_runs():
    adapter = Example()
    adapter.session_context = context = SessionContext(None, "by hand")
    assert adapter.session_context is context
    adapter.session_context = None
    assert adapter.session_context is context


ADAPTERS_OWN = sorted(name for name in vars(BaseAdapter) if not name.startswith("_"))


@pytest.mark.parametrize("name", ADAPTERS_OWN)
def test_what_every_adapter_has_is_no_tool(name):
    def clashing(self, force: bool):
        raise AssertionError("it must not run")

    clashing.__qualname__ = "Adapter.clashing"
    adapter = type("Adapter", (BaseAdapter,), {name: tool(clashing)})
    with pytest.raises(AdapterError, match=rf"Adapter.clashing .*: `BaseAdapter.{name}` is no") as error:
        BaseAdapter.get_tools(adapter())
    assert f'@tool(name="{name}")' in str(error.value)


def test_an_inherited_hook_of_an_adapter_s_own_is_no_tool_either():
    class Base(BaseAdapter):
        @tool
        def cleanup(self, force: bool) -> bool:
            return force

    class Adapter(Base):
        @tool
        def add(self, a: int) -> int:
            return a

    with pytest.raises(AdapterError, match=r"`BaseAdapter.cleanup` is no tool, because the worker runs it"):
        Adapter().get_tools()


def test_the_name_of_a_hook_is_free_for_a_tool_whose_method_is_called_otherwise():
    class Adapter(BaseAdapter):
        @tool(name="cleanup")
        def tidy(self, force: bool) -> bool:
            return force

    with ToolRunner(Adapter) as runner:
        assert runner.call("cleanup", force=True)


def test_a_handler_is_no_adapter_and_its_names_are_its_own():
    class Handler:
        @tool
        def cleanup(self, force: bool) -> bool:
            return force

    class Adapter(BaseAdapter):
        def __init__(self):
            self.include(Handler())

    with ToolRunner(Adapter) as runner:
        assert runner.call("cleanup", force=True)
