"""Tools on executor threads run beside each other, and beside those of the main thread."""

import contextlib

import pytest
from wire_host import STREAM, WINDOW, Host, items_until_end

from scripted_host import CALL, CREDIT, END, ERROR, ITEM, REPLY, encode

THREADS = 4


@pytest.fixture
def host():
    with Host("concurrent_adapter:Threads", threads=THREADS) as host:
        yield host.ready()


def frames(host, count):
    return [host.receive() for _ in range(count)]


def test_as_many_calls_run_at_once_as_there_are_threads(host):
    numbers = [host.call("meet", {"party": "a", "size": THREADS}) for _ in range(THREADS)]
    answers = {header[1]: body for header, body in frames(host, THREADS)}
    assert sorted(answers) == numbers
    assert sorted(place for place, _ in answers.values()) == list(range(THREADS))
    assert not any(is_main for _, is_main in answers.values())


def test_calls_beyond_the_threads_wait_for_one_and_start_in_order(host):
    numbers = [host.call("wait", {"door": f"{n}"}) for n in range(THREADS + 2)]
    for n, number in enumerate(numbers):
        opener = host.call("open", {"door": f"{n}"})
        assert {header[1] for header, _ in frames(host, 2)} == {opener, number}


def test_tools_of_the_main_thread_run_while_the_threads_are_busy(host):
    number = host.call("wait", {"door": "a"})
    assert host.ask("main") is True
    opener = host.call("open", {"door": "a"})
    assert {header[1] for header, _ in frames(host, 2)} == {opener, number}


def test_a_thread_answers_while_the_main_thread_is_busy(host):
    blocking = host.call("block", {"seconds": 30})
    host.until_running(blocking)
    assert host.ask("thread").startswith("snakebridge-")
    host.cancel(blocking)
    assert host.receive()[0] == [ERROR, blocking, "cancelled", 1]


@pytest.mark.parametrize("threads", [0, 1])
def test_a_tool_that_asks_for_a_thread_gets_one_whatever_the_host_said(threads):
    with Host("concurrent_adapter:Threads", threads=threads) as host:
        host.ready()
        assert host.ask("aside") is False
        assert host.ask("thread") == ("MainThread" if threads == 0 else "snakebridge-0")


def test_an_exception_on_a_thread_reaches_the_caller(host):
    header, body = host.ask("fails")
    assert (header[2:], body["type"]) == (["tool", 2], "LookupError")


def test_many_calls_are_each_answered_once(host):
    numbers = range(1, 2001, 2)
    host.write(b"".join(host.frame([CALL, n, "thread"], encode({})) for n in numbers))
    assert sorted(header[1] for header, _ in frames(host, 1000)) == list(numbers)


# ---- cancellation


@pytest.mark.parametrize(("how", "answer"), [("check", [ERROR, "cancelled", 1]), ("flag", [REPLY])])
def test_a_call_on_a_thread_asks_for_its_cancellation(host, how, answer):
    victim, sibling = host.call("polls", {"how": how}), host.call("wait", {"door": "a"})
    host.until_running(victim)
    host.cancel(victim)
    header, _ = host.receive()
    assert (header[1], [header[0], *header[2:]]) == (victim, answer)
    assert host.ask("noted") == ["was told" if how == "check" else "saw the flag"]
    host.call("open", {"door": "a"})
    assert sibling in {header[1] for header, _ in frames(host, 2) if header[0] == REPLY}


def test_a_call_that_waits_for_a_thread_is_taken_out_and_never_runs(host):
    running = [host.call("wait", {"door": "a"}) for _ in range(THREADS)]
    waiting = host.call("thread")
    host.until_running(running[0])
    host.cancel(waiting)
    assert host.receive()[0] == [ERROR, waiting, "cancelled", 0]


def test_a_shield_holds_a_cancellation_back_until_it_is_left(host):
    number = host.call("shielded", {"door": "a"})
    host.until_running(number)
    host.cancel(number)
    assert host.ask("noted") == []
    host.call("open", {"door": "a"})
    answers = {header[1]: header for header, _ in frames(host, 2)}
    assert answers[number] == [ERROR, number, "cancelled", 1]
    assert host.ask("noted") == ["finished"]


