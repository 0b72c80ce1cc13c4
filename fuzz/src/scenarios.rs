//! What large bodies, streams among the arguments, cancelling and going away look like, as inputs of the target `peer`.
//!
//! Chance would take long to find a frame that fits the one before it. Each scenario is played by both roles, in whole
//! frames and in pieces.

use snakebridge::wire::{Limits, Role};

use crate::script::{Answer, Script};

/// Longer than any fragment, and four times that.
const LARGE: u64 = 70_000;
const HUGE: u64 = 200_000;

/// Every limit has its default.
const DEFAULTS: Limits = Limits { frame: 0, body: 0, depth: 0, items: 0, window: 0, calls: 0 };

/// One side of a connection, and the ids that calls get there.
#[derive(Debug, Clone, Copy)]
struct Side {
    role: Role,
}

impl Side {
    fn start(self) -> Script {
        self.limited(DEFAULTS, DEFAULTS)
    }

    fn limited(self, ours: Limits, theirs: Limits) -> Script {
        Script::new(self.role, ours, theirs)
    }

    /// The id of our call of this place, from 0.
    fn ours(self, place: u64) -> u64 {
        2 * place + if self.role == Role::Host { 1 } else { 2 }
    }

    /// The id of the other side's call of this place, from 0.
    fn theirs(self, place: u64) -> u64 {
        2 * place + if self.role == Role::Host { 2 } else { 1 }
    }
}

/// All of them.
pub(crate) fn scenarios() -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for role in [Role::Host, Role::Worker] {
        let side = Side { role };
        let groups =
            [out(side), answers(side), streams_out(side), streams_in(side), ends(side), limits(side), lies(side)];
        for (start, script) in groups.into_iter().flatten() {
            // Inside the prefix, behind it, at the end of the header, and in the middle of the body.
            let in_pieces = start.pieces(&[2, 3, 0, 1, 9, 255, 255]).then(&script);
            inputs.extend([start.then(&script).finish(), in_pieces.finish()]);
        }
    }
    inputs
}

/// A start and what follows.
type Scenario = (Script, Script);

/// Large arguments of ours, and what stops them.
fn out(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let turns = steps.clone().call(false, 0, LARGE).call(false, 0, HUGE).call(false, 0, 9).fragments(7);
    let cancelled = steps.clone().call(false, 0, HUGE).fragments(2).cancel(0).fragments(1);
    let answered_early = steps.clone().call(false, 0, HUGE).fragments(1).answered(0, Answer::Error, 5, false);
    let withdrawn_cross = cancelled.clone().answered(0, Answer::Error, 0, false).call(false, 0, LARGE).fragments(2);
    let closed = steps.call(true, 0, HUGE).fragments(1);
    with(&side.start(), [turns, cancelled, answered_early.fragments(2), withdrawn_cross, closed])
}

/// Large answers to calls of ours, and large items.
fn answers(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let plain = steps.clone().call(false, 0, 3).call(false, 0, 3);
    let reply = plain.clone().answered(0, Answer::Reply, 60_000, true).answered(1, Answer::Reply, 300, true);
    let turns =
        reply.clone().answered_part(0, 30_000).answered_part(1, 200).answered_part(0, 30_000).answered_part(0, 100);
    // Dropped to the end, or broken off by an error.
    let cancelled = reply.clone().answered_part(0, 30_000).cancel(0);
    let dropped = cancelled.clone().answered_part(0, 30_000).answered_part(0, 300);
    let broken_off = cancelled.any_reply(side.ours(0), None, 4).part(side.ours(0), 0, 30_000);
    let late = plain.clone().cancel(0).answered(0, Answer::Reply, 60_000, true).answered_part(0, 60_000);
    let stream = steps.call(true, 0, 3);
    let items = stream.clone().answered_item(0, 100, false).answered_item(0, 60_000, true).answered_part(0, 30_000);
    let ended = items.clone().answered_part(0, 30_000).answered(0, Answer::End, 50_000, true).answered_part(0, 50_000);
    let consumed = (0..4)
        .fold(stream.clone(), |script, _| script.answered_item(0, 60_000, true).answered_part(0, 60_000).consume(0));
    let given_up = items.cancel(0).any_end(side.ours(0), (0, 2), None, 0).part(side.ours(0), 0, 30_000);
    let exhausted =
        (0..6).fold(stream, |script, _| script.answered_item(0, 65_000, false)).consume(0).consume(0).consume(0);
    let restarted = exhausted.answered_item(0, 10, false).answered(0, Answer::End, 0, false);
    with(&side.start(), [turns, dropped, broken_off, late, ended, consumed, given_up, restarted])
}

