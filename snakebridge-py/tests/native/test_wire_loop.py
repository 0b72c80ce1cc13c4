"""The native half of a real worker, driven frame by frame.

Who reads, who writes, and what happens while Python is busy.
"""

import mmap
import os
import secrets
import signal
import struct
import subprocess
import sys
import time
from pathlib import Path

import pytest

import scripted_host
from scripted_host import (
    CALL,
    CANCEL,
    CREDIT,
    END,
    ERROR,
    ITEM,
    PATIENCE,
    READY,
    REPLY,
    ScriptedHost,
    encode,
)

PING, PONG = 10, 11
HERE = Path(__file__).parent
STREAM = 1
WINDOW = scripted_host.LIMITS["window"]
PROMPT = 0.5
"""Seconds within which the native half reacts, whatever Python does.

It takes about a millisecond; this allows for a machine that is busy with other tests."""


class Host(ScriptedHost):
    def __init__(self, adapter="wire_adapter:Wire", **hello):
        super().__init__(adapter, python_path=[str(HERE)], **hello)

    def ready(self):
        header, _ = self.receive()
        assert header[0] == READY, header
        return self

    def frame(self, header, body=b""):
        frame = encode(header) + body
        return len(frame).to_bytes(4, "big") + frame

    def write(self, data):
        view = memoryview(data)
        while view:
            view = view[self.process.stdin.write(view) :]

    def cancel(self, number):
        self.send([CANCEL, number, "test"])

    def ping(self, nonce):
        """Send a PING and return the PONG's elements and how long it took."""
        began = time.monotonic()
        self.send([PING, nonce])
        header, _ = self.receive()
        assert header[:2] == [PONG, nonce], header
        return header[2:], time.monotonic() - began

    def until_running(self, number):
        """Wait until the worker says that it runs this call."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            (_, running, _), _ = self.ping(99)
            if running == number:
                return
        raise AssertionError(f"call {number} never ran")

    def answer(self, header, body=b"\x2a"):
        """Answer a call of the worker's."""
        assert header[0] == CALL, header
        self.send([REPLY, header[1]], body)

    def wait_for_exit(self):
        self.process.wait(PATIENCE)
        return self.process.returncode


@pytest.fixture
def host():
    with Host() as host:
        yield host.ready()


# ---- calls


def test_a_thousand_pipelined_calls_are_answered_in_order_with_their_own_results(host):
    numbers = range(1, 2001, 2)
    host.write(b"".join(host.frame([CALL, n, "add"], encode({"a": n, "b": 1})) for n in numbers))
    assert [host.receive() for _ in numbers] == [([REPLY, n], n + 1) for n in numbers]


def test_a_frame_that_arrives_byte_by_byte_is_a_frame(host):
    for byte in host.frame([CALL, 1, "add"], encode({"a": 1, "b": 2})):
        host.write(bytes([byte]))
    assert host.receive() == ([REPLY, 1], 3)


def test_large_arguments_and_results_travel_whole(host):
    assert host.ask("length", {"data": bytes(1_000_000)}) == 1_000_000
    assert host.ask("blob", {"size": 1_000_000}) == bytes(1_000_000)


def test_a_result_over_the_hosts_limit_is_an_error_with_both_sizes_and_the_worker_lives(host):
    header, body = host.ask("blob", {"size": 2_000_000})
    assert header[2:] == ["payload_too_large", 2]
    assert body["data"] == {"size": 2_000_005, "limit": (1 << 20) - 16_384}
    assert host.ask("ping") == "pong"


def test_a_result_of_more_values_than_the_host_accepts_is_an_error_and_the_worker_lives(monkeypatch):
    monkeypatch.setitem(scripted_host.LIMITS, "items", 100)
    with Host() as host:
        host.ready()
        assert host.ask("numbers", {"n": 99}) == list(range(99))
        header, body = host.ask("numbers", {"n": 100})
        assert header[2:] == ["unserializable", 2]
        assert body["message"] == "the result of `numbers` has more than 100 values in it"
        assert host.ask("ping") == "pong"


