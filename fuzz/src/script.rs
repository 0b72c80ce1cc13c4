//! Inputs of the target `peer`, written step by step: what [`Input`](crate::input::Input) reads, from the other side.

use snakebridge::wire::frame::{call_flag, kind};
use snakebridge::wire::{Limits, Role};

use crate::input::WIDE_NUMBERS;
use crate::peer::Step;

/// How an answer of ours, or of the other side, is made.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Answer {
    /// A result.
    Reply,
    /// The end of a stream.
    End,
    /// An error.
    Error,
}

/// An input that is being written. Calls are named by their place among those that are unanswered, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    bytes: Vec<u8>,
    role: Role,
    /// Whether the other side has called.
    called: bool,
}

impl Script {
    /// The beginning: who we are, and what both sides accept, where 0 is the default.
    pub(crate) fn new(role: Role, ours: Limits, theirs: Limits) -> Self {
        let script = Self::steps(role).byte(u8::from(role == Role::Worker));
        [ours, theirs].into_iter().fold(script, |script, limits| {
            let Limits { frame, body, items, window, calls, .. } = limits;
            [frame, body, items, window, calls].into_iter().fold(script, Self::number)
        })
    }

    /// What comes behind a beginning.
    pub(crate) fn steps(role: Role) -> Self {
        Self { bytes: Vec::new(), role, called: false }
    }

    /// And then these.
    pub(crate) fn then(&self, steps: &Self) -> Self {
        Self { bytes: [&self.bytes[..], &steps.bytes].concat(), ..*steps }
    }

    /// The whole input.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }

    fn step(self, step: Step) -> Self {
        self.byte(step.number())
    }

    fn byte(mut self, byte: u8) -> Self {
        self.bytes.push(byte);
        self
    }

    fn number(mut self, number: u64) -> Self {
        let bytes = number.to_le_bytes();
        let (mark, width) = match number {
            0..0xfd => (None, 1),
            0xfd..=0xffff => (Some(WIDE_NUMBERS[0]), 2),
            0x1_0000..=0xffff_ffff => (Some(WIDE_NUMBERS[1]), 4),
            _ => (Some(WIDE_NUMBERS[2]), 8),
        };
        self.bytes.extend(mark);
        self.bytes.extend_from_slice(&bytes[..width]);
        self
    }

    /// Something that is there, and its number.
    fn some(self, number: Option<u64>) -> Self {
        match number {
            Some(number) => self.byte(1).number(number),
            None => self.byte(0),
        }
    }

    /// What comes from now on comes in pieces of these sizes, and the rest of it in one.
    pub(crate) fn pieces(&self, sizes: &[u8]) -> Self {
        let mut script = self.clone().step(Step::Pieces).number(sizes.len() as u64);
        script.bytes.extend_from_slice(sizes);
        script
    }

    /// The program calls, with so many streams and so many bytes as arguments.
    pub(crate) fn call(self, stream: bool, inputs: u64, size: u64) -> Self {
        self.step(Step::Call).byte(u8::from(stream)).byte(1).number(inputs).number(size)
    }

    pub(crate) fn cancel(self, place: u8) -> Self {
        self.step(Step::Cancel).byte(place).number(0)
    }

    pub(crate) fn consume(self, place: u8) -> Self {
        self.step(Step::Consume).byte(place)
    }

    pub(crate) fn consume_input(self, place: u8, stream: u8) -> Self {
        self.step(Step::ConsumeInput).byte(place).byte(stream - 1)
    }

    /// The program answers.
    pub(crate) fn answer(self, place: u8, answer: Answer, size: u64) -> Self {
        let script = self.step(Step::Answer).byte(place).number(size).byte(answer as u8);
        // A code without a letter, of a tool that never ran.
        if matches!(answer, Answer::Error) { script.number(0).byte(0) } else { script }
    }

    pub(crate) fn item(self, place: u8, size: u64) -> Self {
        self.step(Step::Item).byte(place).byte(0).number(size)
    }

    pub(crate) fn input_item(self, place: u8, stream: u8, size: u64) -> Self {
        self.step(Step::InputItem).byte(place).byte(stream - 1).number(size)
    }

    pub(crate) fn end_input(self, place: u8, stream: u8) -> Self {
        self.step(Step::EndInput).byte(place).byte(stream - 1)
    }

    pub(crate) fn fragments(self, count: usize) -> Self {
        (0..count).fold(self, |script, _| script.step(Step::Fragment))
    }

    pub(crate) fn go_away(self) -> Self {
        self.step(Step::GoAway).number(0)
    }

    /// The other side answers a call of ours, at once or in fragments.
    pub(crate) fn answered(self, place: u8, answer: Answer, length: u64, large: bool) -> Self {
        let script = self.step(Step::Honest).byte(0).byte(place).number(length).byte(u8::from(large));
        match answer {
            Answer::Reply | Answer::End => script.byte(1),
            Answer::Error => script.byte(0).byte(0),
        }
    }

    /// The other side sends an item of the stream that answers a call of ours.
    pub(crate) fn answered_item(self, place: u8, length: u64, large: bool) -> Self {
        self.step(Step::Honest).byte(0).byte(place).number(length).byte(u8::from(large)).byte(2).byte(0)
    }

