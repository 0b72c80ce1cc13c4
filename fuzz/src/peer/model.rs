//! What the protocol says about the frames of the other side, written down a second time and in the plainest way.

use std::collections::{BTreeMap, VecDeque};

use snakebridge::wire::credit::charge;
use snakebridge::wire::frame::{CallHeader, call_flag};
use snakebridge::wire::{Header, Limits, Millis, Role};

use super::outgoing::Lane;
use super::state::{Asked, Budget, Coming, Incoming, Meaning, Outgoing, Owed, place, sum};

/// The most credit that a sender lets itself be given.
const MAX_BALANCE: i128 = 1 << 40;
/// The largest window that is believed.
const MAX_WINDOW: u64 = 1 << 39;
/// The largest body of an EVENT.
const MAX_EVENT: u64 = 16 * 1024;
/// How many of the arguments of one call may be streams.
const MAX_INPUTS: u64 = 16;

/// Everything that a side has to remember.
#[derive(Debug)]
pub(super) struct Model {
    role: Role,
    pub(super) ours: Limits,
    pub(super) theirs: Limits,
    pub(super) asked: BTreeMap<u64, Asked>,
    pub(super) owed: BTreeMap<u64, Owed>,
    /// Large bodies on their way out, by call and stream.
    pub(super) lanes: BTreeMap<(u64, u64), Lane>,
    /// The greatest id that we gave out, or 0.
    pub(super) last_asked: u64,
    /// The greatest id that the other side gave out, or 0.
    pub(super) last_owed: u64,
    pub(super) finished: u64,
    /// We have said GOAWAY: the last call that we take.
    pub(super) last_accepted: Option<u64>,
    /// The other side takes no more calls.
    pub(super) ends_early: bool,
    /// What may still come for calls that are answered.
    late: u64,
    /// Calls that are over for us, with what their caller may send before it knows.
    pub(super) over: BTreeMap<u64, Owed>,
    /// Whether what comes now is from an honest side.
    pub(super) honest: bool,
    /// Somebody else has used up what honest callers may need.
    pub(super) cheated: bool,
    /// The body that has just been completed, as its length and its sum.
    pub(super) assembled: Option<(u64, u64)>,
    control: Budget,
    events: Budget,
    strays: Budget,
}

impl Model {
    pub(super) fn new(role: Role, ours: Limits, theirs: Limits) -> Self {
        Self {
            role,
            ours,
            theirs,
            asked: BTreeMap::new(),
            owed: BTreeMap::new(),
            lanes: BTreeMap::new(),
            last_asked: 0,
            last_owed: 0,
            finished: 0,
            last_accepted: None,
            ends_early: false,
            late: 0,
            over: BTreeMap::new(),
            honest: false,
            cheated: false,
            assembled: None,
            control: Budget::new(20_000, 1_000),
            events: Budget::new(20_000, 1_000),
            strays: Budget::new(100, 60_000),
        }
    }

    /// A stream that we begin to send.
    pub(super) fn outgoing(&self) -> Outgoing {
        let balance = i128::from(self.theirs.window.min(MAX_WINDOW));
        Outgoing { items: 0, balance, ended: false }
    }

    /// A stream that we begin to receive.
    pub(super) fn incoming(&self) -> Incoming {
        // Half of all numbers is more than anybody sends.
        let credit = i128::from(i64::try_from(self.ours.window).unwrap_or(i64::MAX));
        Incoming { items: 0, credit, consumed: 0, held: VecDeque::new(), ended: false }
    }

    /// Whether an item of the stream may be sent now.
    pub(super) fn may_send(&self, id: u64, stream: u64, outgoing: &Outgoing) -> bool {
        outgoing.balance > 0 && !outgoing.ended && !self.lanes.contains_key(&(id, stream))
    }

    /// We have answered a call: what was on its way to it may still come.
    pub(super) fn answered(&mut self, id: u64) {
        let owed = self.owed.remove(&id).expect("an answered call was owed");
        self.finished += 1;
        self.late = self.late.saturating_add(owed.arguments.as_ref().map_or(0, Coming::missing));
        for _ in owed.inputs.iter().filter(|(input, _)| !input.ended) {
            self.late = self.late.saturating_add(self.late_input());
        }
        self.over.insert(id, owed);
    }

    /// What may still come of one stream whose call is over: what the credit allows and one item, each charged for its
    /// header and for its bytes, and the end.
    fn late_input(&self) -> u64 {
        let items = self.ours.window.saturating_add(self.ours.body.max(charge(0)));
        items.saturating_mul(2).saturating_add(charge(0))
    }

