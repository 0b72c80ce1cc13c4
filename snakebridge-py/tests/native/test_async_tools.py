"""`async def` tools overlap on one loop, which is also what the worker waits in."""

import pytest
from wire_host import STREAM, WINDOW, Host, items_until_end

import scripted_host
from scripted_host import CALL, CANCEL, CREDIT, END, ERROR, ITEM, REPLY, encode

OVERLAPPING = 1000


@pytest.fixture
def host():
    with Host("concurrent_adapter:Async") as host:
        yield host.ready()


def frames(host, count):
    return [host.receive() for _ in range(count)]


def test_calls_overlap_while_they_wait(host):
    numbers = [host.call("wait", {"door": "a"}) for _ in range(OVERLAPPING - 1)]
    opener = host.call("open", {"door": "a"})
    answers = {header[1]: body for header, body in frames(host, OVERLAPPING)}
    assert answers == {**dict.fromkeys(numbers, "a"), opener: None}


def test_a_synchronous_tool_runs_while_coroutines_wait_and_may_wake_them(host):
    number = host.call("wait", {"door": "a"})
    assert host.ask("ping") == "pong"
    opener = host.call("open_from_main", {"door": "a"})
    assert frames(host, 2) == [([REPLY, opener], None), ([REPLY, number], "a")]


def test_every_coroutine_runs_on_the_loop_of_initialize(host):
    assert host.ask("on_the_loop") is True
    assert host.ask("on_the_loop") is True


def test_what_is_left_behind_on_the_loop_keeps_running(host):
    before = host.ask("ticked")
    while host.ask("ticked") < before + 20:
        pass


def test_asynchronous_hooks_run_on_the_same_loop(host):
    assert host.ask("on_the_loop") is True
    assert host.close() == (0, "cleaned up\n")


def test_coroutines_that_wait_when_the_host_goes_are_ended_before_the_worker_does(host):
    number = host.call("wait", {"door": "never"})
    host.until_running(number)
    assert host.ask("ping") == "pong"
    assert host.close() == (0, "cleaned up\n")


def test_arguments_that_do_not_fit_never_ran(host):
    header, body = host.ask("add", {"a": "x", "b": 1})
    assert header[2:] == ["invalid_argument", 0]
    assert "`a`: expected `int`" in body["message"]


def test_no_exception_of_a_coroutine_ends_the_worker(host):
    assert host.ask("leaves")[1]["type"] == "SystemExit"
    assert host.ask("add", {"a": 1, "b": 2}) == 3


def test_a_synchronous_tool_may_run_a_loop_of_its_own(host):
    assert host.ask("runs_a_loop") == 42
    assert host.ask("on_the_loop") is True


def test_a_host_that_is_slow_to_read_gets_everything(monkeypatch):
    """The pipe is full for long, and the loop has to see when there is room again."""
    monkeypatch.setitem(scripted_host.LIMITS, "body", 1 << 20)
    with Host("concurrent_adapter:Async") as host:
        get_everything(host.ready())


def get_everything(host):
    numbers = [host.call("grows", flags=STREAM) for _ in range(20)]
    items = {number: [] for number in numbers}
    for number in numbers:
        host.send([CREDIT, number, 0, 2 << 20])
    while items:
        header, body = host.receive()
        if header[0] == ITEM:
            items[header[1]].append(len(body))
        else:
            assert header == [ERROR, header[1], "payload_too_large", 2]
            assert items.pop(header[1]) == [1 << power for power in range(10, 20)]


# ---- cancellation


@pytest.mark.parametrize("how", ["sleep", "loop"])
def test_a_coroutine_that_blocks_the_loop_is_interrupted(host, how):
    number = host.call("blocks", {"how": how})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("noted") == [f"cancelled in {how}"]


def test_one_cancelled_coroutine_never_disturbs_its_siblings(host):
    numbers = [host.call("wait", {"door": "a"}) for _ in range(10)]
    victim = host.call("wait", {"door": "a"})
    assert host.ask("noted") == [], "and all of them wait"
    host.cancel(victim)
    assert host.receive() == host_cancelled(victim)
    blocker = host.call("blocks", {"how": "sleep"})
    host.cancel(blocker)
    assert host.receive()[0][:3] == [ERROR, blocker, "cancelled"]
    host.call("open", {"door": "a"})
    answers = {header[1] for header, _ in frames(host, 11) if header[0] == REPLY}
    assert answers >= set(numbers)


