//! Durations as attributes write them: `"250ms"`, `"30s"`, `"1m30s"`.

use std::time::Duration;

/// The units, the larger ones first: what each is called and its milliseconds.
const UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a duration of whole hours, minutes, seconds and milliseconds, the larger ones first, none twice.
///
/// `Err` says what is wrong with it, without naming it.
pub(crate) fn parse(text: &str) -> Result<Duration, String> {
    let expected = || r#"expected a number and a unit, as in "250ms", "30s", "5m", "1h" or "1m30s""#.to_owned();
    let mut total: u64 = 0;
    let mut largest = 0;
    let mut rest = text;
    while !rest.is_empty() {
        let (number, behind) = rest.split_at(rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len()));
        let (unit, behind) = behind.split_at(behind.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(behind.len()));
        if number.is_empty() || unit.is_empty() {
            return Err(expected());
        }
        let Some(index) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is no unit; there are `h`, `m`, `s` and `ms`"));
        };
        if index < largest {
            return Err("the larger units come first, each once".to_owned());
        }
        largest = index + 1;
        let milliseconds = number.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[index].1));
        total = milliseconds.and_then(|more| total.checked_add(more)).ok_or("that is too long")?;
        rest = behind;
    }
    match total {
        0 if text.is_empty() => Err(expected()),
        0 => Err("a call needs some time; leave the key out for no limit".to_owned()),
        total => Ok(Duration::from_millis(total)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_unit_and_their_combinations_are_read() {
        let milliseconds = |text| parse(text).map(|duration| duration.as_millis());
        assert_eq!(milliseconds("250ms"), Ok(250));
        assert_eq!(milliseconds("30s"), Ok(30_000));
        assert_eq!(milliseconds("5m"), Ok(300_000));
        assert_eq!(milliseconds("1h"), Ok(3_600_000));
        assert_eq!(milliseconds("1m30s"), Ok(90_000));
        assert_eq!(milliseconds("1h2m3s4ms"), Ok(3_723_004));
    }

    #[test]
    fn anything_else_is_refused_with_the_reason() {
        for text in ["", "30", "s", "30 s", "1.5s", "-1s", " 30s", "30s ", "٣s"] {
            assert!(parse(text).unwrap_err().starts_with("expected a number and a unit"), "{text:?}");
        }
        assert_eq!(parse("3weeks").unwrap_err(), "`weeks` is no unit; there are `h`, `m`, `s` and `ms`");
        assert_eq!(parse("30S").unwrap_err(), "`S` is no unit; there are `h`, `m`, `s` and `ms`");
        for text in ["30s1m", "1s1s"] {
            assert_eq!(parse(text).unwrap_err(), "the larger units come first, each once");
        }
        assert_eq!(parse("99999999999999999999s").unwrap_err(), "that is too long");
        assert_eq!(parse("18446744073709551615ms1s").unwrap_err(), "the larger units come first, each once");
        assert_eq!(parse("18446744073709551s616ms").unwrap_err(), "that is too long");
        assert!(parse("0s").unwrap_err().starts_with("a call needs some time"));
    }
}
