//! Bugs that are made on purpose, so that `cargo xtask chaos --mutants` can show that the chaos run finds each of them.
//!
//! Without the feature `seeded-bugs`, which is for that command and nobody else, there are none: [`has`] is `false` for
//! the compiler already. With it, the variable `SNAKEBRIDGE_SEEDED_BUG` chooses one.

/// A bug to be found, at the place that asks [`has`] for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bug {
    /// A worker that has ended is not waited for, and stays a zombie.
    SkippedReap,
    /// An answer that comes when its caller has gone is taken for a second one.
    DoubleAnswer,
    /// A call that may have run is repeated, though it is not idempotent.
    BlindRetry,
    /// The item that uses a stream's credit up is lost.
    LostItem,
    /// What a worker has started lives on when it is killed.
    NoGroupKill,
    /// What a worker wrote before its end is not read any more once it has ended.
    EndBeforeDrain,
    /// The permit to try a tool out is not given back by a call that is given up.
    LostPermit,
    /// An id is given out twice.
    IdReuse,
    /// All that a worker prints is kept.
    UnboundedOutput,
    /// A write into a session that is over goes into the next one of its id.
    Resurrection,
    /// One call more waits than may.
    OffByOneQueue,
    /// A worker is not told when its call has to be over.
    LostDeadline,
}

#[cfg(not(feature = "seeded-bugs"))]
pub(crate) const fn has(_: Bug) -> bool {
    false
}

#[cfg(feature = "seeded-bugs")]
pub(crate) use chosen::has;
#[cfg(all(feature = "seeded-bugs", feature = "host"))]
pub(crate) use chosen::late_read;
#[cfg(feature = "seeded-bugs")]
pub use chosen::names;

#[cfg(feature = "seeded-bugs")]
mod chosen {
    use std::sync::LazyLock;

    use super::Bug;

    const ALL: [(&str, Bug); 12] = [
        ("skipped-reap", Bug::SkippedReap),
        ("double-answer", Bug::DoubleAnswer),
        ("blind-retry", Bug::BlindRetry),
        ("lost-item", Bug::LostItem),
        ("no-group-kill", Bug::NoGroupKill),
        ("end-before-drain", Bug::EndBeforeDrain),
        ("lost-permit", Bug::LostPermit),
        ("id-reuse", Bug::IdReuse),
        ("unbounded-output", Bug::UnboundedOutput),
        ("resurrection", Bug::Resurrection),
        ("off-by-one-queue", Bug::OffByOneQueue),
        ("lost-deadline", Bug::LostDeadline),
    ];

    static CHOSEN: LazyLock<Option<Bug>> = LazyLock::new(|| {
        let name = std::env::var("SNAKEBRIDGE_SEEDED_BUG").ok()?;
        let bug = ALL.iter().find(|(known, _)| *known == name);
        assert!(bug.is_some(), "SNAKEBRIDGE_SEEDED_BUG is `{name}`, expected one of {:?}", names().collect::<Vec<_>>());
        bug.map(|(_, bug)| *bug)
    });

    /// The names that the variable may have.
    pub fn names() -> impl Iterator<Item = &'static str> {
        ALL.iter().map(|(name, _)| *name)
    }

    /// Whether this is the bug of this run.
    pub(crate) fn has(bug: Bug) -> bool {
        *CHOSEN == Some(bug)
    }

    /// For how long the next read from a worker comes late: now and then, with or without a bug. That is no bug, but a
    /// busy machine, and what is wrong in the order of events is only seen on one.
    #[cfg(feature = "host")]
    pub(crate) fn late_read() -> Option<std::time::Duration> {
        use std::sync::atomic::{AtomicU64, Ordering};

        static READS: AtomicU64 = AtomicU64::new(0);
        let read = READS.fetch_add(1, Ordering::Relaxed);
        (read % 4 == 3).then(|| std::time::Duration::from_millis(15))
    }
}
