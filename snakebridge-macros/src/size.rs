//! Numbers of bytes as attributes write them: `"64KiB"`, `"1MiB"`. All of them are windows of streams.

use std::ops::RangeInclusive;

/// What a window may be: the runtime refuses all else. A test holds it to the runtime's own bounds.
const RANGE: RangeInclusive<u64> = 64 << 10..=1 << 30;

/// The units and their bytes.
const UNITS: [(&str, u64); 4] = [("B", 1), ("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30)];

/// Reads a whole number of bytes with a unit.
///
/// `Err` says what is wrong with it, without naming it.
pub(crate) fn parse(text: &str) -> Result<u64, String> {
    let (number, unit) = text.split_at(text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len()));
    if number.is_empty() || unit.is_empty() {
        return Err(r#"expected a number and a unit, as in "64KiB" or "1MiB""#.to_owned());
    }
    let Some((_, bytes)) = UNITS.iter().find(|(name, _)| *name == unit) else {
        return Err(format!("`{unit}` is no unit; there are `B`, `KiB`, `MiB` and `GiB`"));
    };
    let total = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*bytes));
    in_range(total.unwrap_or(u64::MAX))
}

/// Refuses a number of bytes that the runtime would refuse.
pub(crate) fn in_range(bytes: u64) -> Result<u64, String> {
    if RANGE.contains(&bytes) { Ok(bytes) } else { Err("a window is 64KiB at least and 1GiB at most".to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        assert_eq!(parse("100000B"), Ok(100_000));
        assert_eq!(parse("64KiB"), Ok(65_536));
        assert_eq!(parse("1MiB"), Ok(1_048_576));
        assert_eq!(parse("1GiB"), Ok(1_073_741_824));
    }

    #[test]
    fn a_window_is_what_the_runtime_takes() {
        assert_eq!(RANGE, snakebridge::wire::limits::WINDOWS);
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for text in ["", "64", "KiB", "-1KiB", "٣KiB"] {
            assert!(parse(text).unwrap_err().starts_with("expected a number and a unit"), "{text:?}");
        }
        assert_eq!(parse("1MB").unwrap_err(), "`MB` is no unit; there are `B`, `KiB`, `MiB` and `GiB`");
        assert_eq!(parse("1.5MiB").unwrap_err(), "`.5MiB` is no unit; there are `B`, `KiB`, `MiB` and `GiB`");
        for text in ["0MiB", "1KiB", "65535B", "2GiB", "1073741825B", "18446744073709551615GiB"] {
            assert_eq!(parse(text).unwrap_err(), "a window is 64KiB at least and 1GiB at most", "{text}");
        }
    }
}
