//! How far a call is.

use serde::Deserialize;

/// How far a call is, as its tool tells it.
///
/// ```
/// use snakebridge::Progress;
///
/// let progress = Progress::of(3.0, 12.0).with_message("rows");
/// assert_eq!(progress.fraction, Some(0.25));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
#[non_exhaustive]
pub struct Progress {
    /// How much of the work is done, from 0 to 1; `None` where nobody knows how much there is.
    pub fraction: Option<f64>,
    /// How much is done, in units of the tool's own.
    pub done: Option<f64>,
    /// How much there is in all.
    pub total: Option<f64>,
    /// What is being done, for people.
    pub message: Option<String>,
}

impl Progress {
    /// So much of the work is done, from 0 to 1.
    pub fn fraction(fraction: f64) -> Self {
        Self { fraction: Some(fraction), ..Self::default() }.sane()
    }

    /// So much is done of so much.
    pub fn of(done: f64, total: f64) -> Self {
        Self { done: Some(done), total: Some(total), ..Self::default() }.sane()
    }

    /// So much is done, and nobody knows of how much.
    pub fn done(done: f64) -> Self {
        Self { done: Some(done), ..Self::default() }.sane()
    }

    /// The same with words for people.
    #[must_use]
    pub fn with_message(self, message: impl Into<String>) -> Self {
        Self { message: Some(message.into()), ..self }
    }

    /// Without numbers that make no sense; with the fraction that follows from the others.
    pub(crate) fn sane(self) -> Self {
        let finite = |number: Option<f64>| number.filter(|number| number.is_finite());
        let (done, total) = (finite(self.done), finite(self.total).filter(|&total| total > 0.0));
        let follows = done.zip(total).map(|(done, total)| done / total);
        let fraction = finite(self.fraction).or(follows).map(|fraction| fraction.clamp(0.0, 1.0));
        Self { fraction, done, total, message: self.message }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fractions_follow_and_nonsense_is_left_out() {
        assert_eq!(Progress::of(5.0, 4.0).fraction, Some(1.0));
        assert_eq!(Progress::of(5.0, 0.0), Progress::done(5.0));
        assert_eq!(Progress::fraction(f64::NAN), Progress::default());
        assert_eq!(Progress::fraction(-3.0).fraction, Some(0.0));
    }
}