    /// An honest caller has sent something for a call that is over.
    pub(super) fn crossed(&mut self, header: &Header<'_>, length: u64) {
        match *header {
            Header::Part { id, stream } => {
                let Some(owed) = self.over.get_mut(&id) else { return };
                let body = if stream == 0 { &mut owed.arguments } else { &mut owed.inputs[place(stream)].1 };
                if let Some(coming) = body {
                    coming.received += length;
                }
                *body = body.filter(|coming| coming.missing() > 0);
            }
            Header::Item { id, stream, sequence, total, .. } => {
                let Some(owed) = self.over.get_mut(&id) else { return };
                let (input, coming) = &mut owed.inputs[place(stream)];
                assert!(input.take(sequence, total.unwrap_or(length)), "an honest caller keeps to its credit");
                *coming = total.map(|total| Coming::new(Meaning::Ignored, total, false));
            }
            Header::End { id, stream, .. } => {
                if let Some(owed) = self.over.get_mut(&id) {
                    owed.inputs[place(stream)].0.ended = true;
                }
            }
            _ => {}
        }
    }

    /// What the frame means, and what changes by it. A call that ends is left to the caller, who has its data.
    pub(super) fn receive(&mut self, header: &Header<'_>, body: &[u8], now: Millis) -> Meaning {
        let length = body.len() as u64;
        if length > self.ours.body {
            return Meaning::Broken;
        }
        let announces = match *header {
            Header::Call(CallHeader { total, .. })
            | Header::Reply { total, .. }
            | Header::Item { total, .. }
            | Header::End { stream: 0, total, .. } => total,
            _ => None,
        };
        if announces.is_some_and(|total| total == 0 || total > self.ours.body || length > 0) {
            return Meaning::Broken;
        }
        match *header {
            Header::Ping { .. } if self.control.spend(now) => Meaning::Ping,
            Header::Pong { .. } if self.control.spend(now) => Meaning::Pong,
            Header::Unknown { .. } if self.control.spend(now) => Meaning::Ignored,
            Header::Event { id, .. }
                if self.role == Role::Host
                    && length <= MAX_EVENT
                    && (id == 0 || self.is_ours(id))
                    && self.events.spend(now) =>
            {
                Meaning::Told(id)
            }
            // A host may give up as many calls as it likes.
            Header::Cancel { id, .. }
                if self.is_theirs(id) && (self.role == Role::Worker || self.control.spend(now)) =>
            {
                self.cancel(id)
            }
            Header::Credit { id, stream, bytes } if self.control.spend(now) => self.credit(id, stream, bytes),
            Header::GoAway { last, .. } if (last == 0 || self.is_ours(last)) && self.control.spend(now) => {
                self.ends_early = true;
                Meaning::GoAway(last)
            }
            Header::Call(call) => self.call(&call),
            Header::Error { id, .. } if self.is_ours(id) => {
                if self.asked.contains_key(&id) {
                    Meaning::Failed(id)
                } else {
                    self.stray(None, now)
                }
            }
            Header::Reply { id, total } if self.is_ours(id) => match self.asked.get(&id) {
                Some(call) if call.stream.is_some() => Meaning::Broken,
                Some(_) => self.body(id, Meaning::Reply(id), total),
                None => self.stray(total, now),
            },
            Header::End { id, stream: 0, count, total } if self.is_ours(id) => match self.asked.get(&id) {
                Some(Asked { stream: Some(stream), .. }) if stream.items == count => {
                    self.body(id, Meaning::End(id), total)
                }
                Some(_) => Meaning::Broken,
                None => self.stray(total, now),
            },
            Header::Item { id, stream: 0, sequence, total, .. } if self.is_ours(id) => {
                self.item(id, sequence, (total, length), now)
            }
            Header::Item { id, stream, sequence, total, .. } if stream > 0 && self.is_theirs(id) => {
                self.input((id, stream), sequence, (total, length))
            }
            // It returns nothing, so there is nothing behind it.
            Header::End { id, stream, count, total: None } if stream > 0 && length == 0 && self.is_theirs(id) => {
                self.input_end(id, stream, count)
            }
            Header::Part { id, stream } if length > 0 => self.part(id, stream, body, now),
            // A HELLO or READY too many, an id of the wrong side, a flood.
            _ => Meaning::Broken,
        }
    }

