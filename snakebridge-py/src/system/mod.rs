//! The operating system, one small audited module for each thing that is asked of it: the only place that makes system calls.

pub(crate) mod clock;
pub(crate) mod descriptors;
pub(crate) mod exit;
pub(crate) mod hardening;
#[cfg(target_os = "linux")]
pub(crate) mod orphans;
#[cfg(target_os = "linux")]
pub(crate) mod sandbox;
pub(crate) mod signal;
pub(crate) mod status_page;
pub(crate) mod ticker;
pub(crate) mod wakeup;
