"""How long an adapter's objects live, and the hooks around their lives and around calls."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Iterator

import pytest

from snakebridge import AdapterError, BaseAdapter, InvalidArgument, tool
from snakebridge.life import SESSION_LIMIT
from snakebridge.testing import ToolRunner


class Noting(BaseAdapter):
    """Notes what happens to its objects, by their numbers."""

    events: list
    numbers: Iterator[int]

    def __init__(self):
        self.number = next(self.numbers)

    def note(self, what):
        self.events.append(f"{what} {self.number}")

    def initialize(self):
        self.note("initialize")

    def cleanup(self):
        self.note("cleanup")

    @tool
    def work(self) -> int:
        self.note("work")
        return self.number

    @tool
    def fail(self):
        self.note("fail")
        raise ValueError("on purpose")

    @tool
    def count(self) -> Iterator[int]:
        self.note("count")
        yield 1
        yield 2
        return "done"

    @tool
    async def later(self) -> int:
        await asyncio.sleep(0)
        self.note("later")
        return self.number

    @tool
    async def count_later(self) -> AsyncIterator[int]:
        self.note("count later")
        yield 1
        yield 2


def noting(lifecycle, **members):
    return type(
        "Adapter", (Noting,), {"lifecycle": lifecycle, "events": [], "numbers": itertools.count(), **members}
    )


def within(runner, session):
    return runner.within(runner.host.begin_call(session))


# worker


def test_by_default_one_object_lives_as_long_as_the_worker():
    kind = noting("worker")
    with ToolRunner(kind) as runner:
        assert [runner.call("work"), runner.call("work")] == [0, 0]
    assert kind.events == ["initialize 0", "work 0", "work 0", "cleanup 0"]


def test_warmup_runs_after_initialize_and_may_fail():
    def warmup(self):
        self.note("warmup")
        raise OSError("no network")

    kind = noting("worker", warmup=warmup)
    with pytest.warns(RuntimeWarning, match="warmup failed: OSError: no network"), ToolRunner(kind) as runner:
        runner.call("work")
    assert kind.events == ["initialize 0", "warmup 0", "work 0", "cleanup 0"]


def test_hooks_of_the_worker_may_be_asynchronous():
    async def initialize(self):
        await asyncio.sleep(0)
        self.note("initialize later")

    kind = noting("worker", initialize=initialize)
    with ToolRunner(kind) as runner:
        runner.call("work")
    assert kind.events == ["initialize later 0", "work 0", "cleanup 0"]


# request


@pytest.mark.parametrize("name", ["work", "later"])
def test_an_object_of_its_own_serves_each_call(name):
    kind = noting("request")
    with ToolRunner(kind) as runner:
        assert [runner.call(name), runner.call(name)] == [1, 2]
    assert kind.events == [
        "initialize 1",
        f"{name} 1",
        "cleanup 1",
        "initialize 2",
        f"{name} 2",
        "cleanup 2",
    ]


@pytest.mark.parametrize(("name", "noted"), [("count", "count"), ("count_later", "count later")])
def test_the_object_of_a_stream_lives_until_it_ends(name, noted):
    kind = noting("request")
    assert ToolRunner(kind).stream(name) == [1, 2]
    assert kind.events == ["initialize 1", f"{noted} 1", "cleanup 1"]


def test_a_stream_that_nobody_reads_to_its_end_is_cleaned_up_after():
    kind = noting("request")
    chunks = ToolRunner(kind).chunks("count")
    next(chunks)
    assert kind.events == ["initialize 1", "count 1"]
    chunks.close()
    assert kind.events == ["initialize 1", "count 1", "cleanup 1"]


def test_an_object_is_cleaned_up_after_an_error_as_well():
    kind = noting("request")
    with pytest.raises(ValueError, match="on purpose"):
        ToolRunner(kind).call("fail")
    assert kind.events == ["initialize 1", "fail 1", "cleanup 1"]


def test_an_object_that_cannot_be_initialized_is_not_cleaned_up():
    def initialize(self):
        raise OSError("no network")

    kind = noting("request", initialize=initialize)
    with pytest.raises(OSError, match="no network"):
        ToolRunner(kind).call("work")
    assert kind.events == []


# session


def test_each_session_has_an_object_until_the_worker_ends():
    kind = noting("session")
    with ToolRunner(kind) as runner:
        served = [within(runner, session).call("work") for session in ("a", "b", "a")]
    assert served == [1, 2, 1]
    assert kind.events[:5] == ["initialize 1", "work 1", "initialize 2", "work 2", "work 1"]
    assert sorted(kind.events[5:]) == ["cleanup 1", "cleanup 2"]


def test_a_call_without_a_session_has_an_object_of_its_own():
    kind = noting("session")
    runner = ToolRunner(kind)
    assert [within(runner, "").call("work"), within(runner, "").call("work")] == [1, 2]
    assert kind.events.count("cleanup 1") == 1


def test_an_error_of_a_tool_leaves_the_session_its_object():
    runner = ToolRunner(noting("session"))
    with pytest.raises(ValueError, match="on purpose"):
        within(runner, "a").call("fail")
    assert within(runner, "a").call("work") == 1


def test_a_session_whose_object_could_not_be_initialized_gets_another():
    failures = iter([OSError("no network"), None])

    def initialize(self):
        if (error := next(failures)) is not None:
            raise error

    runner = ToolRunner(noting("session", initialize=initialize))
    with pytest.raises(OSError, match="no network"):
        within(runner, "a").call("work")
    assert within(runner, "a").call("work") == 2


def test_the_sessions_that_a_worker_keeps_objects_for_are_bounded():
    kind = noting("session")
    runner = ToolRunner(kind)
    for number in range(SESSION_LIMIT):
        within(runner, f"session {number}").call("work")
    within(runner, "session 0").call("work")  # served last now
    within(runner, "one more").call("work")
    assert [event for event in kind.events if event.startswith("cleanup")] == ["cleanup 2"]
    assert within(runner, "session 0").call("work") == 1


# Around calls


class Guarded(BaseAdapter):
    def __init__(self):
        self.events = []

    def before_call(self, tool, context):
        self.events.append(("before", tool, context.session_id))
        if tool == "forbidden":
            raise PermissionError("not allowed")

    def after_call(self, tool, context, error):
        self.events.append(("after", tool, type(error).__name__))

    @tool
    def work(self) -> str:
        self.events.append("work")
        return "done"

    @tool
    def fail(self):
        raise ValueError("no")

    @tool
    def forbidden(self):
        raise AssertionError("it ran")

    @tool
    def count(self) -> Iterator[int]:
        yield 1
        yield 2


def test_hooks_stand_around_each_call():
    runner = ToolRunner(Guarded)
    assert runner.call("work") == "done"
    assert runner.adapter.events == [("before", "work", "test"), "work", ("after", "work", "NoneType")]


def test_the_hook_after_a_call_is_told_its_error():
    runner = ToolRunner(Guarded)
    with pytest.raises(ValueError, match="no"):
        runner.call("fail")
    assert runner.adapter.events[-1] == ("after", "fail", "ValueError")


def test_what_the_hook_before_a_call_raises_keeps_the_tool_from_running():
    runner = ToolRunner(Guarded)
    with pytest.raises(PermissionError):
        runner.call("forbidden")
    assert runner.adapter.events == [("before", "forbidden", "test")]


def test_hooks_stand_around_a_whole_stream():
    runner = ToolRunner(Guarded)
    assert runner.stream("count") == [1, 2]
    chunks = runner.chunks("count")
    next(chunks)
    chunks.close()
    assert [event[2] for event in runner.adapter.events if event[0] == "after"] == [
        "NoneType",
        "GeneratorExit",
    ]


def test_arguments_are_checked_before_any_hook_runs():
    runner = ToolRunner(Guarded)
    with pytest.raises(InvalidArgument):
        runner.call("work", surplus=1)
    assert runner.adapter.events == []


@pytest.mark.parametrize("name", ["work", "later"])
def test_asynchronous_hooks_run_around_tools_of_both_kinds(name):
    async def hook(self, *about):
        await asyncio.sleep(0)
        self.note("hook")

    hooks = dict.fromkeys(["initialize", "cleanup", "before_call", "after_call"], hook)
    kind = noting("request", **hooks)
    ToolRunner(kind).call(name)
    assert kind.events == ["hook 1", "hook 1", f"{name} 1", "hook 1", "hook 1"]


def test_a_lifecycle_that_there_is_not_is_refused():
    with pytest.raises(AdapterError, match="lifecycle 'forever'"):
        ToolRunner(noting("forever"))


# Variables of the session


class Needing(BaseAdapter):
    @tool(required_variables=["model", "key"])
    def infer(self) -> str:
        return self.session_context.state.get("model")

    @tool(required_variables=["model"])
    async def infer_later(self) -> str:
        return await self.session_context.state.aget("model")


@pytest.mark.parametrize(("name", "missing"), [("infer", "`model`, `key`"), ("infer_later", "`model`")])
def test_a_tool_does_not_run_where_its_session_lacks_a_variable(name, missing):
    runner = ToolRunner(Needing)
    with pytest.raises(
        InvalidArgument, match=f"the session has no {missing}, which the tool requires"
    ) as caught:
        runner.call(name)
    assert not caught.value.tool_ran
    state = runner.host.context("test").state
    state.set("model", "small")
    state.set("key", "x")
    assert runner.call(name) == "small"


def test_a_deprecated_tool_warns_once_and_says_what_to_use_instead():
    class Adapter(BaseAdapter):
        @tool(deprecated="use `second`")
        def first(self) -> int:
            return 1

        @tool(deprecated=True)
        async def another(self) -> int:
            return 2

        @tool
        def second(self) -> int:
            return 3

    runner = ToolRunner(Adapter())
    with pytest.warns(FutureWarning, match=r"^tool `first` is deprecated: use `second`$") as warned:
        assert runner.call("first") == 1
    assert warned[0].filename == __file__
    with pytest.warns(FutureWarning, match=r"^tool `another` is deprecated$"):
        assert runner.call("another") == 2
    assert runner.call("second") == 3
