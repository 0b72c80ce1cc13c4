//! A moment: what Python's aware datetimes are on the wire.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime};

use super::Value;
use super::extension::{Extension, code, serde_by_extension};

const NANOSECONDS: u32 = 1_000_000_000;

/// A moment, to the nanosecond: what Python sends for a `datetime` with a time zone, and takes as one.
///
/// It is counted from the beginning of 1970 in UTC, without leap seconds; the time zone itself does not travel, and Python
/// gets a `datetime` in UTC, rounded to microseconds. In JSON and other readable formats it is text, `2024-02-29T12:30:00Z`, and such
/// a text is taken for one everywhere, with any offset.
///
/// ```
/// use snakebridge::value::Timestamp;
///
/// let leap: Timestamp = "2024-02-29T13:30:00.5+01:00".parse().expect("a moment");
/// assert_eq!((leap.seconds(), leap.nanoseconds()), (1_709_209_800, 500_000_000));
/// assert_eq!(leap.to_string(), "2024-02-29T12:30:00.5Z");
/// assert_eq!(std::time::SystemTime::try_from(leap).map(Timestamp::from), Ok(leap));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp {
    seconds: i64,
    nanoseconds: u32,
}

impl Timestamp {
    /// The moment so many seconds after 1970 began (negative: before), and so many nanoseconds later; `None` if those are a second
    /// or more.
    pub const fn new(seconds: i64, nanoseconds: u32) -> Option<Self> {
        if nanoseconds < NANOSECONDS { Some(Self { seconds, nanoseconds }) } else { None }
    }

    /// Whole seconds since 1970 began, rounded down.
    pub const fn seconds(self) -> i64 {
        self.seconds
    }

    /// Nanoseconds since that second began, below one thousand millions.
    pub const fn nanoseconds(self) -> u32 {
        self.nanoseconds
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let seconds = |duration: Duration| i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => Self { seconds: seconds(after), nanoseconds: after.subsec_nanos() },
            Err(before) => {
                let before = before.duration();
                match before.subsec_nanos() {
                    0 => Self { seconds: -seconds(before), nanoseconds: 0 },
                    part => Self { seconds: -seconds(before) - 1, nanoseconds: NANOSECONDS - part },
                }
            }
        }
    }
}

/// A moment that this system's clock cannot say, or a text that is no moment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidTimestamp(String);

impl TryFrom<Timestamp> for SystemTime {
    type Error = InvalidTimestamp;

    fn try_from(timestamp: Timestamp) -> Result<Self, InvalidTimestamp> {
        let seconds = Duration::from_secs(timestamp.seconds.unsigned_abs());
        let whole = if timestamp.seconds < 0 {
            SystemTime::UNIX_EPOCH.checked_sub(seconds)
        } else {
            SystemTime::UNIX_EPOCH.checked_add(seconds)
        };
        whole
            .and_then(|whole| whole.checked_add(Duration::from_nanos(timestamp.nanoseconds.into())))
            .ok_or_else(|| InvalidTimestamp(format!("{timestamp} is beyond what the system's clock can say")))
    }
}

/// The day that is so many days after 1970 began, in the Gregorian calendar: year, month and day. The method is that of Howard
/// Hinnant's `civil_from_days`: years that begin in March, in eras of 400.
fn date_of(days: i64) -> (i64, i64, i64) {
    let days = days + 719_468;
    let (era, day_of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day_of_year - (153 * shifted + 2) / 5 + 1)
}

/// The reverse of `date_of`, for dates that there are.
fn days_until(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let (era, year_of_era) = (year.div_euclid(400), year.rem_euclid(400));
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + (153 * shifted + 2) / 5 + day - 1;
    era * 146_097 + day_of_era - 719_468
}

