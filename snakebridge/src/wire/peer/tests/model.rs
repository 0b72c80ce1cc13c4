//! Two honest peers under any interleaving of calls, streams both ways, large bodies, cancels, a going away, partial
//! deliveries and the death of either side, beside a model that only remembers what was asked and sent.
//!
//! Checked throughout: no honest peer is taken for a liar (`deliver` unwraps); every call ends exactly once or is handed
//! back; items arrive whole, in order and without gaps; what a side holds of large bodies stays within its limit; and
//! when everything has been said, every table, outbox and budget is empty.

use std::collections::{HashMap, HashSet};

use proptest::prelude::*;

use super::*;
use crate::wire::limits::HEADER_ROOM;

const BODY: usize = 900;

fn limits() -> Limits {
    Limits { frame: HEADER_ROOM as u64 + 64, body: BODY as u64, window: 300, ..Limits::default() }
}

#[derive(Debug, Clone)]
enum Step {
    Call {
        stream: bool,
        inputs: u64,
        size: usize,
    },
    Cancel(usize),
    Input(usize, usize),
    EndInput(usize),
    /// Write fragments, then deliver so many pending bytes to the worker and to the host.
    Deliver(usize, usize),
    /// Answer with a body of so many bytes, or with an error.
    Answer(usize, usize, bool),
    Item(usize, usize),
    Consume(usize),
    GoAway,
}

fn step() -> impl Strategy<Value = Step> {
    let size = || prop_oneof![0usize..40, 0usize..BODY];
    prop_oneof![
        4 => (any::<bool>(), 0u64..3, size()).prop_map(|(stream, inputs, size)| Step::Call { stream, inputs, size }),
        1 => any::<usize>().prop_map(Step::Cancel),
        3 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Input(which, size)),
        1 => any::<usize>().prop_map(Step::EndInput),
        6 => (0usize..400, 0usize..400).prop_map(|(there, back)| Step::Deliver(there, back)),
        2 => (any::<usize>(), size(), any::<bool>()).prop_map(|(which, size, ok)| Step::Answer(which, size, ok)),
        4 => (any::<usize>(), size()).prop_map(|(which, size)| Step::Item(which, size)),
        4 => any::<usize>().prop_map(Step::Consume),
        1 => Just(Step::GoAway),
    ]
}

/// A body that says how long it is, and so whether it arrived whole.
fn body(size: usize) -> Vec<u8> {
    vec![size.to_le_bytes()[0]; size]
}

#[derive(Default)]
struct Model {
    /// Calls of the host: id, whether it streams, how many inputs, bytes of its arguments.
    asked: Vec<(u64, bool, u64, usize)>,
    cancelled: HashSet<u64>,
    /// What the worker has to answer.
    owed: Vec<(u64, bool)>,
    ended: Vec<u64>,
    handed_back: Vec<u64>,
    sent: HashMap<(u64, u64), Vec<usize>>,
    arrived: HashMap<(u64, u64), Vec<usize>>,
    unconsumed: Vec<(u64, u64, usize)>,
}

struct Pair {
    host: TestPeer,
    worker: TestPeer,
    there: Vec<u8>,
    back: Vec<u8>,
    model: Model,
}

impl Pair {
    fn new() -> Self {
        let (host, worker) = open_pair(limits());
        Self { host, worker, there: Vec::new(), back: Vec::new(), model: Model::default() }
    }

    fn act(&mut self, step: &Step) {
        let Self { host, worker, there, back, model } = self;
        let pick = |which: usize, length: usize| which.checked_rem(length);
        match *step {
            Step::Call { stream, inputs, size } => {
                // Smaller and larger than the announced one.
                let window = [None, Some(64), Some(4096)][size % 3];
                let request = Request { stream, inputs, window, ..request("t") };
                if let Ok(id) = host.call(&request, &body(size), "", there) {
                    model.asked.push((id, stream, inputs, size));
                }
            }
            Step::Cancel(which) => {
                if let Some(index) = pick(which, model.asked.len()) {
                    host.cancel(model.asked[index].0, "model", there);
                    model.cancelled.insert(model.asked[index].0);
                }
            }
            Step::Input(which, size) => {
                if let Some(index) = pick(which, model.asked.len()) {
                    let (id, _, inputs, _) = model.asked[index];
                    for stream in 1..=inputs {
                        if host.input_item(id, stream, &body(size), there).is_ok() {
                            model.sent.entry((id, stream)).or_default().push(size);
                        }
                    }
                }
            }
            Step::EndInput(which) => {
                if let Some(index) = pick(which, model.asked.len()) {
                    // Refused once it has ended, or its call is answered.
                    let _ = host.end_input(model.asked[index].0, 1, there);
                }
            }
            Step::Answer(which, size, ok) => {
                if let Some(index) = pick(which, model.owed.len()) {
                    let (id, stream) = model.owed.swap_remove(index);
                    match (ok, stream) {
                        (true, true) => worker.end(id, &body(size), back).unwrap(),
                        (true, false) => worker.reply(id, &body(size), back).unwrap(),
                        (false, _) => worker.error(id, "tool", Executed::Yes, b"", back).unwrap(),
                    }
                }
            }
            Step::Item(which, size) => {
                if let Some(index) = pick(which, model.owed.len()) {
                    let id = model.owed[index].0;
                    if worker.may_send(id) {
                        worker.item(id, 0, &body(size), back).unwrap();
                        model.sent.entry((id, 0)).or_default().push(size);
                    }
                }
            }
            Step::Consume(which) => {
                if let Some(index) = pick(which, model.unconsumed.len()) {
                    let (id, stream, size) = model.unconsumed.remove(index);
                    if stream == 0 {
                        host.consumed(id, 0, size, there);
                    } else {
                        worker.consumed(id, stream, size, back);
                    }
                }
            }
            Step::GoAway => {
                worker.go_away("model", back);
            }
            Step::Deliver(to_worker, to_host) => {
                self.deliver(to_worker, to_host);
            }
        }
    }

