"""Objects that stay in the worker: the table, what may be reached, and what is done with them."""

from __future__ import annotations

import gc
import inspect
import json
import math
import os
import threading
from typing import Any

import msgspec
import pytest

from snakebridge import InvalidArgument, ReferenceLost, Unserializable, keep
from snakebridge.encoding import encode
from snakebridge.references import kept
from snakebridge.references.calls import ReferenceCalls
from snakebridge.references.kept import OBJECT
from snakebridge.references.rules import Rules
from snakebridge.references.table import ReferenceTable

MODULES = ["math", "json", "os", "builtins"]


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> ReferenceCalls:
    """What a worker answers in a call of session 7."""
    monkeypatch.setattr(kept, "_table", None)
    monkeypatch.setattr(kept, "running_session", lambda: 7)
    return ReferenceCalls(Rules(maximum=3, modules=MODULES))


def ask(call: Any, **request: Any) -> Any:
    return msgspec.msgpack.decode(call(msgspec.msgpack.encode(request)))


def reference(answer: msgspec.msgpack.Ext) -> msgspec.msgpack.Ext:
    """An object as the host names it, from how the worker did."""
    session, number, _ = msgspec.msgpack.decode(answer.data)
    return msgspec.msgpack.Ext(OBJECT, msgspec.msgpack.encode((session, number)))


def kept_list(calls: ReferenceCalls, *items: Any) -> msgspec.msgpack.Ext:
    return reference(
        ask(calls.call, module="builtins", path="list", arguments=[[items], {}], result="object")
    )


def test_of_a_sessions_objects_the_one_that_was_used_longest_ago_goes_and_no_others_do():
    table = ReferenceTable(maximum=2)
    other = table.keep(8, "other")
    first, second = table.keep(7, "first"), table.keep(7, "second")
    assert table.get(7, first) == "first"
    third = table.keep(7, "third")
    assert [table.get(7, number) for number in (first, third)] == ["first", "third"]
    for session, number in [(7, second), (7, other), (8, first), (9, 1), (7, 0), (7, -1)]:
        with pytest.raises(ReferenceLost):
            table.get(session, number)
    assert (table.get(8, other), len(table)) == ("other", 3)


def test_what_is_released_is_gone_and_what_was_gone_is_none():
    table = ReferenceTable(maximum=9)
    numbers = [table.keep(session, session) for session in (7, 7, 8)]
    table.release([numbers[0], numbers[0], 99])
    assert len(table) == 2
    table.end([7, 7, 9])
    assert (len(table), table.get(8, numbers[2])) == (1, 8)
    table.release(numbers)
    assert len(table) == 0
    assert table.keep(7, "again") not in numbers


def test_what_an_object_does_when_it_is_dropped_may_use_the_table():
    table = ReferenceTable(maximum=1)

    class Keeps:
        def __del__(self) -> None:
            table.keep(8, "last words")

    table.keep(7, Keeps())
    table.keep(7, Keeps())
    table.end([7])
    gc.collect()
    assert len(table) == 1