def test_both_sides_may_write_megabytes_before_they_read(host):
    numbers = range(1, 81, 2)
    data = encode({"data": bytes(500_000)})
    host.write(b"".join(host.frame([CALL, n, "length"], data) for n in numbers))
    replies = [host.frame([CALL, n, "blob"], encode({"size": 500_000})) for n in range(81, 161, 2)]
    host.write(b"".join(replies))
    host.write(b"".join(host.frame([CALL, n, "length"], data) for n in range(161, 241, 2)))
    answers = [host.receive() for _ in range(120)]
    assert [header for header, _ in answers] == [[REPLY, n] for n in range(1, 241, 2)]
    assert sum(body if isinstance(body, int) else len(body) for _, body in answers) == 120 * 500_000


def test_an_unknown_tool_never_ran_and_the_nearest_name_is_suggested(host):
    header, body = host.ask("pnig")
    assert header[2:] == ["tool_not_found", 0]
    assert body["message"].startswith("no tool `pnig`; did you mean `ping`? (known: `add`,")


@pytest.mark.parametrize(
    ("target", "flags", "message"),
    [
        ("ping", STREAM, "call it for a single reply"),
        ("count", 0, "call it for a stream"),
        ("$manifest", STREAM, "single"),
    ],
)
def test_a_call_in_the_wrong_manner_never_ran_and_is_told_the_right_one(host, target, flags, message):
    header, body = host.ask(target, {"n": 1}, flags=flags)
    assert header[2:] == ["invalid_argument", 0]
    assert message in body["message"]


@pytest.mark.parametrize("name", ["SystemExit", "KeyboardInterrupt", "GeneratorExit", "StopIteration"])
def test_no_exception_of_a_tool_ends_the_worker(host, name):
    header, body = host.ask("raise_it", {"name": name})
    assert header[2:] == ["tool", 2]
    assert (body["type"], body["message"]) == (name, "on purpose")
    assert host.ask("ping") == "pong"


def test_a_tool_knows_its_call(host):
    meta = {"correlation_id": "c", "metadata": {"user": 7}}
    number, session, metadata, left, cancelled = host.ask("identity", remaining=5000, session="s", meta=meta)
    assert (number, session, metadata, cancelled) == (1, "s", encode(meta), False)
    assert 4.0 < left <= 5.0
    assert host.ask("identity")[1:] == [None, None, None, False]


def test_a_call_object_that_outlives_its_call_has_ended_and_cannot_call_the_host(host):
    assert host.ask("outlive") is False
    assert host.ask("ended") == [True, "call_ended", 0]


def test_a_finished_reply_does_not_wait_for_the_slow_call_behind_it(host):
    host.write(
        host.frame([CALL, 1, "ping"], encode({}))
        + host.frame([CALL, 3, "work"], encode({"how": "gil", "seconds": 2 * PATIENCE}))
    )
    assert host.receive() == ([REPLY, 1], "pong"), "or nothing, for as long as the host has patience"


# ---- ping


@pytest.mark.parametrize("how", ["gil", "loop", "sleep"])
def test_a_ping_is_answered_whatever_python_does_and_says_what_runs(host, how):
    number = host.call("work", {"how": how, "seconds": 2 * PATIENCE})
    host.until_running(number)
    (finished, running, running_for), _ = host.ping(7)
    assert (finished, running) == (0, number)
    while running_for == 0:
        (_, _, running_for), _ = host.ping(8)


def test_a_ping_says_how_many_calls_are_finished_and_that_none_runs(host):
    host.ask("work", {"how": "sleep", "seconds": 0.02})
    assert host.ping(1)[0] == [1, 0, 0]


def test_a_ping_is_answered_during_a_long_import():
    with Host("slow_adapter:Slow") as host:
        for nonce in range(5):
            assert host.ping(nonce)[1] < PROMPT
        host.ready()
        assert host.ask("ping") == "pong"


# ---- streams


def items_until_end(host, number, grant=True):
    """All items of a stream and the END, with credit for what was taken."""
    items, owed = [], 0
    while True:
        header, body = host.receive()
        if header[0] != ITEM:
            return items, (header, body)
        assert header[1:4] == [number, 0, len(items)]
        items.append(body)
        owed += max(64, len(encode(body)))
        if owed >= WINDOW // 2 and grant:
            host.send([CREDIT, number, 0, owed])
            owed = 0


def test_a_long_stream_arrives_in_order_and_ends_with_the_generators_value(host):
    number = host.call("count", {"n": 20_000}, flags=STREAM)
    items, end = items_until_end(host, number)
    assert items == list(range(20_000))
    assert end == ([END, number, 0, 20_000], "done")


