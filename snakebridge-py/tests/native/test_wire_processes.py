"""Forks, descriptors and the standard streams."""

from pathlib import Path

import pytest

from scripted_host import ERROR, REPLY


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
