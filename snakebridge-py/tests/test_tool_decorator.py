"""`@tool`: what it accepts, and that the function stays what it was."""

import functools
import inspect
import pydoc
from datetime import date, timedelta

import pytest

from calling import trampoline
from snakebridge import AdapterError, BaseAdapter, tool
from snakebridge.decorator import ToolOptions, options_of
from snakebridge.definitions import define_tool, tools_of_instance
from snakebridge.manifest import describe_tool
from snakebridge.testing import ToolRunner


def names(adapter):
    return [registration.name for registration in adapter.get_tools()]


def shouting(function):
    @functools.wraps(function)
    def wrapper(*args, **kwargs):
        return function(*args, **kwargs).upper()

    return wrapper


def test_the_bare_and_the_called_form_are_both_right():
    class Adapter(BaseAdapter):
        @tool
        def bare(self): ...

        @tool()
        def called(self): ...

    assert names(Adapter()) == ["bare", "called"]


def test_a_decorated_function_is_still_called_directly():
    @tool(description="Add two numbers")
    def add(a, b):
        return a + b

    assert add(1, b=2) == 3


def test_help_shows_the_keywords_and_their_defaults():
    parameters = inspect.signature(tool).parameters
    defaults = ToolOptions()
    assert {name: parameter.default for name, parameter in parameters.items()} == {
        name: getattr(defaults, name) for name in ToolOptions.__struct_fields__
    }
    assert {parameter.kind for parameter in parameters.values()} == {inspect.Parameter.KEYWORD_ONLY}
    text = pydoc.plain(pydoc.render_doc(tool))
    assert "timeout: 'float | None' = None" in text
    assert "Make a method of an adapter" in text


@pytest.mark.parametrize("decorator", [property, functools.cached_property])
def test_a_tool_inside_of_a_property_is_refused(decorator):
    class Adapter(BaseAdapter):
        def number(self) -> int:
            return 1

        number = decorator(tool(number))

    message = rf"Adapter.number .*: `number` is a {decorator.__name__}, which is read and not called"
    with pytest.raises(AdapterError, match=message):
        Adapter().get_tools()


def test_a_property_above_a_function_that_is_no_tool_is_let_be():
    class Adapter(BaseAdapter):
        @property
        def number(self) -> int:
            raise AssertionError("nobody reads it")

        @tool
        def add(self, a: int) -> int:
            return a

    assert names(Adapter()) == ["add"]


class Counted:
    """A decorator that is a class, and binds methods by itself."""

    def __init__(self, function):
        self.calls = 0
        functools.update_wrapper(self, function)

    def __get__(self, instance, owner=None):
        return self if instance is None else functools.partial(self, instance)

    def __call__(self, *args, **kwargs):
        self.calls += 1
        return self.__wrapped__(*args, **kwargs)


class Counting(BaseAdapter):
    @Counted
    @tool
    def double(self, day: "date", n: int = 1) -> int:
        """Double a number.

        Args:
            n: The number.
        """
        return 2 * n

    @tool
    @Counted
    def numbers(self, n: int):
        yield from range(n)

    @tool(name="named")
    @Counted
    def other(self) -> str:
        return "other"


def test_a_decorator_that_is_a_class_may_bind_the_method_as_a_partial():
    runner = ToolRunner(Counting)
    tools = {registration.name: registration for registration in runner.adapter.get_tools()}
    assert list(tools) == ["double", "named", "numbers"]
    assert tools["double"].description == "Double a number."
    assert [(spec.name, spec.type, spec.description) for spec in tools["double"].parameters] == [
        ("day", "date", ""),
        ("n", "int", "The number."),
    ]
    assert runner.call("double", day=date(2024, 2, 29), n=2) == 4
    assert runner.call("named") == "other"
    assert runner.stream("numbers", n=2) == [0, 1]
    assert Counting.double.calls == Counting.numbers.calls == 1


def test_only_decorated_methods_are_tools():
    class Adapter(BaseAdapter):
        @tool
        def shown(self): ...

        def hidden(self): ...

    assert names(Adapter()) == ["shown"]


def test_an_undecorated_override_is_no_tool():
    class Base(BaseAdapter):
        @tool
        def task(self): ...

        @tool
        def other(self): ...

    class Adapter(Base):
        def task(self): ...

    assert names(Adapter()) == ["other"]


def test_another_decorator_may_stand_below():
    @tool
    @shouting
    def greet(name: str) -> str:
        return f"hello {name}"

    assert greet("ada") == "HELLO ADA"


