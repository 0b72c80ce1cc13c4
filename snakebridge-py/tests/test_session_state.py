"""`context.state`: the session's state as a tool reads and changes it."""

import asyncio

import pytest

from snakebridge import (
    Conflict,
    HostToolError,
    SessionError,
    SessionExpired,
    SessionNotFound,
    SessionQuota,
    Unserializable,
)
from snakebridge.testing import FakeHost


@pytest.fixture
def host():
    return FakeHost()


@pytest.fixture
def state(host):
    return host.context("session-1").state


def test_what_is_written_in_one_call_is_read_in_another(host):
    host.context("session-1").state.set("cart", ["tea"])
    assert host.context("session-1").state.get("cart") == ["tea"]
    assert host.context("session-2").state.get("cart") is None


def test_each_operation_is_one_question_with_arguments_by_name(host, state):
    state.set("a", 1)
    state.get("a")
    state.compare_and_set("a", 1, 2)
    state.keys()
    state.delete("a")
    assert [(call.target, call.arguments) for call in host.calls] == [
        ("$state.set", {"key": "a", "value": 1}),
        ("$state.get", {"key": "a"}),
        ("$state.cas", {"key": "a", "expected": 1, "value": 2}),
        ("$state.keys", {}),
        ("$state.delete", {"key": "a"}),
    ]


def test_a_key_that_is_not_there_gives_the_default(state):
    assert state.get("a") is None
    assert state.get("a", 5) == 5
    assert state.get_versioned("a", 5) == (0, 5)


def test_none_is_a_value(state):
    state.set("a", None)
    assert state.get("a", 5) is None
    assert "a" in state


def test_versions_grow_with_every_write_also_over_a_deletion(state):
    assert state.set("a", "x") == 1
    assert state.set("a", "y") == 2
    assert state.get_versioned("a") == (2, "y")
    assert state.delete("a") is True
    assert state.delete("a") is False
    assert state.set("a", "z") == 3


def test_keys_are_listed_sorted(state):
    for key in ("b", "a"):
        state.set(key, 1)
    assert state.keys() == ["a", "b"]
    assert "a" in state
    assert "c" not in state


def test_compare_and_set_writes_what_nobody_has_changed(state):
    assert state.compare_and_set("a", 0, "new") == 1
    assert state.compare_and_set("a", 1, "newer") == 2
    assert state.get("a") == "newer"


def test_compare_and_set_says_at_which_version_the_key_is(state):
    state.set("a", 1)
    state.set("a", 2)
    with pytest.raises(Conflict, match="version 2, not 1") as caught:
        state.compare_and_set("a", 1, 3)
    assert caught.value.current_version == 2
    assert state.get("a") == 2
    with pytest.raises(Conflict) as caught:
        state.compare_and_set("b", 4, 1)
    assert caught.value.current_version == 0


def test_every_operation_can_be_awaited(state):
    async def run():
        results = [
            await state.aset("a", 1),
            await state.aget("a"),
            await state.aget("b", 7),
            await state.aget_versioned("a"),
            await state.acompare_and_set("a", 1, 2),
            await state.akeys(),
            await state.adelete("a"),
        ]
        with pytest.raises(Conflict):
            await state.acompare_and_set("a", 9, 1)
        return results

    assert asyncio.run(run()) == [1, 1, 7, (1, 1), 2, ["a"], True]


def test_a_call_without_a_session_has_no_state(host):
    with pytest.raises(SessionNotFound):
        host.context().state.get("a")


def test_a_session_that_ended_meanwhile_keeps_nothing(host, state):
    host.sessions["session-1"].is_over = True
    with pytest.raises(SessionExpired):
        state.set("a", 1)


def test_a_value_that_is_too_large_is_refused(state):
    with pytest.raises(SessionQuota, match="2000005 bytes"):
        state.set("a", bytes(2_000_000))
    assert "a" not in state


@pytest.mark.parametrize("key", ["", "a\nb", "ü" * 129, "\x7f"])
def test_a_key_that_is_not_allowed_is_an_argument_that_is_not(state, key):
    with pytest.raises(HostToolError) as caught:
        state.set(key, 1)
    assert caught.value.code == "invalid_argument"


def test_a_value_that_cannot_leave_is_named(host, state):
    with pytest.raises(Unserializable, match=r"\$\.value\.owner"):
        state.set("a", {"owner": object()})
    assert host.calls == []


def test_all_errors_of_sessions_are_errors_of_the_host():
    for kind in (SessionNotFound, SessionExpired, SessionQuota, Conflict):
        error = kind("x")
        assert isinstance(error, SessionError)
        assert isinstance(error, HostToolError)
        assert error.code == kind.wire_code