impl fmt::Display for Timestamp {
    /// As RFC 3339 has it, in UTC, with as many digits behind the second as it needs.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (days, second) = (self.seconds.div_euclid(86_400), self.seconds.rem_euclid(86_400));
        let (year, month, day) = date_of(days);
        if (0..=9999).contains(&year) { write!(f, "{year:04}") } else { write!(f, "{year:+05}") }?;
        write!(f, "-{month:02}-{day:02}T{:02}:{:02}:{:02}", second / 3600, second / 60 % 60, second % 60)?;
        if self.nanoseconds > 0 {
            let digits = format!("{:09}", self.nanoseconds);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

impl FromStr for Timestamp {
    type Err = InvalidTimestamp;

    /// Reads RFC 3339, and what Python's `isoformat` gives for a datetime with a time zone. Years have four digits, and digits
    /// behind the nanosecond are dropped.
    fn from_str(text: &str) -> Result<Self, InvalidTimestamp> {
        parse(text).ok_or_else(|| {
            let why = if is_naive(text) { ": it has no time zone, so it is no moment" } else { "" };
            InvalidTimestamp(format!("expected a moment such as `2024-02-29T12:30:00Z`, got another text{why}"))
        })
    }
}

fn is_naive(text: &str) -> bool {
    parse(&format!("{text}Z")).is_some()
}

/// Reads a text from its front.
struct Text<'a>(&'a [u8]);

impl Text<'_> {
    fn byte(&mut self, wanted: &[u8]) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        wanted.contains(first).then(|| self.0 = rest)?;
        Some(*first)
    }

    fn number(&mut self, digits: usize) -> Option<i64> {
        (0..digits).try_fold(0, |number, _| Some(number * 10 + i64::from(self.byte(b"0123456789")? - b'0')))
    }

    /// The nanoseconds of a fraction, however many digits it has.
    fn fraction(&mut self) -> Option<u32> {
        let (mut nanoseconds, mut place) =
            (u32::from(self.byte(b"0123456789")? - b'0') * (NANOSECONDS / 10), NANOSECONDS / 100);
        while let Some(digit) = self.byte(b"0123456789") {
            nanoseconds += u32::from(digit - b'0') * place;
            place /= 10;
        }
        Some(nanoseconds)
    }
}

fn parse(text: &str) -> Option<Timestamp> {
    let mut text = Text(text.as_bytes());
    let year = text.number(4)?;
    text.byte(b"-")?;
    let month = text.number(2)?;
    text.byte(b"-")?;
    let day = text.number(2)?;
    text.byte(b"Tt ")?;
    let hour = text.number(2)?;
    text.byte(b":")?;
    let minute = text.number(2)?;
    text.byte(b":")?;
    let second = text.number(2)?;
    let nanoseconds = if text.byte(b".,").is_some() { text.fraction()? } else { 0 };
    let offset = match text.byte(b"Zz+-")? {
        b'Z' | b'z' => 0,
        sign => {
            let hours = text.number(2)?;
            text.byte(b":");
            let minutes = text.number(2)?;
            let seconds = if text.byte(b":").is_some() { text.number(2)? } else { 0 };
            let offset =
                (hours < 24 && minutes < 60 && seconds < 60).then_some(hours * 3600 + minutes * 60 + seconds)?;
            if sign == b'-' { -offset } else { offset }
        }
    };
    let days = days_until(year, month, day);
    let exists = (1..=12).contains(&month) && date_of(days) == (year, month, day);
    let is_over = text.0.is_empty() && hour < 24 && minute < 60 && second < 60;
    (exists && is_over).then(|| {
        let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
        Timestamp { seconds, nanoseconds }
    })
}

impl Extension for Timestamp {
    const CODE: i8 = -1;
    const NAME: &'static str = "a timestamp";