    /// Moves bytes both ways; false when there were none.
    fn deliver(&mut self, to_worker: usize, to_host: usize) -> bool {
        let Self { host, worker, there, back, model } = self;
        let fragments = host.fragment(there).is_some() | worker.fragment(back).is_some();
        let (down, up) = (whole_frames(there, to_worker), whole_frames(back, to_host));
        for seen in deliver(worker, &down) {
            match seen {
                Seen::Call(id, _, arguments) => {
                    let &(_, stream, _, size) = model.asked.iter().find(|call| call.0 == id).unwrap();
                    assert_eq!(arguments, body(size));
                    model.owed.push((id, stream));
                }
                Seen::Withdrawn(id) => worker.error(id, "cancelled", Executed::Never, b"", back).unwrap(),
                Seen::Input(id, stream, item) => {
                    model.arrived.entry((id, stream)).or_default().push(item.len());
                    model.unconsumed.push((id, stream, item.len()));
                }
                _ => {}
            }
        }
        for seen in deliver(host, &up) {
            match seen {
                Seen::Reply(id, _) | Seen::End(id, _) | Seen::Failed(id, ..) => model.ended.push(id),
                Seen::Item(id, item) => {
                    assert_eq!(item, body(item.len()));
                    model.arrived.entry((id, 0)).or_default().push(item.len());
                    model.unconsumed.push((id, 0, item.len()));
                }
                Seen::GoAway(last) => {
                    model.handed_back.extend(host.take_above(last).into_iter().map(|(id, _)| id));
                }
                _ => {}
            }
        }
        assert!(host.assembling <= BODY as u64 && worker.assembling <= BODY as u64);
        fragments || !down.is_empty() || !up.is_empty()
    }

    /// Lets everything end that can, and checks that nothing is left.
    fn settle(&mut self) {
        loop {
            while self.deliver(usize::MAX, usize::MAX) {}
            if self.model.owed.is_empty() {
                break;
            }
            self.act(&Step::Answer(0, 10, true));
        }
        assert_eq!((self.host.in_flight(), self.worker.serving()), (0, 0));
        assert_eq!((self.host.assembling, self.worker.assembling), (0, 0));
        assert!(!self.host.has_fragments() && !self.worker.has_fragments());
        assert_eq!((self.there.len(), self.back.len()), (0, 0));
    }

    /// Every call ended exactly once, and every stream arrived in order as far as it came.
    fn check(&self) {
        let model = &self.model;
        let mut all: Vec<u64> = model.ended.iter().chain(&model.handed_back).copied().collect();
        all.sort_unstable();
        assert_eq!(all, model.asked.iter().map(|call| call.0).collect::<Vec<_>>());
        for (stream, arrived) in &model.arrived {
            assert!(model.sent[stream].starts_with(arrived), "stream {stream:?}: {arrived:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn every_call_ends_exactly_once_and_nothing_is_left(steps in proptest::collection::vec(step(), 1..200)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.act(step);
        }
        pair.settle();
        pair.check();
        // Nothing was lost either: an output that nobody cancelled and that ended well arrived in full.
        let model = &pair.model;
        for (&(id, stream), sent) in &model.sent {
            if stream == 0 && !model.cancelled.contains(&id) {
                prop_assert_eq!(&model.arrived[&(id, 0)], sent);
            }
        }
    }

    #[test]
    fn a_death_at_any_point_hands_back_what_was_unanswered(steps in proptest::collection::vec(step(), 1..200)) {
        let mut pair = Pair::new();
        for step in &steps {
            pair.act(step);
        }
        let unanswered = pair.host.close();
        pair.model.handed_back.extend(unanswered.into_iter().map(|(id, _)| id));
        pair.check();
        prop_assert!(pair.worker.close().is_empty() && !pair.host.has_fragments());
        let mut out = Vec::new();
        prop_assert!(pair.host.call(&request("late"), NONE, "", &mut out).is_err() && pair.host.fragment(&mut out).is_none());
        pair.host.ping(1, &mut out);
        prop_assert!(out.is_empty(), "nothing is written any more");
    }
}