def test_another_decorator_may_stand_above():
    class Adapter(BaseAdapter):
        @shouting
        @tool(description="Greet")
        def greet(self, name: str) -> str:
            return f"hello {name}"

    (registration,) = Adapter().get_tools()
    assert registration.description == "Greet"
    assert [parameter.name for parameter in registration.parameters] == ["name"]
    assert Adapter().greet("ada") == "HELLO ADA"


@pytest.mark.parametrize("decorators", ["tool_outside", "tool_inside"])
def test_static_and_class_methods_are_tools_in_either_order(decorators):
    if decorators == "tool_outside":

        class Adapter(BaseAdapter):
            @tool
            @staticmethod
            def fixed(a: int): ...

            @tool
            @classmethod
            def made(cls, a: int): ...
    else:

        class Adapter(BaseAdapter):
            @staticmethod
            @tool
            def fixed(a: int): ...

            @classmethod
            @tool
            def made(cls, a: int): ...

    for registration in Adapter().get_tools():
        assert [parameter.name for parameter in registration.parameters] == ["a"]
    assert names(Adapter()) == ["fixed", "made"]


def test_a_tool_may_have_another_name_than_its_function():
    class Adapter(BaseAdapter):
        @tool(name="text.upper-case")
        def upper(self): ...

    assert names(Adapter()) == ["text.upper-case"]


@pytest.mark.parametrize("name", ["", "1st", "$manifest", "../x", "a b", "naïve", "a" * 129, "a\n"])
def test_a_name_that_the_protocol_forbids_is_refused_at_once(name):
    with pytest.raises(ValueError, match="is not allowed"):
        tool(name=name)


def test_the_longest_allowed_name_is_accepted():
    tool(name="a" * 128)


def test_an_unknown_option_is_refused_with_the_nearest_name():
    with pytest.raises(TypeError, match=r"no option `descripton`: did you mean `description`\?"):
        tool(descripton="typed too fast")


def test_an_unknown_option_that_is_near_nothing_is_answered_with_the_list():
    with pytest.raises(TypeError, match="`idempotent`, `name`"):
        tool(zzz=1)


@pytest.mark.parametrize(
    "options", [{"timeout": "5"}, {"tags": "nlp"}, {"idempotent": "yes"}, {"supports_streaming": 1}]
)
def test_an_option_of_the_wrong_type_is_refused(options):
    with pytest.raises(TypeError, match="option"):
        tool(**options)


@pytest.mark.parametrize("timeout", [0, -1.0, float("nan"), float("inf")])
def test_a_timeout_that_is_no_time_is_refused(timeout):
    with pytest.raises(ValueError, match="timeout"):
        tool(timeout=timeout)


def test_a_name_given_by_position_is_answered_with_the_right_form():
    with pytest.raises(TypeError, match=r'@tool\(name="add"\)'):
        tool("add")


def test_a_class_is_not_decorated():
    with pytest.raises(TypeError, match="decorates a function"):

        @tool
        class Nothing: ...


def test_a_generator_cannot_be_declared_as_not_streaming():
    with pytest.raises(ValueError, match="return a list instead"):

        @tool(supports_streaming=False)
        def numbers():
            yield 1


def test_what_is_said_about_a_tool_is_in_the_manifest():
    @tool(
        version="1.2",
        examples=[{"day": date(2024, 2, 29)}],
        read_only=True,
        deprecated="use `next_day`",
        hidden=True,
        session="affine",
        required_variables=["calendar"],
    )
    def tomorrow(day: date) -> date:
        return day

    described = describe_tool(define_tool(tomorrow, options_of(tomorrow)))
    assert described["version"] == "1.2"
    assert described["examples"] == [{"day": "2024-02-29"}]
    assert described["deprecated"] == "use `next_day`"
    assert (described["read_only"], described["hidden"], described["session"]) == (True, True, "affine")
    assert described["required_variables"] == ["calendar"]


def test_what_is_not_said_is_not_in_the_manifest():
    @tool
    def plain(): ...

    assert list(describe_tool(define_tool(plain, options_of(plain)))) == [
        "name",
        "description",
        "streaming",
        "idempotent",
        "timeout_ms",
        "parameters",
        "returns",
        "tags",
    ]


def test_examples_have_to_fit_the_signature():
    @tool(examples=[{"n": 1}, {"n": "one"}])
    def double(n: int): ...

    @tool(examples=[{"a": 1}])
    def opened(**kwargs: str): ...

    for function, message in [(double, "example 2 of tool `double`: .*`n`: expected `int`"), (opened, "`a`")]:
        with pytest.raises(AdapterError, match=message):
            trampoline(function)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"read_only": True, "destructive": True}, "contradict"),
        ({"session": "mine"}, "session"),
        ({"examples": {"a": 1}}, "takes a list"),
        ({"required_variables": "model"}, "takes a list"),
        ({"deprecated": 3}, "deprecated"),
    ],
)
def test_an_option_that_says_nothing_is_refused_where_it_is_written(options, message):
    with pytest.raises((TypeError, ValueError), match=message):
        tool(**options)