/// What we answer: large results, large items, and ends behind them.
fn streams_out(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let plain = steps.clone().called(false, 0, None).called(false, 0, None);
    let replies = plain.answer(0, Answer::Reply, HUGE).answer(0, Answer::Reply, LARGE).fragments(7);
    let arguments = steps.clone().called(false, 0, Some(90_000)).called_part(0, 60_000).called_part(0, 60_000);
    let arguments = arguments.answer(0, Answer::Reply, 10);
    let withdrawn = steps.clone().called(false, 1, Some(90_000)).called_part(0, 60_000).cancelled(side.theirs(0));
    let withdrawn = withdrawn.part(side.theirs(0), 0, 30_000);
    let refused = steps.clone().called(false, 1, Some(90_000)).called_part(0, 60_000).answer(0, Answer::Error, 0);
    let refused = refused.part(side.theirs(0), 0, 30_000).called(false, 0, None);
    let stream = steps.called(true, 0, None);
    let items = stream.clone().item(0, 10).item(0, LARGE).item(0, 10);
    let sent = items.clone().fragments(2).item(0, 10).credit(side.theirs(0), 0, 70_000).answer(0, Answer::End, 0);
    let end_behind = items.clone().fragments(1).answer(0, Answer::End, 8).fragments(2);
    let large_end_behind = items.clone().answer(0, Answer::End, HUGE).fragments(7);
    let error_behind = items.clone().answer(0, Answer::Error, 8).fragments(3);
    let cancelled = items.clone().fragments(1).cancelled(side.theirs(0)).fragments(1).answer(0, Answer::Error, 0);
    let cancelled_behind = items.answer(0, Answer::End, HUGE).fragments(1).cancelled(side.theirs(0)).fragments(5);
    let exhausted = (0..5).fold(stream, |script, _| script.item(0, LARGE).fragments(2));
    let restarted = exhausted.credit(side.theirs(0), 0, 200_000).item(0, 10).answer(0, Answer::End, LARGE).fragments(2);
    let others = [refused, error_behind, cancelled, cancelled_behind, restarted];
    with(&side.start(), [replies, arguments, withdrawn, sent, end_behind, large_end_behind].into_iter().chain(others))
}

/// Streams among the arguments, ours and theirs.
fn streams_in(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let (mine, yours) = (side.ours(0), side.theirs(0));
    let two = steps.clone().call(false, 2, 3);
    let sent = two.clone().input_item(0, 1, 10).input_item(0, 2, HUGE).input_item(0, 2, 10).input_item(0, 1, LARGE);
    let behind = sent.clone().end_input(0, 2).fragments(6).end_input(0, 1).answered(0, Answer::Reply, 9, false);
    let cancelled = sent.clone().fragments(2).cancel(0).fragments(1).answered(0, Answer::Error, 0, false);
    let answered = sent.fragments(1).answered(0, Answer::Reply, 9, false).fragments(2).credit(mine, 1, 100);
    let exhausted = (0..4).fold(two, |script, _| script.input_item(0, 1, LARGE).fragments(2)).input_item(0, 1, 10);
    let restarted = exhausted.input_item(0, 2, 10).credit(mine, 1, 200_000).input_item(0, 1, 10).end_input(0, 1);

    let two = steps.called(true, 2, None);
    let coming =
        two.clone().called_item(0, 1, 10, false).called_item(0, 2, 60_000, true).called_item_part(0, 2, 20_000);
    let interleaved = coming.clone().called_item(0, 1, 50_000, true).called_item_part(0, 1, 50_000);
    let whole = interleaved.called_item_part(0, 2, 40_000).consume_input(0, 2).called_end(0, 2).called_end(0, 1);
    let whole = whole.item(0, 5).answer(0, Answer::End, 5);
    // What crosses the answer is forgiven: the rest of an item, further ones, an end.
    let late = coming.clone().answer(0, Answer::End, 0).part(yours, 2, 40_000).any_item(yours, (1, 1), None, 50);
    let late = late.any_item(yours, (1, 2), Some(60_000), 0).part(yours, 1, 60_000).any_end(yours, (1, 3), None, 0);
    let late_lie = coming.clone().answer(0, Answer::End, 0).any_end(yours, (1, 3), Some(9), 0);
    let honest_late = coming.clone().answer(0, Answer::End, 0).late_item(0, 1, 200, true).late_item_part(0, 2, 40_000);
    let honest_late =
        honest_late.late_item_part(0, 1, 200).late_end(0, 1).late_item(0, 2, 60_000, false).late_end(0, 2);
    let given_up = coming.cancelled(yours).part(yours, 2, 40_000);
    let credit = (0..5).fold(two, |script, _| {
        script.called_item(0, 1, 60_000, true).called_item_part(0, 1, 60_000).consume_input(0, 1)
    });
    with(&side.start(), [behind, cancelled, answered, restarted, whole, late, late_lie, honest_late, given_up, credit])
}

