//! How a call is treated on its way, as far as its caller may choose.

/// Who goes first when calls wait for a worker. Among equals it is first come, first served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Priority {
    /// After the others; but it is not held up for ever.
    Low,
    /// What a call has that names none.
    #[default]
    Normal,
    /// Before the others.
    High,
}

/// What the pool is to do with a call, beyond giving it to a worker.
#[derive(Debug, Clone, Copy, Default)]
pub struct Handling {
    /// Who goes first when calls wait.
    pub priority: Priority,
    /// How often it is repeated when its worker is lost and nobody knows if it ran, if it is not what the pool says.
    pub retries: Option<u32>,
    /// How far its stream may be ahead of its consumer in bytes, if it is not what the connection says.
    pub window: Option<u64>,
}