def test_a_stream_without_credit_waits_while_other_calls_run(host):
    number = host.call("count", {"n": 10_000}, flags=STREAM)
    for index in range(WINDOW // 64):
        assert host.receive() == ([ITEM, number, 0, index, 0], index)
    assert host.ask("add", {"a": 1, "b": 2}) == 3, "the stream stands still, the worker does not"
    host.send([CREDIT, number, 0, 64 * 10_000])
    items = [host.receive()[1] for _ in range(10_000 - WINDOW // 64)]
    assert items == list(range(WINDOW // 64, 10_000))
    assert host.receive()[0] == [END, number, 0, 10_000]


def written_by(process):
    """How many times a process has written something to somewhere."""
    lines = Path(f"/proc/{process.pid}/io").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("syscw:"))


def test_the_items_of_a_stream_that_never_waits_are_written_many_at_a_time(host):
    before, total = written_by(host.process), 100_000
    number = host.call("count", {"n": total}, flags=STREAM)
    host.send([CREDIT, number, 0, 64 * total])
    for _ in range(total + 1):
        host.receive()
    assert written_by(host.process) - before < total / 5


def test_calls_that_waited_for_a_long_one_are_answered_many_at_a_time(host):
    def writes_of_round(first):
        numbers = range(first + 2, first + 602, 2)
        before = written_by(host.process)
        host.write(host.frame([CALL, first, "work"], encode({"how": "sleep", "seconds": 0.05})))
        host.until_running(first)
        host.write(b"".join(host.frame([CALL, n, "ping"], encode({})) for n in numbers))
        assert [host.receive()[0] for _ in range(301)] == [[REPLY, n] for n in (first, *numbers)]
        return written_by(host.process) - before

    # A batch that a busy machine interrupts turns long itself, and is helped.
    assert min(writes_of_round(1 + 1000 * round_) for round_ in range(5)) < 60


def test_the_end_of_a_stream_does_not_wait_for_the_slow_item_of_another(host):
    # The first pause is long enough for the watcher to be awake.
    pauses = {1: [0, 0.05], 3: [2 * PATIENCE, 0]}
    calls = [host.frame([CALL, n, "pauses", STREAM], encode({"seconds": pauses[n]})) for n in pauses]
    host.write(b"".join(calls))
    assert [host.receive()[0][:2] for _ in range(2)] == [[ITEM, 1], [END, 1]]


def test_two_streams_and_calls_share_the_worker(host):
    first = host.call("slow_count", {"n": 20, "seconds": 0.01}, flags=STREAM)
    second = host.call("slow_count", {"n": 20, "seconds": 0.01}, flags=STREAM)
    call = host.call("ping")
    frames = [host.receive()[0] for _ in range(43)]
    order = [header[1] for header in frames]
    assert order.index(call) < 8
    assert abs(order[:21].count(first) - order[:21].count(second)) <= 2
    assert [header for header in frames if header[0] == END] == [[END, first, 0, 20], [END, second, 0, 20]]


def test_an_exception_after_n_items_follows_the_n_items(host):
    number = host.call("count", {"n": 3, "fail": True}, flags=STREAM)
    items, (header, body) = items_until_end(host, number)
    assert (items, header, body["type"]) == ([0, 1, 2], [ERROR, number, "tool", 2], "LookupError")


def test_an_item_over_the_hosts_limit_ends_the_stream_and_the_worker_lives(host):
    number = host.call("growing", flags=STREAM)
    items, (header, body) = items_until_end(host, number)
    assert [len(item) for item in items] == [1 << power for power in range(10, 20)]
    assert header == [ERROR, number, "payload_too_large", 2]
    assert body["data"]["size"] > body["data"]["limit"]
    assert host.ask("ping") == "pong"


@pytest.mark.parametrize("seconds", [None, 0.001, 0.2])
def test_a_cancelled_stream_is_closed_and_its_finally_runs(host, seconds):
    tool, arguments = ("slow_count", {"n": 10**6, "seconds": seconds}) if seconds else ("count", {"n": 10**9})
    number = host.call(tool, arguments, flags=STREAM)
    host.receive()
    host.cancel(number)
    while (frame := host.receive())[0][0] == ITEM:
        pass
    assert frame[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == [tool]


def test_the_generators_of_a_worker_that_ends_are_closed_and_its_adapter_is_cleaned_up(host):
    host.call("count", {"n": 10**9}, flags=STREAM)
    host.receive()
    code, errors = host.close()
    assert (code, errors) == (0, "cleaned up\n")


@pytest.mark.parametrize("how", ["loop", "sleep"])
def test_a_wire_that_ends_behind_the_last_reply_of_a_long_call_lets_the_adapter_clean_up(host, how):
    assert host.ask("work", {"how": how, "seconds": 0.02}) == how
    assert host.close() == (0, "cleaned up\n")


# ---- cancellation


@pytest.mark.parametrize("how", ["sleep", "loop", "lock", "process"])
def test_a_running_call_is_interrupted(host, how):
    number = host.call("work", {"how": how, "seconds": 2 * PATIENCE})
    host.until_running(number)
    host.cancel(number)
    header, _ = host.receive()
    assert header == [ERROR, number, "cancelled", 1]
    assert host.ask("closed") == [how]


def test_a_queued_call_is_taken_out_and_never_runs(host):
    running = host.call("work", {"how": "sleep", "seconds": 0.3})
    queued = host.call("count", {"n": 1}, flags=STREAM)
    other = host.call("ping")
    host.until_running(running)
    host.cancel(queued)
    assert host.receive()[0] == [ERROR, queued, "cancelled", 0]
    assert host.receive() == ([REPLY, running], "sleep")
    assert host.receive() == ([REPLY, other], "pong")
    assert host.ask("closed") == []


def test_a_cancellation_that_python_swallows_is_repeated(host):
    number = host.call("work", {"how": "swallowed", "seconds": 30.0})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    assert host.ask("closed")[-1] == "swallowed"


def test_cancelling_what_has_ended_or_was_never_called_changes_nothing(host):
    assert host.ask("ping") == "pong"
    for number in (1, 1, 4001):
        host.cancel(number)
    os.kill(host.process.pid, signal.SIGURG)
    assert host.ask("ping") == "pong"


def test_a_cancellation_never_hits_the_next_call(host):
    """Each round cancels a call about when it ends, with an uncancelled one right behind it."""
    for round_ in range(300):
        microseconds = 800 + 5 * round_
        victim = host.call("work", {"how": "loop", "seconds": microseconds / 1e6})
        bystander = host.call("work", {"how": "loop", "seconds": 0.0002})
        end = time.monotonic() + microseconds / 1e6
        while time.monotonic() < end:
            pass
        host.cancel(victim)
        header, _ = host.receive()
        assert header in ([REPLY, victim], [ERROR, victim, "cancelled", 1], [ERROR, victim, "cancelled", 0])
        assert host.receive() == ([REPLY, bystander], "loop")


# ---- calling the host


def test_a_tool_calls_the_host_inside_its_call(host):
    number = host.call("ask", {"target": "$tools.list"}, remaining=5000)
    header, _ = host.receive()
    assert header[:4] == [CALL, header[1], "$tools.list", 0]
    assert header[1] % 2 == 0
    assert header[6] == number
    assert 4000 < header[4] <= 5000
    host.answer(header, b"\x07")
    assert host.receive() == ([REPLY, number], 7)


def test_the_hosts_error_reaches_the_tool(host):
    number = host.call("ask_failing")
    header, _ = host.receive()
    host.send([ERROR, header[1], "tool_not_found", 0], encode({"message": "no"}))
    assert host.receive() == ([REPLY, number], ["tool_not_found", 0])


def test_calls_that_arrive_while_a_tool_waits_for_the_host_run_afterwards(host):
    number = host.call("ask")
    header, _ = host.receive()
    later = host.call("ping")
    assert host.ping(1)[0][:2] == [0, number]
    host.answer(header)
    assert host.receive() == ([REPLY, number], 42)
    assert host.receive() == ([REPLY, later], "pong")


def test_a_deadline_ends_the_wait_for_the_host_and_takes_the_call_back(host):
    number = host.call("ask_failing", {"timeout": 0.05})
    header, _ = host.receive()
    assert host.receive()[0] == [CANCEL, header[1], "deadline"]
    assert host.receive() == ([REPLY, number], ["deadline_exceeded", 1])
    host.answer(header)
    assert host.ask("ping") == "pong", "a late answer is known and dropped"


def test_no_time_left_means_that_nothing_is_sent(host):
    assert host.ask("ask_failing", {"timeout": -1.0}) == ["deadline_exceeded", 0]


def test_a_tool_that_waits_for_the_host_can_be_cancelled(host):
    number = host.call("ask")
    header, _ = host.receive()
    host.cancel(number)
    assert host.receive()[0] == [CANCEL, header[1], "cancelled"]
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]
    host.answer(header)
    assert host.ask("ping") == "pong"


@pytest.mark.parametrize("how", ["loop", "sleep", "join"])
def test_another_thread_calls_the_host_whatever_the_main_thread_does(host, how):
    number = host.call("ask_from_thread", {"how": how, "seconds": 0.2})
    for expected in range(20):
        header, body = host.receive()
        assert (header[6], body) == (number, expected)
        host.answer(header, bytes([expected]))
    assert host.receive() == ([REPLY, number], list(range(20)))


# ---- processes and descriptors


def test_a_forked_child_that_comes_back_is_silent_and_the_parent_answers_once(host):
    assert host.ask("fork")[:2] == ["parent", 0]
    assert host.ask("ping") == "pong"


def test_a_forked_child_has_no_descriptor_of_the_wire(host):
    assert all(descriptor < 64 for descriptor in host.ask("fork_descriptors"))
    number = host.call("work", {"how": "gil", "seconds": 0.2})
    host.until_running(number)  # the watcher is back
    assert host.receive()[0] == [REPLY, number]


def test_the_watcher_is_away_while_python_forks_and_back_afterwards(host):
    assert host.ask("fork") == ["parent", 0, []], "no warning of several threads"
    assert len(host.ask("threads")) == 2, "it has no name before it runs for the first time"


def test_the_watcher_is_back_after_a_fork_in_another_thread(host):
    number = host.call("fork_from_thread", {"seconds": 30})
    host.until_running(number)
    host.cancel(number)
    assert host.receive()[0] == [ERROR, number, "cancelled", 1]


@pytest.mark.parametrize("how", ["subprocess", "fork", "spawn", "forkserver"])
def test_tools_may_start_processes(host, how):
    assert host.ask("spawn", {"how": how}) == ([42] if how == "subprocess" else [0, 1, 4, 9, 16])


def test_what_is_printed_in_any_way_goes_to_stderr(host):
    assert host.ask("noise") == "quiet"
    errors = host.close()[1]
    assert all(line in errors for line in ["print\n", "os.system\n", "os.write\n", "puts\n"])


def test_a_tool_that_reads_stdin_gets_its_end(host):
    assert host.ask("read_stdin")[1]["type"] == "EOFError"


def test_the_standard_streams_may_be_closed(host):
    assert host.ask("close_standard_streams") == "closed"
    assert host.ask("ping") == "pong"


def test_closing_the_wire_itself_ends_the_worker_with_a_code_of_its_own(host):
    host.call("close_everything")
    assert host.wait_for_exit() == 74


def test_our_own_descriptors_are_out_of_reach(host):
    links = host.ask("descriptors")
    assert links["0"] == "/dev/null"
    assert links["1"] == links["2"]
    ours = [link for number, link in links.items() if int(number) >= 64]
    assert sum("pipe:" in link for link in ours) == 2
    assert {"anon_inode:[timerfd]", "anon_inode:[eventfd]"} <= set(ours)
    assert not any("anon_inode" in link for number, link in links.items() if int(number) < 64)


def test_the_nonce_stays_in_the_environment_and_the_parents_number_does_not(host):
    environment = host.ask("environment")
    assert "SNAKEBRIDGE_NONCE" in environment
    assert "SNAKEBRIDGE_PARENT_PID" not in environment
    assert b"SNAKEBRIDGE_NONCE=" in Path(f"/proc/{host.process.pid}/environ").read_bytes()


# ---- the status page


def test_the_status_page_tells_what_entered_and_what_left_user_code(monkeypatch):
    nonce = secrets.token_hex(16)
    monkeypatch.setattr(scripted_host.secrets, "token_hex", lambda _: nonce)
    descriptor = os.memfd_create("status")
    os.ftruncate(descriptor, 4096)
    page = mmap.mmap(descriptor, 4096)
    page[:16] = nonce[:16].encode()
    counters = lambda: struct.unpack_from("=QQ", page, 16)  # noqa: E731
    with Host(status_fd=descriptor) as host:
        host.ready()
        assert counters() == (0, 0)
        host.ask("ping")
        assert counters() == (1, 1)
        stream = host.call("slow_count", {"n": 2, "seconds": 0.01}, flags=STREAM)
        host.receive()
        assert counters() == (stream, 1)
        host.receive()
        host.receive()
        running = host.call("work", {"how": "sleep", "seconds": 30})
        host.until_running(running)
        assert counters() == (running, stream)
        assert host.ask("nobody")[0][0] == ERROR
        assert counters() == (running, stream), "what is refused does not enter user code"
    os.close(descriptor)


@pytest.mark.parametrize("written", [b"another nonce!!!", b""])
def test_a_page_of_another_launch_is_left_alone(written):
    descriptor = os.memfd_create("status")
    os.ftruncate(descriptor, 4096)
    os.pwrite(descriptor, written, 0)
    with Host(status_fd=descriptor) as host:
        host.ready()
        assert host.ask("ping") == "pong"
        assert os.pread(descriptor, 16, 16) == bytes(16)
    os.close(descriptor)


# ---- ends


def bare_worker(**environment):
    return subprocess.Popen(
        [sys.executable, "-I", "-m", "snakebridge.worker"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, **environment},
    )


@pytest.mark.parametrize("parent", ["self", "other"])
def test_without_a_host_a_worker_ends_with_its_own_code(parent):
    number = os.getpid() if parent == "self" else os.getppid()
    worker = bare_worker(SNAKEBRIDGE_NONCE="n", SNAKEBRIDGE_PARENT_PID=str(number))
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 70
    assert b"before it said HELLO" in errors if parent == "self" else b"the host has died" in errors


def test_a_worker_that_nobody_launched_says_so():
    worker = bare_worker()
    _, errors = worker.communicate(timeout=PATIENCE)
    assert worker.returncode == 1
    assert b"this is a worker of a snakebridge host" in errors


@pytest.mark.parametrize(
    ("frame", "kind"),
    [
        (b"\xff\xff\xff\xff", "frame_too_large"),
        (b"\0\0\0\0", "empty"),
        (b"\0\0\0\x01\x01", "shape"),
        (b"\0\0\0\x03\x92\x02\xc1", "shape"),
        (b"\0\0\0\x02\x91\x64", "unknown_kind"),
        (b"\0\0\0\x07\x93\x02\x02\xa3add", "id"),
        (b"\0\0\0\x03\x92\x03\x02", "id"),
        (b"\0\0\0\x05\x94\x08\x05\x00\x01", "flow"),
    ],
)
def test_a_host_that_breaks_the_protocol_ends_the_worker_which_says_how(host, frame, kind):
    host.write(frame)
    assert host.wait_for_exit() == 76
    assert f"the host broke the protocol ({kind})" in host.process.stderr.read().decode()


def test_an_optional_frame_is_ignored(host):
    host.send([200, "anything", [1, 2]])
    assert host.ask("ping") == "pong"


@pytest.mark.parametrize("how", ["gil", "loop", "sleep"])
def test_a_busy_worker_dies_with_its_host(how):
    """A host of its own process, killed while its worker is busy."""
    script = f"""
import sys, time
sys.path[:0] = [{str(HERE)!r}, {str(HERE.parent)!r}]
from test_wire_loop import Host
host = Host().ready()
number = host.call("work", {{"how": {how!r}, "seconds": 60}})
host.until_running(number)
print(host.process.pid, flush=True)
time.sleep(60)
"""
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as parent:
        worker = int(parent.stdout.readline())
        parent.kill()
    end = time.monotonic() + 1.0
    while time.monotonic() < end:
        try:
            if Path(f"/proc/{worker}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return  # dead; whoever adopted it has not looked yet
        except FileNotFoundError:
            return
        time.sleep(0.01)
    os.kill(worker, signal.SIGKILL)
    raise AssertionError("the worker outlived its host")


def test_a_worker_sees_its_wire_end_under_a_running_tool(host):
    host.until_running(host.call("work", {"how": "gil", "seconds": 60}))
    host.process.stdin.close()
    assert host.wait_for_exit() == 70
    host.process.stdin = None


def test_a_worker_dumps_no_core_and_gains_no_privileges(host):
    limits = Path(f"/proc/{host.process.pid}/limits").read_text()
    status = Path(f"/proc/{host.process.pid}/status").read_text()
    assert any(line.split()[:6] == ["Max", "core", "file", "size", "0", "0"] for line in limits.splitlines())
    assert "NoNewPrivs:\t1\n" in status