def test_a_coroutine_that_is_cancelled_before_its_first_step_never_ran(host):
    numbers = range(1, 201, 2)
    calls = [host.frame([CALL, n, "wait"], encode({"door": "a"})) for n in numbers]
    host.write(b"".join(calls + [host.frame([CANCEL, n, "test"]) for n in numbers]))
    assert sorted(header for header, _ in frames(host, 100)) == [[ERROR, n, "cancelled", 0] for n in numbers]


def test_a_coroutine_is_cancelled_once_and_may_go_on(host):
    number = host.call("survive", {"door": "a"})
    assert host.ask("ping") == "pong"
    host.cancel(number)
    assert host.receive() == ([REPLY, number], "survived")


def test_cancellations_that_are_not_the_callers_are_the_tools_own_business(host):
    assert host.ask("times_out") == "timed out"
    header, body = host.ask("cancels_itself")
    assert (header[2:], body["type"]) == (["tool", 2], "asyncio.exceptions.CancelledError")


def test_a_shield_holds_a_cancellation_back_until_it_is_left(host):
    number = host.call("shielded", {"door": "a"})
    assert host.ask("ping") == "pong"
    host.cancel(number)
    assert host.ask("noted") == []
    opener = host.call("open", {"door": "a"})
    assert frames(host, 2) == [([REPLY, opener], None), host_cancelled(number)]
    assert host.ask("noted") == ["finished, cancelled: True", "cancelled at the shield's end"]


def test_a_coroutine_may_ask_whether_it_is_cancelled_after_it_was_told(host):
    number = host.call("checks", {"door": "a"})
    assert host.ask("ping") == "pong"
    host.cancel(number)
    assert host.receive() == host_cancelled(number)
    assert host.ask("noted") == ["told", "asked"]


def host_cancelled(number):
    """The answer to a coroutine that let its cancellation pass."""
    body = {"type": "cancelled", "message": "the call was cancelled"}
    return [ERROR, number, "cancelled", 1], body


# ---- context


@pytest.mark.parametrize("how", ["itself", "child", "thread"])
def test_each_coroutine_sees_its_own_session_wherever_it_asks(host, how):
    numbers = {host.call("whose", {"how": how}, session=f"s{i}"): f"s{i}" for i in range(20)}
    assert {header[1]: body for header, body in frames(host, 20)} == numbers


def test_the_remaining_time_is_that_of_the_own_call(host):
    assert 90 < host.ask("whose", {"how": "remaining"}, remaining=100_000) <= 100
    assert host.ask("whose", {"how": "remaining"}) is None


# ---- the host's tools


def test_a_coroutine_that_asks_the_host_does_not_hold_the_others_up(host):
    number = host.call("ask")
    inner, body = host.receive()
    assert (inner[0], inner[2], inner[6], body) == (CALL, "echo", number, {"value": 1})
    assert host.ask("add", {"a": 1, "b": 2}) == 3
    host.answer(inner, encode("answer"))
    assert host.receive() == ([REPLY, number], "answer")


def test_an_error_of_the_host_reaches_the_coroutine(host):
    host.call("ask")
    inner, _ = host.receive()
    host.send([ERROR, inner[1], "tool_not_found", 0], encode({"message": "no"}))
    header, body = host.receive()
    assert (header[2], body["type"], body["code"]) == ("tool", "snakebridge.HostToolError", "tool_not_found")


def test_a_cancelled_coroutine_takes_its_question_to_the_host_back(host):
    number = host.call("ask")
    inner, _ = host.receive()
    host.cancel(number)
    assert {tuple(header) for header, _ in frames(host, 2)} == {
        (CANCEL, inner[1], "cancelled"),
        (ERROR, number, "cancelled", 1),
    }
    host.answer(inner)
    assert host.ask("noted") == ["cancelled while asking"]


@pytest.mark.parametrize("tool", ["ask_blocking", "runs_a_loop_and_asks"])
def test_the_host_may_be_asked_from_a_loop_in_any_way(host, tool):
    number = host.call(tool)
    inner, _ = host.receive()
    host.answer(inner, encode("answer"))
    assert host.receive() == ([REPLY, number], "answer")