def test_a_call_that_waits_for_the_host_on_a_thread_is_cancelled(host):
    number = host.call("ask")
    inner, _ = host.receive()
    host.cancel(number)
    assert {(header[0], header[1]) for header, _ in frames(host, 2)} == {(9, inner[1]), (ERROR, number)}


# ---- context and the host


def test_each_call_has_its_own_context(host):
    first = host.call("whose", {"party": "a"}, session="first", remaining=5000)
    second = host.call("whose", {"party": "a"}, session="second")
    answers = {header[1]: body for header, body in frames(host, 2)}
    assert answers == {first: ["first", "first", True], second: ["second", "second", False]}


def test_nobody_finds_the_context_of_an_earlier_call():
    with Host("concurrent_adapter:Threads", threads=1) as host:
        host.ready()
        assert host.ask("asks_for_its_context", session="first") == "first"
        assert host.ask("copied", session="second") is None


def test_calls_on_threads_ask_the_host_at_the_same_time(host):
    numbers = [host.call("ask") for _ in range(THREADS)]
    questions = [header for header, _ in frames(host, THREADS)]
    assert sorted(header[6] for header in questions) == numbers
    for header in reversed(questions):
        host.answer(header, encode(header[6]))
    assert sorted(([REPLY, n], n) for n in numbers) == sorted(frames(host, THREADS))


# ---- streams


def test_a_stream_on_a_thread_goes_on_as_credit_comes(host):
    number = host.call("count", {"n": 20_000}, flags=STREAM)
    items, end = items_until_end(host, number)
    assert (items, end) == (list(range(20_000)), ([END, number, 0, 20_000], "done"))


def test_an_item_is_sent_before_the_next_one_is_made(host):
    number = host.call("stepwise", {"doors": ["a", "b"]}, flags=STREAM)
    assert host.receive() == ([ITEM, number, 0, 0, 0], "a")
    opener = host.call("open", {"door": "a"})
    following = frames(host, 2)
    assert ([REPLY, opener], None) in following
    assert ([ITEM, number, 0, 1, 0], "b") in following


def test_streams_without_credit_occupy_no_thread(host):
    streams = [host.call("count", {"n": 10_000}, flags=STREAM) for _ in range(2 * THREADS)]
    frames(host, 2 * THREADS * (WINDOW // 64))
    assert host.ask("thread").startswith("snakebridge-")
    for number in streams:
        host.send([CREDIT, number, 0, 64 * 10_000])
    rest = frames(host, 2 * THREADS * (10_000 - WINDOW // 64 + 1))
    assert [header for header, _ in rest if header[0] == END] == [
        header for header, _ in rest if header[0] != ITEM
    ]


@pytest.mark.parametrize("state", ["starved", "flowing"])
def test_a_cancelled_stream_on_a_thread_is_closed_between_two_items(host, state):
    number = host.call("count", {"n": 10**9}, flags=STREAM)
    if state == "starved":
        frames(host, WINDOW // 64)
    else:
        host.send([CREDIT, number, 0, 64 * 10**8])
        frames(host, 1000)
    host.cancel(number)
    while (frame := host.receive())[0][0] == ITEM:
        pass
    assert frame[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("noted") == ["count ended"]


# ---- ends


def test_a_ping_names_the_oldest_running_call(host):
    first, second = host.call("wait", {"door": "a"}), host.call("wait", {"door": "b"})
    host.until_running(first)
    host.call("open", {"door": "a"})
    frames(host, 2)
    assert host.ping(1)[0][:2] == [2, second]


def test_a_worker_whose_host_goes_tells_its_threads_and_ends(host):
    number = host.call("polls", {"how": "check"})
    host.call("count", {"n": 10**9}, flags=STREAM)
    with contextlib.suppress(AssertionError):
        host.until_running(number)
    host.process.stdin.close()
    host.process.stdin = None
    host.process.stdout.close()
    host.process.stdout = None
    assert host.wait_for_exit() in (0, 70)
