"""Handlers: objects whose tools an adapter includes."""

import pytest

from snakebridge import AdapterError, BaseAdapter, SessionContext, tool
from snakebridge.adapters.showcase.tool import Tool
from snakebridge.testing import ToolRunner


class Decorated:
    def __init__(self, factor=1):
        self.factor = factor

    @tool(tags=["math"])
    def double(self, n: int) -> int:
        """Double a number."""
        return 2 * n * self.factor


class Listed:
    """As the seed writes handlers."""

    def get_tools(self):
        return {
            "add": Tool(self.add),
            "ping": Tool(self.ping, description="Health check"),
            "count": Tool(self.count),
        }

    def ping(self, ctx, message: str = "pong") -> dict[str, str]:
        return {"message": message, "session": ctx.session_id}

    def add(self, ctx, a: float, b: float) -> float:
        """Add two numbers.

        Args:
            a: The first.
        """
        return a + b

    def count(self, ctx: SessionContext, n: int):
        yield from range(n)


class Adapter(BaseAdapter):
    def __init__(self):
        super().__init__()
        self.include(Decorated(factor=10))
        self.include(Listed(), prefix="listed_")

    @tool
    def own(self) -> str:
        return "own"


def test_the_tools_of_handlers_are_the_adapters_own():
    tools = {registration.name: registration for registration in Adapter().get_tools()}
    assert list(tools) == ["double", "listed_add", "listed_count", "listed_ping", "own"]
    assert tools["double"].description == "Double a number."
    assert tools["listed_ping"].description == "Health check"
    assert tools["listed_count"].supports_streaming
    (a, _) = tools["listed_add"].parameters
    assert (a.name, a.type, a.description) == ("a", "float", "The first.")


def test_a_function_that_takes_the_context_gets_it_first():
    runner = ToolRunner(Adapter, session_id="demo")
    assert runner.call("listed_ping", message="hi") == {"message": "hi", "session": "demo"}
    assert runner.call("listed_add", 1, b=2) == 3.0
    assert runner.stream("listed_count", n=2) == [0, 1]
    assert runner.call("double", n=2) == 40


def test_objects_that_live_for_one_call_have_handlers_of_their_own():
    made = []

    class Handler(Decorated):
        def __init__(self):
            super().__init__(factor=len(made))
            made.append(self)

    class PerCall(BaseAdapter):
        lifecycle = "request"

        def __init__(self):
            self.include(Handler())
            self.include(Listed(), prefix="listed_")

    runner = ToolRunner(PerCall)
    assert [runner.call("double", n=1), runner.call("double", n=1)] == [2, 4]
    assert runner.call("listed_ping")["message"] == "pong"


def test_what_is_included_after_the_tools_were_listed_is_among_them():
    adapter = BaseAdapter()
    assert adapter.get_tools() == []
    adapter.include(Decorated())
    assert adapter.get_tools() is adapter.get_tools()
    adapter.include(Listed(), prefix="listed_")
    names = [registration.name for registration in adapter.get_tools()]
    assert names == ["double", "listed_add", "listed_count", "listed_ping"]


def test_an_adapter_can_include_another():
    class Outer(BaseAdapter):
        def __init__(self):
            self.include(Adapter(), prefix="inner_")

    assert ToolRunner(Outer).call("inner_listed_add", a=1, b=1) == 2


def test_a_handler_without_tools_is_refused_where_it_is_included():
    class Empty:
        def get_tools(self):
            return {}

    class Bad(BaseAdapter):
        def __init__(self):
            self.include(Empty())

    with pytest.raises(
        AdapterError, match=r"Empty` has no tools: decorate its methods with @tool, or give it"
    ):
        Bad()


def test_a_function_without_the_context_is_refused():
    class Handler:
        def get_tools(self):
            return {"nothing": Tool(lambda: None)}

    with pytest.raises(AdapterError, match="takes the session context first"):
        BaseAdapter().include(Handler())


def listing(tools):
    """A handler that lists these."""

    class Handler:
        def get_tools(self):
            return tools

    return Handler()


def add(ctx, a: float):
    return a


@pytest.mark.parametrize(
    ("tools", "message"),
    [
        ({"add": add}, r"Handler` lists function as 'add', .* write `Tool\(add\)`"),
        ({"add": 3}, r"Handler` lists int as 'add', .* write `Tool\(function\)`"),
        (
            {"add": Tool(add, timeout="x")},
            r"Handler`: the `Tool` of 'add' .*: @tool option has the wrong type",
        ),
        ({"add": Tool(add, timeout=-1)}, "Handler`: the `Tool` of 'add' .*`timeout` is -1"),
        ({"add": Tool(add, timout=1)}, "Handler`: the `Tool` of 'add' .*no option `timout`: did you mean"),
        ({"a b": Tool(add)}, "Handler`: the `Tool` of 'a b' .*tool name 'a b' is not allowed"),
        ({3: Tool(add)}, "Handler`: the `Tool` of 3 .*wrong type"),
    ],
)
def test_a_mistake_in_what_a_handler_lists_is_named_with_handler_and_key(tools, message):
    with pytest.raises(AdapterError, match=message):
        BaseAdapter().include(listing(tools))


def test_two_handlers_with_one_name_are_told_apart_by_a_prefix():
    class Twice(BaseAdapter):
        def __init__(self):
            self.include(Decorated())
            self.include(Decorated(2))

    with pytest.raises(AdapterError, match="two tools are called `double`"):
        Twice().get_tools()
