//! Numbers of bytes as attributes write them: `"64KiB"`, `"1MiB"`.

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
    match total {
        None => Err("that is too much".to_owned()),
        Some(0) => Err("a size is more than nothing".to_owned()),
        Some(total) => Ok(total),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_is_read() {
        assert_eq!(parse("512B"), Ok(512));
        assert_eq!(parse("64KiB"), Ok(65_536));
        assert_eq!(parse("1MiB"), Ok(1_048_576));
        assert_eq!(parse("2GiB"), Ok(2_147_483_648));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for text in ["", "64", "KiB", "-1KiB", "٣KiB"] {
            assert!(parse(text).unwrap_err().starts_with("expected a number and a unit"), "{text:?}");
        }
        assert_eq!(parse("1MB").unwrap_err(), "`MB` is no unit; there are `B`, `KiB`, `MiB` and `GiB`");
        assert_eq!(parse("1.5MiB").unwrap_err(), "`.5MiB` is no unit; there are `B`, `KiB`, `MiB` and `GiB`");
        assert_eq!(parse("18446744073709551615GiB").unwrap_err(), "that is too much");
        assert_eq!(parse("0MiB").unwrap_err(), "a size is more than nothing");
    }
}
