"""Which context code finds that copies the context variables of its thread."""

from wire_host import STREAM, WINDOW

from scripted_host import CREDIT, END


def test_nobody_finds_the_context_of_an_earlier_call(host):
    assert host.ask("asks_for_its_context", session="first") == "first"
    assert host.ask("copied", session="second") is None


def test_a_call_without_a_correlation_id_is_known_by_its_connection_and_number(host):
    for number in (1, 3):
        assert host.ask("correlation_id") == f"{host.nonce[:12]}-{number}"
    assert host.ask("correlation_id", meta={"correlation_id": "given"}) == "given"


def test_a_stream_finds_its_own_context_again_after_others_have_run(host):
    number = host.call("keeps_its_context", {"filler": WINDOW + 1}, flags=STREAM, session="stream")
    assert len(host.receive()[1]) == WINDOW + 1
    assert host.ask("asks_for_its_context", session="other") == "other", "while the stream has no credit"
    host.send([CREDIT, number, 0, WINDOW])
    assert host.receive()[1] == "stream"
    assert host.receive()[0] == [END, number, 0, 2]
    assert host.ask("copied", session="other") is None