def test_threads_keep_and_release_at_once():
    table = ReferenceTable(maximum=50)

    def work(session: int) -> None:
        for round_ in range(2000):
            table.release([table.keep(session, round_)])

    threads = [threading.Thread(target=work, args=(number % 2,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(table) == 0


def test_keep_needs_a_pool_that_allows_it_and_a_session(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(kept, "_table", None)
    with pytest.raises(Unserializable, match="references"):
        encode(keep(1))
    kept.allow(3)
    with pytest.raises(Unserializable, match="belongs to none"):
        encode(keep(1))
    assert repr(keep({})) == "<kept dict>"


def test_a_result_that_is_encoded_twice_is_kept_once(calls: ReferenceCalls):
    assert kept._table is not None
    with pytest.raises(Unserializable):
        encode([keep(1), object()])
    assert len(kept._table) == 1


def test_the_result_travels_as_it_is_asked_for(calls: ReferenceCalls):
    assert ask(calls.attribute, module="math", path="pi") == math.pi
    assert ask(calls.call, module="os", path="path.join", arguments=[["a", "b"], {}]) == "a/b"
    assert ask(calls.call, module="json", path="dumps", arguments=[[[1]], {"indent": None}]) == "[1]"
    assert ask(calls.call, module="builtins", path="dict", arguments={"a": 1}, result="either") == {"a": 1}
    made = ask(calls.call, module="builtins", path="object", result="either")
    assert (made.code, msgspec.msgpack.decode(made.data)) == (OBJECT, [7, 1, "object"])
    assert ask(calls.call, module="builtins", path="print", result="object") is None
    with pytest.raises(Unserializable, match="expects an `Object`"):
        ask(calls.call, module="builtins", path="object")


def test_everything_is_done_with_an_object(calls: ReferenceCalls):
    items = kept_list(calls, 3, 1, 2)
    assert ask(calls.length, object=items) == 3
    assert ask(calls.item, object=items, key=1) == 1
    ask(calls.set_item, object=items, key=0, value=items)
    assert ask(calls.representation, object=items) == "[[...], 1, 2]"
    ask(calls.set_item, object=items, key=0, value=3)
    assert [
        msgspec.msgpack.decode(item) for item in calls.iterate(msgspec.msgpack.encode({"object": items}))
    ] == [
        3,
        1,
        2,
    ]
    assert ask(calls.call, object=items, path="index", arguments=[[2], {}]) == 2
    assert ask(calls.attribute, object=items) == [3, 1, 2]
    ask(calls.release, objects=[1])
    with pytest.raises(ReferenceLost):
        ask(calls.length, object=items)


def test_what_is_asynchronous_is_sent_by_a_coroutine_and_what_is_both_is_not(
    calls: ReferenceCalls, monkeypatch: pytest.MonkeyPatch
):
    class Later:
        def __aiter__(self) -> Any: ...

    class Both(Later):
        def __iter__(self) -> Any:
            return iter([1])

    class ByIndex:
        def __getitem__(self, index: int) -> int:
            return [1, 2][index]

    class Neither: ...

    def iterated(value: Any) -> Any:
        monkeypatch.setattr("snakebridge.references.calls.read_object", lambda _: value)
        return calls.iterate(msgspec.msgpack.encode({"object": msgspec.msgpack.Ext(OBJECT, b"")}))

    coroutine = iterated(Later())
    assert inspect.iscoroutine(coroutine)
    coroutine.close()
    assert [len(list(iterated(each()))) for each in (Both, ByIndex)] == [1, 2]
    with pytest.raises(
        TypeError, match=r"Neither` cannot be iterated over: expected .* `__aiter__`, such as"
    ):
        iterated(Neither())


def test_a_long_repr_is_cut(calls: ReferenceCalls):
    text = reference(
        ask(calls.call, module="builtins", path="str", arguments=[["x" * 100_000], {}], result="object")
    )
    shown = ask(calls.representation, object=text)
    assert len(shown) == 65_536
    assert shown.endswith("…")


@pytest.mark.parametrize("module", ["subprocess", "posix", "os;", "", "os.", "_io", "os.__init__", "jsonx"])
def test_modules_that_are_not_allowed_are_not_imported(calls: ReferenceCalls, module: str):
    with pytest.raises(InvalidArgument) as refused:
        ask(calls.attribute, module=module, path="x")
    assert not refused.value.tool_ran


@pytest.mark.parametrize(
    "path", ["_default_decoder", "codecs", "decoder.scanner.re", "loads.__globals__", "", "a b"]
)
def test_neither_private_names_nor_other_modules_are_reached(calls: ReferenceCalls, path: str):
    with pytest.raises(InvalidArgument):
        ask(calls.attribute, module="json", path=path, result="object")
    with pytest.raises(InvalidArgument):
        ask(calls.call, module="json", path=path)


def test_what_a_module_calls_itself_does_not_matter(calls: ReferenceCalls):
    assert os.path.__name__ != "os.path"
    assert ask(calls.attribute, module="os.path", path="sep") == os.sep
    assert ask(calls.attribute, module="os", path="path.sep") == os.sep
    assert json.decoder.__name__ == "json.decoder"
    assert ask(calls.attribute, module="json", path="decoder.NaN", result="object").code == OBJECT


def test_objects_of_another_session_are_refused(calls: ReferenceCalls, monkeypatch: pytest.MonkeyPatch):
    items = kept_list(calls)
    monkeypatch.setattr(kept, "running_session", lambda: 8)
    with pytest.raises(InvalidArgument, match="another session"):
        ask(calls.length, object=items)


@pytest.mark.parametrize("body", [b"", b"\xc0", b"\x90", b"\x81\xa6object\x01", b"\x81\xa1x\x01", b"\x80"])
def test_requests_that_make_no_sense_never_ran(calls: ReferenceCalls, body: bytes):
    for call in (calls.call, calls.attribute, calls.length, calls.set_attribute):
        with pytest.raises(InvalidArgument) as refused:
            call(body)
        assert not refused.value.tool_ran