# ---- streams


def test_an_asynchronous_generator_is_a_stream_that_goes_on_as_credit_comes(host):
    number = host.call("count", {"n": 20_000}, flags=STREAM)
    items, end = items_until_end(host, number)
    assert (items, end) == (list(range(20_000)), ([END, number, 0, 20_000], None))
    assert host.ask("noted") == ["count ended"]


def test_an_asynchronous_stream_without_credit_waits_while_others_run(host):
    number = host.call("count", {"n": 10_000}, flags=STREAM)
    for index in range(WINDOW // 64):
        assert host.receive() == ([ITEM, number, 0, index, 0], index)
    assert host.ask("add", {"a": 1, "b": 2}) == 3
    host.send([CREDIT, number, 0, 64 * 10_000])
    assert [host.receive()[1] for _ in range(10_000 - WINDOW // 64)][-1] == 9_999
    assert host.receive()[0] == [END, number, 0, 10_000]


def test_what_a_generator_returned_travels_in_the_end_also_when_a_coroutine_made_it(host):
    number = host.call("fetch", {"n": 3}, flags=STREAM)
    assert items_until_end(host, number) == ([0, 1, 2], ([END, number, 0, 3], "generated"))


def test_many_streams_of_both_kinds_share_the_loop(host):
    numbers = [host.call("slow_count", {"n": 20}, flags=STREAM) for _ in range(10)]
    numbers += [host.call("sync_count", {"n": 20}, flags=STREAM) for _ in range(10)]
    items, ended = {number: [] for number in numbers}, []
    while len(ended) < 20:
        header, body = host.receive()
        if header[0] == ITEM:
            items[header[1]].append(body)
        else:
            ended.append((header[0], body))
    assert all(got == list(range(20)) for got in items.values())
    assert sorted(ended, key=str) == [(END, "done")] * 10 + [(END, None)] * 10


def test_an_exception_after_n_items_follows_the_n_items(host):
    number = host.call("fails_after", {"n": 3}, flags=STREAM)
    items, (header, body) = items_until_end(host, number)
    assert (items, header, body["type"]) == ([0, 1, 2], [ERROR, number, "tool", 2], "LookupError")


@pytest.mark.parametrize("state", ["starved", "waiting"])
def test_a_cancelled_asynchronous_stream_is_closed_and_its_finally_runs(host, state):
    if state == "starved":
        number = host.call("count", {"n": 10**9}, flags=STREAM)
        frames(host, WINDOW // 64)
    else:
        number = host.call("slow_count", {"n": 10, "door": "a"}, flags=STREAM)
        host.receive()
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    noted = ["count ended"] if state == "starved" else ["cancelled at a", "slow_count ended"]
    assert host.ask("noted") == noted


def test_an_asynchronous_stream_is_cancelled_while_it_flows(host):
    number = host.call("count", {"n": 10**9}, flags=STREAM)
    host.send([CREDIT, number, 0, 64 * 10**8])
    frames(host, 1000)
    host.cancel(number)
    while (frame := host.receive())[0][0] == ITEM:
        pass
    assert frame[0] == [ERROR, number, "cancelled", 1]


# ---- the watcher


def test_what_arrives_while_the_loop_is_blocked_is_dealt_with_as_soon_as_it_is_free(host, tmp_path):
    """The watcher has taken it out of the pipe then, so nothing is left there to be polled for."""
    for attempt in range(10):
        gate = tmp_path / str(attempt)
        blocking = host.call("block_until", {"path": str(gate)})
        host.until_running(blocking)
        waiting = [host.call("add", {"a": n, "b": 0}) for n in range(5)]
        # What answers this has read all that came before it.
        host.ping(7)
        gate.touch()
        assert host.receive() == ([REPLY, blocking], "blocked")
        assert frames(host, 5) == [([REPLY, number], n) for n, number in enumerate(waiting)]


def test_a_ping_names_the_oldest_call_that_has_not_ended(host):
    first = host.call("wait", {"door": "a"})
    host.call("wait", {"door": "a"})
    host.until_running(first)
    assert host.ask("ping") == "pong"
    assert host.ping(1)[0][:2] == [1, first]
