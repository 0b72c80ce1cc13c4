//! Whether the receiver of a value will look into it: how deep it is, and how many values are in it.

use snakebridge::wire::msgpack::Reader;
use snakebridge::wire::{Limits, Violation};

/// What is wrong with the encoded `value` under the receiver's `limits`, as the end of a sentence. Its size is not judged
/// here: what does not fit into a frame is refused for that.
pub(super) fn excess(value: &[u8], limits: &Limits) -> Option<String> {
    // Every level and every value takes a byte at least, so that small values need no look.
    let is_small = value.len() as u64 <= limits.depth.min(limits.items);
    if is_small || value.len() as u64 > limits.body {
        return None;
    }
    match Reader::new(value).value(limits.depth, limits.items) {
        Err(Violation::Depth(limit)) => Some(format!("is nested more than {limit} levels deep")),
        Err(Violation::Items(limit)) => Some(format!("has more than {limit} values in it")),
        // The encoder writes nothing else that a reader would refuse.
        Ok(_) | Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_receiver_accepts_passes_and_one_level_or_value_more_does_not() {
        let limits = Limits::default();
        let nested = |levels: usize| [vec![0x91; levels - 1], vec![0x90]].concat();
        assert_eq!(excess(&nested(64), &limits), None);
        assert_eq!(excess(&nested(65), &limits).unwrap(), "is nested more than 64 levels deep");
        let limits = Limits { items: 100, ..limits };
        let flat = |values: u16| [&[0xdc][..], &values.to_be_bytes(), &vec![1; values.into()]].concat();
        assert_eq!(excess(&flat(99), &limits), None);
        assert_eq!(excess(&flat(100), &limits).unwrap(), "has more than 100 values in it");
    }
}