    fn call(&mut self, call: &CallHeader<'_>) -> Meaning {
        if !self.is_theirs(call.id) || call.id <= self.last_owed || call.inputs > MAX_INPUTS {
            return Meaning::Broken;
        }
        self.last_owed = call.id;
        let stream = (call.flags & call_flag::STREAM != 0).then(|| self.outgoing());
        let inputs = (0..call.inputs).map(|_| (self.incoming(), None)).collect();
        let arguments = call.total.map(|total| Coming::new(Meaning::Call(call.id), total, true));
        let whole = arguments.is_none();
        let owed = Owed { stream, inputs, arguments };
        if self.last_accepted.is_some() {
            let items = call.inputs.saturating_mul(self.late_input());
            self.late = self.late.saturating_add(call.total.unwrap_or(0).saturating_add(items));
            self.over.insert(call.id, owed);
            return Meaning::Ignored;
        }
        if self.owed.len() as u64 >= self.ours.calls {
            return Meaning::Broken;
        }
        self.owed.insert(call.id, owed);
        if whole { Meaning::Call(call.id) } else { Meaning::Ignored }
    }

    /// The answer, or an item, of a call of ours that is in flight: now, or when its fragments have come.
    fn body(&mut self, id: u64, means: Meaning, total: Option<u64>) -> Meaning {
        let call = self.asked.get_mut(&id).expect("the call is in flight");
        // What the other side was sending it may break off when we have cancelled the call, and only then.
        if call.coming.is_some() && !call.cancelled {
            return Meaning::Broken;
        }
        call.coming = total.map(|total| Coming::new(means, total, !call.cancelled));
        match (call.coming, means) {
            (None, means) => means,
            (Some(_), Meaning::Item(_)) => Meaning::Ignored,
            (Some(_), _) => Meaning::Answering(id),
        }
    }

    fn item(&mut self, id: u64, sequence: u64, (total, length): (Option<u64>, u64), now: Millis) -> Meaning {
        let Some(call) = self.asked.get_mut(&id) else { return self.stray(total, now) };
        let Some(stream) = &mut call.stream else { return Meaning::Broken };
        if !stream.take(sequence, total.unwrap_or(length)) {
            return Meaning::Broken;
        }
        match self.body(id, Meaning::Item(id), total) {
            Meaning::Item(_) => self.delivered(id, length),
            other => other,
        }
    }

    /// An item of a call of ours is whole.
    fn delivered(&mut self, id: u64, length: u64) -> Meaning {
        let window = self.ours.window;
        match self.asked.get_mut(&id) {
            Some(Asked { cancelled: false, stream: Some(stream), .. }) => {
                stream.hold(length, window);
                Meaning::Item(id)
            }
            _ => Meaning::Ignored,
        }
    }

    fn input(&mut self, (id, stream): (u64, u64), sequence: u64, (total, length): (Option<u64>, u64)) -> Meaning {
        let window = self.ours.window;
        let Some(owed) = self.owed.get_mut(&id) else { return self.late(id, length.max(charge(0))) };
        let Some((input, coming)) = owed.inputs.get_mut(place(stream)) else { return Meaning::Broken };
        if input.ended || coming.is_some() || !input.take(sequence, total.unwrap_or(length)) {
            return Meaning::Broken;
        }
        *coming = total.map(|total| Coming::new(Meaning::Input(id, stream), total, true));
        if coming.is_some() {
            return Meaning::Ignored;
        }
        input.hold(length, window);
        Meaning::Input(id, stream)
    }

    fn input_end(&mut self, id: u64, stream: u64, count: u64) -> Meaning {
        let Some(owed) = self.owed.get_mut(&id) else { return self.late(id, charge(0)) };
        match owed.inputs.get_mut(place(stream)) {
            Some((input, None)) if !input.ended && input.items == count => {
                input.ended = true;
                Meaning::InputEnd(id, stream)
            }
            _ => Meaning::Broken,
        }
    }

    fn part(&mut self, id: u64, stream: u64, fragment: &[u8], now: Millis) -> Meaning {
        let length = fragment.len() as u64;
        let ours = self.is_ours(id);
        if !ours && !self.is_theirs(id) {
            return Meaning::Broken;
        }
        if stream > 0 && self.asked.contains_key(&id) {
            return Meaning::Broken;
        }
        let place = if ours {
            self.asked.get_mut(&id).map(|call| (&mut call.coming, call.cancelled))
        } else if stream == 0 {
            self.owed.get_mut(&id).map(|call| (&mut call.arguments, false))
        } else {
            let input = self.owed.get_mut(&id).and_then(|call| call.inputs.get_mut(place(stream)));
            input.map(|(_, coming)| (coming, false))
        };
        let coming = match place {
            Some((Some(coming), _)) => coming,
            Some((None, broken_off)) => return if broken_off { Meaning::Ignored } else { Meaning::Broken },
            None if ours && self.late < length => return self.stray(None, now),
            None if ours => return self.late(0, length),
            None => return self.late(id, length),
        };
        coming.sum = coming.sum.wrapping_add(sum(coming.received, fragment));
        coming.received += length;
        let state = *coming;
        if state.received > state.total || self.under_way() > self.ours.body {
            return Meaning::Broken;
        }
        if state.received < state.total {
            return Meaning::Ignored;
        }
        self.complete(id, stream, &state)
    }