    fn content(&self) -> Cow<'_, [u8]> {
        let mut content = vec![code(Self::CODE)];
        let nanoseconds = u64::from(self.nanoseconds);
        match (u64::try_from(self.seconds), nanoseconds) {
            (Ok(seconds @ 0..=0xffff_ffff), 0) => content.extend(&seconds.to_be_bytes()[4..]),
            (Ok(seconds @ 0..=0x3_ffff_ffff), _) => content.extend((nanoseconds << 34 | seconds).to_be_bytes()),
            _ => {
                content.extend(self.nanoseconds.to_be_bytes());
                content.extend(self.seconds.to_be_bytes());
            }
        }
        content.into()
    }

    fn from_data(data: &[u8]) -> Result<Self, String> {
        let number = |bytes: &[u8]| bytes.iter().fold(0, |number, byte| number << 8 | u64::from(*byte));
        let (seconds, nanoseconds) = match data.len() {
            4 => (number(data).cast_signed(), 0),
            8 => ((number(data) & 0x3_ffff_ffff).cast_signed(), number(data) >> 34),
            12 => (number(&data[4..]).cast_signed(), number(&data[..4])),
            length => return Err(format!("a timestamp of {length} bytes: they have 4, 8 or 12")),
        };
        u32::try_from(nanoseconds)
            .ok()
            .and_then(|nanoseconds| Self::new(seconds, nanoseconds))
            .ok_or_else(|| format!("a timestamp with {nanoseconds} nanoseconds, which is a second or more"))
    }

    fn serialize_readable<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }

    fn from_natural(value: Value) -> Result<Self, String> {
        match value {
            Value::Str(text) => text.parse().map_err(|error: InvalidTimestamp| error.to_string()),
            other => Err(format!("expected a timestamp, got {}", other.kind())),
        }
    }
}

serde_by_extension!(Timestamp);

impl From<Timestamp> for Value {
    fn from(timestamp: Timestamp) -> Self {
        Self::Timestamp(timestamp)
    }
}

impl From<SystemTime> for Value {
    fn from(time: SystemTime) -> Self {
        Self::Timestamp(time.into())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn moment(text: &str) -> Option<(i64, u32)> {
        text.parse().ok().map(|timestamp: Timestamp| (timestamp.seconds, timestamp.nanoseconds))
    }

    #[test]
    fn moments_are_read_as_python_and_rfc_3339_write_them() {
        assert_eq!(moment("1970-01-01T00:00:00Z"), Some((0, 0)));
        assert_eq!(moment("1969-12-31 23:59:59.000001+00:00"), Some((-1, 1000)));
        assert_eq!(moment("2000-02-29T12:00:00-05:30"), Some((951_845_400, 0)));
        assert_eq!(moment("0001-01-01T00:00:00z"), Some((-62_135_596_800, 0)));
        assert_eq!(moment("9999-12-31T23:59:59.1234567899Z"), Some((253_402_300_799, 123_456_789)));
        for wrong in
            ["", "2024-02-30T00:00:00Z", "2024-13-01T00:00:00Z", "2024-01-01T24:00:00Z", "2024-01-01T00:00:00.Z"]
        {
            assert_eq!(moment(wrong), None, "{wrong}");
        }
        let naive = "2024-02-29T12:00:00".parse::<Timestamp>().unwrap_err().to_string();
        assert!(naive.contains("no time zone"), "{naive}");
    }

    #[test]
    fn every_length_is_read_and_the_shortest_is_written() {
        let content = |seconds, nanoseconds| Timestamp::new(seconds, nanoseconds).unwrap().content().into_owned();
        assert_eq!(content(1, 0), [0xff, 0, 0, 0, 1]);
        assert_eq!(content(1 << 32, 1), [0xff, 0, 0, 0, 0x05, 0, 0, 0, 0]);
        assert_eq!(content(-1, 1), [0xff, 0, 0, 0, 1, 255, 255, 255, 255, 255, 255, 255, 255]);
        for wrong in [&[0; 5][..], &[255; 8], &[255; 12], &[]] {
            assert!(Timestamp::from_data(wrong).is_err(), "{wrong:?}");
        }
    }

    proptest! {
        #[test]
        fn a_moment_is_the_same_after_it_was_written(seconds: i64, nanoseconds in 0..NANOSECONDS) {
            let timestamp = Timestamp { seconds, nanoseconds };
            prop_assert_eq!(Timestamp::from_data(&timestamp.content()[1..]), Ok(timestamp));
            if let Ok(time) = SystemTime::try_from(timestamp) {
                prop_assert_eq!(Timestamp::from(time), timestamp);
            }
        }

        #[test]
        fn a_moment_of_four_digit_years_is_the_same_after_it_was_text(
            seconds in -62_167_219_200_i64..=253_402_300_799, nanoseconds in 0..NANOSECONDS,
        ) {
            let timestamp = Timestamp { seconds, nanoseconds };
            prop_assert_eq!(timestamp.to_string().parse(), Ok(timestamp));
        }
    }
}