@pytest.mark.parametrize(
    ("said", "seconds"),
    [("10m", 600), ("1h30m", 5400), ("2d", 172_800), ("250ms", 0.25), (2.5, 2.5), (timedelta(minutes=1), 60)],
)
def test_how_long_a_result_is_kept_is_said_in_words_or_in_seconds(said, seconds):
    @tool(cache=said)
    def pure(n: int) -> int: ...

    assert options_of(pure).cache == seconds
    described = describe_tool(define_tool(pure, options_of(pure)))
    assert described["cache_ms"] == seconds * 1000


@pytest.mark.parametrize("said", ["", "10", "m", "1m1h", "soon", "-1s", 0, -1, float("inf"), float("nan")])
def test_what_is_no_time_is_refused_for_a_cache(said):
    with pytest.raises(ValueError, match="cache"):
        tool(cache=said)


def test_what_cannot_be_kept_is_not():
    for wrong in (True, [1]):
        with pytest.raises(TypeError, match="cache"):
            tool(cache=wrong)
    with pytest.raises(ValueError, match="does nothing"):
        tool(cache="1h", destructive=True)

    @tool(cache="1h")
    def streams(n: int):
        yield n

    with pytest.raises(AdapterError, match="cannot be kept"):
        define_tool(streams, options_of(streams))


@pytest.mark.parametrize(
    ("said", "needed"),
    [
        ("gpu", {"gpu": 1}),
        (["license", "gpu"], {"gpu": 1, "license": 1}),
        ({"gpu"}, {"gpu": 1}),
        ({"license": 1, "gpu": 2}, {"gpu": 2, "license": 1}),
        ({"memory.mib": 10**12}, {"memory.mib": 10**12}),
        ((name for name in ["gpu"]), {"gpu": 1}),
    ],
)
def test_what_a_call_needs_for_itself_is_said_in_any_of_three_forms(said, needed):
    @tool(resources=said)
    def train(n: int) -> int: ...

    assert options_of(train).resources == tuple(needed.items())
    described = describe_tool(define_tool(train, options_of(train)))
    assert list(described["resources"].items()) == list(needed.items())


@pytest.mark.parametrize("nothing", [(), [], {}])
def test_a_tool_that_needs_nothing_says_nothing_of_it(nothing):
    @tool(resources=nothing)
    def plain(): ...

    assert "resources" not in describe_tool(define_tool(plain, options_of(plain)))


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (2, TypeError, r"`resources` is 2: give a name, a list of names, or .* \{\"gpu\": 1\}"),
        (None, TypeError, "`resources` is None: give a name"),
        ([1], TypeError, "names 1: give the name of a resource as a text"),
        ({2: 1}, TypeError, "names 2: give the name"),
        ("", ValueError, "names '', which is not allowed: a name begins with a letter"),
        (["gpu", "two words"], ValueError, "names 'two words', which is not allowed"),
        ({"$gpu": 1}, ValueError, r"names '\$gpu', which is not allowed"),
        ("a" * 129, ValueError, "at most 128 characters"),
        ({"gpu": "1"}, TypeError, "says '1' units of `gpu`: give a whole number, from 1 on"),
        ({"gpu": 0.5}, TypeError, "says 0.5 units of `gpu`: give a whole number"),
        ({"gpu": True}, TypeError, "says True units of `gpu`: give a whole number"),
        ({"gpu": 0}, ValueError, "says 0 units of `gpu`: give .* from 1 to .*, or leave `gpu` out"),
        ({"gpu": -1}, ValueError, "says -1 units of `gpu`"),
        ({"gpu": 10**12 + 1}, ValueError, "says 1000000000001 units of `gpu`"),
        (["gpu", "gpu"], ValueError, r"names `gpu` twice: write \{\"gpu\": 2\}"),
    ],
)
def test_what_names_no_resource_or_no_number_of_units_is_refused_with_a_way_to_mend_it(said, kind, message):
    with pytest.raises(kind, match=message):
        tool(resources=said)


def test_what_an_adapter_says_for_all_of_its_tools_takes_nothing_from_what_they_need():
    class Adapter(BaseAdapter):
        unserializable = "type"

        @tool(resources={"gpu": 2})
        def train(self): ...

    (train,) = tools_of_instance(Adapter())
    assert (train.options.resources, train.options.unserializable) == ((("gpu", 2),), "type")
