//! What the measurements share. The measurements themselves are under `src/bin`.

use std::time::Duration;

/// The value below which a share of the samples lies. Sorts them.
///
/// # Panics
/// Without samples.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
pub fn quantile(samples: &mut [Duration], share: f64) -> Duration {
    samples.sort_unstable();
    samples[((samples.len() - 1) as f64 * share).round() as usize]
}

/// Microseconds with two decimals.
pub fn micros(duration: Duration) -> String {
    format!("{:.2} µs", duration.as_secs_f64() * 1e6)
}

/// Keeps this process, and those that it starts from now on, on one core.
///
/// # Errors
/// When the system does not allow it.
pub fn pin_to_one_core() -> std::io::Result<()> {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let allowed = sched_getaffinity(None)?;
    let first = (0..CpuSet::MAX_CPU)
        .find(|&cpu| allowed.is_set(cpu))
        .ok_or_else(|| std::io::Error::other("no core is allowed"))?;
    let mut one = CpuSet::new();
    one.set(first);
    Ok(sched_setaffinity(None, &one)?)
}
