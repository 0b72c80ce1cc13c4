//! How much of everything.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// What may stand behind the program's name.
pub(crate) const USAGE: &str = "\
usage: loadtest [scaling] [burst] [stress] [sustained] [--short]
                [--workers N]   workers of the largest pool (default 120)
                [--calls N]     calls of a burst, and of each step of scaling and stress (default 5000)
                [--rate N]      calls a second in the sustained part (default 500)
                [--seconds N]   how long the sustained part takes (default 30)";

const PARTS: [&str; 4] = ["scaling", "burst", "stress", "sustained"];

/// The sizes of a run.
pub(crate) struct Sizes {
    pub(crate) parts: Vec<String>,
    pub(crate) workers: usize,
    pub(crate) calls: usize,
    pub(crate) rate: u32,
    pub(crate) duration: Duration,
}

impl Sizes {
    /// What the arguments say. A size that is named holds whether `--short` stands before or behind it.
    pub(crate) fn read(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let (mut parts, mut short) = (Vec::new(), false);
        let (mut workers, mut calls, mut rate, mut seconds) = (None, None, None, None);
        let mut arguments = arguments;
        while let Some(argument) = arguments.next() {
            match argument.as_str() {
                "--short" => short = true,
                "--workers" => workers = Some(number(&argument, arguments.next())?),
                "--calls" => calls = Some(number(&argument, arguments.next())?),
                "--rate" => rate = Some(number(&argument, arguments.next())?),
                "--seconds" => seconds = Some(number(&argument, arguments.next())?),
                part if PARTS.contains(&part) => parts.push(argument),
                other => return Err(format!("`{other}` is neither a part nor an option")),
            }
        }
        if parts.is_empty() {
            parts = PARTS.map(str::to_owned).to_vec();
        }
        let (usual_workers, usual_calls, usual_rate, usual_seconds) =
            if short { (6, 200, 100, 1) } else { (120, 5_000, 500, 30) };
        Ok(Self {
            parts,
            workers: workers.unwrap_or(usual_workers),
            calls: calls.unwrap_or(usual_calls),
            rate: rate.unwrap_or(usual_rate),
            duration: Duration::from_secs(seconds.unwrap_or(usual_seconds)),
        })
    }
}

impl fmt::Display for Sizes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { workers, calls, rate, duration, .. } = self;
        write!(f, "up to {workers} workers, {calls} calls a step, {rate} a second for {duration:?}")
    }
}

/// A number of something, at least one.
fn number<N: FromStr + Default + PartialEq>(option: &str, value: Option<String>) -> Result<N, String> {
    let value = value.ok_or_else(|| format!("`{option}` needs a number"))?;
    match value.parse() {
        Ok(number) if number != N::default() => Ok(number),
        _ => Err(format!("`{option} {value}`: expected a number of at least 1")),
    }
}