    /// The last fragment has come.
    fn complete(&mut self, id: u64, stream: u64, coming: &Coming) -> Meaning {
        let window = self.ours.window;
        // What nobody wants is counted and dropped.
        self.assembled = Some(if coming.wanted { (coming.total, coming.sum) } else { (0, 0) });
        if let Some(call) = self.asked.get_mut(&id) {
            call.coming = None;
        }
        if let Some(owed) = self.owed.get_mut(&id) {
            if stream == 0 {
                owed.arguments = None;
            } else if let Some((input, item)) = owed.inputs.get_mut(place(stream)) {
                *item = None;
                input.hold(coming.total, window);
            }
        }
        match coming.means {
            Meaning::Item(_) => self.delivered(id, coming.total),
            means => means,
        }
    }

    /// The bodies of which a fragment has come and the last has not.
    fn under_way(&self) -> u64 {
        let asked = self.asked.values().filter_map(|call| call.coming.as_ref());
        let arguments = self.owed.values().filter_map(|call| call.arguments.as_ref());
        let inputs = self.owed.values().flat_map(|call| &call.inputs).filter_map(|(_, coming)| coming.as_ref());
        asked.chain(arguments).chain(inputs).map(Coming::room).fold(0, u64::saturating_add)
    }

    /// How many bytes may come next of a body without breaking the limit for all of them together.
    pub(super) fn has_room(&self, coming: &Coming) -> bool {
        coming.received > 0 || !coming.wanted || self.under_way().saturating_add(coming.total) <= self.ours.body
    }

    fn cancel(&mut self, id: u64) -> Meaning {
        // Its caller sends nothing behind it.
        self.over.remove(&id);
        let Some(owed) = self.owed.get_mut(&id) else { return Meaning::Ignored };
        for (input, coming) in &mut owed.inputs {
            (input.ended, *coming) = (true, None);
        }
        if owed.arguments.take().is_some() {
            return Meaning::Withdrawn(id);
        }
        self.lanes.remove(&(id, 0));
        Meaning::Cancel(id)
    }

    fn credit(&mut self, id: u64, stream: u64, bytes: u64) -> Meaning {
        let (known, sending) = if stream == 0 {
            let known = self.is_theirs(id) && id <= self.last_owed;
            (known, self.owed.get_mut(&id).map(|call| call.stream.as_mut()))
        } else {
            (self.is_ours(id), self.asked.get_mut(&id).map(|call| call.inputs.get_mut(place(stream))))
        };
        match sending {
            Some(Some(sending)) if sending.balance + i128::from(bytes) <= MAX_BALANCE => {
                sending.balance += i128::from(bytes);
                Meaning::Credit(id, stream)
            }
            None if known => Meaning::Ignored,
            _ => Meaning::Broken,
        }
    }

    /// An answer to a call that is not in flight any more, with a body of so many bytes behind it.
    fn stray(&mut self, total: Option<u64>, now: Millis) -> Meaning {
        if !self.strays.spend(now) {
            return Meaning::Broken;
        }
        self.late = self.late.saturating_add(total.unwrap_or(0));
        Meaning::Ignored
    }

    /// Something that crossed the end of its call.
    fn late(&mut self, id: u64, bytes: u64) -> Meaning {
        if id > self.last_owed || bytes > self.late {
            return Meaning::Broken;
        }
        self.late -= bytes;
        self.cheated |= !self.honest;
        Meaning::Ignored
    }

    /// Whether we have given this id out.
    pub(super) fn is_ours(&self, id: u64) -> bool {
        id % 2 == u64::from(self.role == Role::Host) && id <= self.last_asked && id != 0
    }

    /// Whether the other side could have given this id out.
    pub(super) fn is_theirs(&self, id: u64) -> bool {
        id != 0 && id % 2 == u64::from(self.role == Role::Worker)
    }
}
