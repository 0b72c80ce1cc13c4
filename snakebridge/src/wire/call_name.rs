//! What a call is known by where nobody has given it a correlation id.

use std::fmt;

/// Characters of a connection's nonce that are part of it.
const LABEL: usize = 12;

/// The name of a call: the first twelve characters of its connection's nonce, and its id there.
///
/// Both sides make it up by themselves, so it takes no byte of the wire.
///
/// ```
/// use snakebridge::wire::CallName;
///
/// let name = CallName::new("3f9a1c07d2e45b6a8c0d1e2f3a4b5c6d", 42);
/// assert_eq!(name.to_string(), "3f9a1c07d2e4-42");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallName {
    /// A number, so that naming a call takes no memory.
    label: u64,
    id: u64,
}

impl CallName {
    /// That of call `id` on the connection of `nonce`. A nonce that does not begin with hexadecimal digits counts as zeros.
    pub fn new(nonce: &str, id: u64) -> Self {
        let label = nonce.get(..LABEL).and_then(|label| u64::from_str_radix(label, 16).ok());
        Self { label: label.unwrap_or_default(), id }
    }

    /// That of another call on the same connection.
    #[must_use]
    pub fn of(self, id: u64) -> Self {
        Self { id, ..self }
    }
}

impl fmt::Display for CallName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0LABEL$x}-{}", self.label, self.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_by_connection_and_by_id_and_have_one_length_before_the_id() {
        let first = CallName::new("00000000000a0000", 0);
        assert_eq!(first.to_string(), "00000000000a-0");
        assert_eq!(first.of(2).to_string(), "00000000000a-2");
        assert_ne!(first, CallName::new("00000000000b0000", 0));
        for odd in ["", "n", "not hexadecimal", "äöüäöüäöü"] {
            assert_eq!(CallName::new(odd, 7).to_string(), "000000000000-7", "{odd}");
        }
    }
}