/// GOAWAY of either side, and calls that cross it.
fn ends(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let leaving = steps.clone().called(false, 0, None).go_away().called(false, 1, Some(90_000)).go_away();
    let crossing = leaving.part(side.theirs(1), 0, 60_000).any_item(side.theirs(1), (1, 0), None, 500);
    let crossing = crossing.part(side.theirs(1), 0, 30_000).answer(0, Answer::Reply, LARGE).fragments(2);
    let honest = steps.clone().go_away().called(false, 1, Some(60_000)).late_part(0, 60_000).late_item(0, 1, 300, true);
    let honest = honest.late_item_part(0, 1, 300).late_end(0, 1);
    let calls =
        steps.call(false, 0, HUGE).call(true, 1, LARGE).call(false, 0, LARGE).fragments(3).input_item(1, 1, LARGE);
    let sent_away = calls.clone().sent_away(side.ours(0)).call(false, 0, 3).fragments(4);
    let sent_away = sent_away.answered(0, Answer::Reply, 60_000, true).answered_part(0, 60_000);
    let all = calls.sent_away(0).fragments(1).called(false, 0, None).answer(0, Answer::Reply, 3);
    with(&side.start(), [crossing, honest, sent_away, all])
}

/// Bodies that wait for room, and limits that are nearly nothing.
fn limits(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let narrow = side.limited(DEFAULTS, Limits { body: 100_000, ..DEFAULTS });
    let waiting = steps.clone().call(false, 0, LARGE).call(false, 0, LARGE + 1).call(false, 0, LARGE + 2);
    let passed = waiting.clone().fragments(1).call(false, 0, 66_000).fragments(8);
    let freed = waiting.fragments(1).cancel(0).fragments(5);
    let mut scenarios = with(&narrow, [passed, freed]);

    let narrow = side.limited(Limits { body: 1_000, window: 128, ..DEFAULTS }, DEFAULTS);
    let two = steps.clone().call(false, 0, 3).call(false, 0, 3).answered(0, Answer::Reply, 600, true);
    let two = two.answered(1, Answer::Reply, 600, true).answered_part(0, 500).answered_part(1, 100);
    let honest = two.clone().answered_part(0, 100).answered_part(1, 600);
    let freed = two.clone().cancel(0).answered_part(1, 600);
    let greedy = two.part(side.ours(1), 0, 100);
    let inputs = steps.clone().called(false, 2, Some(900)).called_part(0, 900).called_item(0, 1, 600, true);
    let inputs = inputs.called_item_part(0, 1, 300).called_item(0, 2, 600, true).part(side.theirs(0), 2, 300);
    // As much as the credit allows, the longest item, and the end.
    let late = steps.clone().called(false, 1, None).answer(0, Answer::Reply, 0).late_item(0, 1, 127, false);
    let late = late.late_item(0, 1, 1_000, false).late_end(0, 1);
    scenarios.extend(with(&narrow, [honest, freed, greedy, inputs, late]));

    // A fragment is a few bytes long.
    let short = side.limited(DEFAULTS, Limits { frame: (16 << 10) + 100, window: 1_000, calls: 2, ..DEFAULTS });
    let many = steps.call(false, 1, 450).call(false, 0, 250).call(false, 0, 1).fragments(8).input_item(0, 1, 250);
    scenarios.extend(with(&short, [many.fragments(2).end_input(0, 1).fragments(2)]));
    scenarios
}

/// What no honest side sends.
fn lies(side: Side) -> Vec<Scenario> {
    let steps = Script::steps(side.role);
    let (mine, yours) = (side.ours(0), side.theirs(0));
    let called = steps.clone().call(true, 1, 3).called(true, 1, None).called(false, 0, Some(500));
    let item = called.clone().any_item(mine, (0, 0), Some(500), 0).part(mine, 0, 200);
    let twice = item.clone().any_item(mine, (0, 1), Some(500), 0);
    let too_much = item.clone().part(mine, 0, 301);
    let other_stream = item.part(mine, 1, 300);
    let unannounced = called.clone().part(mine, 0, 10);
    let both = called.clone().any_item(yours, (1, 0), Some(500), 1);
    let returned = called.clone().any_end(yours, (1, 0), Some(500), 0);
    let with_body = called.clone().any_end(yours, (1, 0), None, 5);
    let after_end = called.clone().any_end(yours, (1, 0), None, 0).any_item(yours, (1, 0), None, 5);
    let no_such = called.clone().part(yours, 2, 5);
    let ended_early = called.any_item(yours, (1, 0), Some(500), 0).any_end(yours, (1, 1), None, 0);
    let stray = steps.call(false, 0, 3).answered(0, Answer::Reply, 3, false).any_reply(mine, Some(500), 0);
    let stray = stray.part(mine, 0, 300).part(mine, 0, 200).part(mine, 0, 1);
    let others = [both, returned, with_body, after_end, no_such, ended_early, stray];
    with(&side.start(), [twice, too_much, other_stream, unannounced].into_iter().chain(others))
}

fn with(start: &Script, scripts: impl IntoIterator<Item = Script>) -> Vec<Scenario> {
    scripts.into_iter().map(|script| (start.clone(), script)).collect()
}