    /// The next fragment of what comes for a call of ours.
    pub(crate) fn answered_part(self, place: u8, length: u64) -> Self {
        self.step(Step::Honest).byte(0).byte(place).number(length).byte(0)
    }

    /// The other side calls, and announces so many bytes of arguments.
    pub(crate) fn called(mut self, stream: bool, inputs: u64, total: Option<u64>) -> Self {
        let first = !std::mem::replace(&mut self.called, true);
        // The first id of a host is 1. Every other is two behind the last, which is none before the first of a worker.
        let id = u64::from(first && self.role == Role::Worker);
        let mut script = self.header(kind::CALL).next_id(id).number(4);
        script.bytes.extend_from_slice(b"ping");
        let mut script = script.number(if stream { call_flag::STREAM } else { 0 });
        // No deadline, session, parent or metadata.
        script.bytes.extend([0; 4]);
        script.some(total).number(inputs).behind_header(0)
    }

    /// The next fragment of the arguments of a call that we serve.
    pub(crate) fn called_part(self, place: u8, length: u64) -> Self {
        self.step(Step::Honest).byte(1).byte(place).number(length).byte(0)
    }

    /// The other side sends an item of a stream among its arguments, or the next fragment of one.
    pub(crate) fn called_item(self, place: u8, stream: u8, length: u64, large: bool) -> Self {
        let script = self.step(Step::Honest).byte(1).byte(place).number(length).byte(u8::from(large));
        script.byte(stream - 1).byte(1)
    }

    /// The next fragment of such an item.
    pub(crate) fn called_item_part(self, place: u8, stream: u8, length: u64) -> Self {
        self.step(Step::Honest).byte(1).byte(place).number(length).byte(0).byte(stream - 1)
    }

    /// The other side ends a stream among its arguments.
    pub(crate) fn called_end(self, place: u8, stream: u8) -> Self {
        self.called_item_part(place, stream, 0).byte(0)
    }

    /// From one that does not know yet that its call is over: as [`called_item`](Self::called_item).
    pub(crate) fn late_item(self, place: u8, stream: u8, length: u64, large: bool) -> Self {
        let script = self.step(Step::Honest).byte(3).byte(place).number(length).byte(u8::from(large));
        script.byte(stream - 1).byte(1)
    }

    /// The next fragment of the arguments, from such a side.
    pub(crate) fn late_part(self, place: u8, length: u64) -> Self {
        self.step(Step::Honest).byte(3).byte(place).number(length).byte(0)
    }

    /// The next fragment of an item, from such a side.
    pub(crate) fn late_item_part(self, place: u8, stream: u8, length: u64) -> Self {
        self.late_part(place, length).byte(stream - 1)
    }

    /// The end of a stream, from such a side.
    pub(crate) fn late_end(self, place: u8, stream: u8) -> Self {
        self.late_item_part(place, stream, 0).byte(0)
    }

    /// The other side gives up its call.
    pub(crate) fn cancelled(self, id: u64) -> Self {
        self.header(kind::CANCEL).id(id).number(0).behind_header(0)
    }

    /// The other side grants credit.
    pub(crate) fn credit(self, id: u64, stream: u64, bytes: u64) -> Self {
        self.header(kind::CREDIT).id(id).number(stream).number(bytes).behind_header(0)
    }

    /// The other side takes none of our calls above `last`.
    pub(crate) fn sent_away(self, last: u64) -> Self {
        self.header(kind::GOAWAY).id(last).number(0).behind_header(0)
    }

    /// A fragment, whether it fits or not.
    pub(crate) fn part(self, id: u64, stream: u64, length: u64) -> Self {
        self.header(kind::PART).id(id).number(stream).behind_header(length)
    }

    /// An item, whether it fits or not.
    pub(crate) fn any_item(self, id: u64, (stream, sequence): (u64, u64), total: Option<u64>, length: u64) -> Self {
        let script = self.header(kind::ITEM).id(id).number(stream).number(sequence).number(0);
        script.some(total).behind_header(length)
    }

    /// The end of a stream, whether it fits or not.
    pub(crate) fn any_end(self, id: u64, (stream, count): (u64, u64), total: Option<u64>, length: u64) -> Self {
        self.header(kind::END).id(id).number(stream).number(count).some(total).behind_header(length)
    }

    /// A result, whether it fits or not.
    pub(crate) fn any_reply(self, id: u64, total: Option<u64>, length: u64) -> Self {
        self.header(kind::REPLY).id(id).some(total).behind_header(length)
    }

    fn header(self, kind: u64) -> Self {
        self.step(Step::Header).number(kind)
    }

    /// An id by its number, which for 0 is that of the first call that has ended, while none has.
    fn id(self, id: u64) -> Self {
        if id == 0 { self.byte(1) } else { self.next_id(id) }
    }

    /// An id by its number, or, for 0, the next one of the other side.
    fn next_id(self, id: u64) -> Self {
        self.byte(3).number(id)
    }

    /// The length of the body behind a header, which comes once.
    fn behind_header(self, length: u64) -> Self {
        self.number(length).byte(0)
    }
}
