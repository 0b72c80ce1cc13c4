//! Text of strangers, where it becomes part of a line.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::error::is_escaped;

/// `text` as part of one line: it can neither begin another record nor move a terminal's cursor, nor turn the direction of
/// what is beside it.
pub(crate) fn one_line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_escaped) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for character in text.chars() {
        if is_escaped(character) {
            // Writing to a string cannot fail.
            let _ = write!(out, "{}", character.escape_default());
        } else {
            out.push(character);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_leave_its_line_or_command_a_terminal_is_escaped() {
        let hostile = "a\r\n2026 level=ERROR\x1b[31mred\0\u{9b}5m\u{2028}\u{202e}\x1b]8;;http://x\x07";
        let line = one_line(hostile);
        assert_eq!(
            line,
            "a\\r\\n2026 level=ERROR\\u{1b}[31mred\\u{0}\\u{9b}5m\\u{2028}\\u{202e}\\u{1b}]8;;http://x\\u{7}"
        );
    }

    #[test]
    fn what_is_harmless_stays_as_it_is() {
        assert!(matches!(one_line("tab\t, ß, 日本, \\n"), Cow::Borrowed(_)));
    }
}
