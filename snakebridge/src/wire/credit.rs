//! Flow-control arithmetic of one stream, both ends. Pure; the frames that carry it are the peer's business.
//!
//! Credit is counted in bytes. A stream may send while its balance is above zero and an item may take it below, so an
//! item larger than the whole window cannot deadlock, and a receiver never holds more than the window and one item.

use super::Violation;

/// The least that an item costs, whatever its size: a stream of empty items is bounded too.
pub const MINIMUM_CHARGE: u64 = 64;

/// No honest receiver ever owes more; beyond it somebody tries to overflow us.
const MAX_BALANCE: i64 = 1 << 40;

/// What an item of `length` bytes costs.
pub fn charge(length: usize) -> u64 {
    (length as u64).max(MINIMUM_CHARGE)
}

fn signed(bytes: u64) -> i64 {
    i64::try_from(bytes).unwrap_or(i64::MAX)
}

/// The sender's end.
#[derive(Debug, Clone)]
pub struct SendWindow {
    balance: i64,
}

impl SendWindow {
    /// Starts with the receiver's announced window.
    pub fn new(window: u64) -> Self {
        Self { balance: signed(window).min(MAX_BALANCE) }
    }

    /// Whether an item may be sent now.
    pub fn is_open(&self) -> bool {
        self.balance > 0
    }

    /// Pays for an item. The balance may go below zero.
    pub fn pay(&mut self, length: usize) {
        debug_assert!(self.is_open(), "an item was sent without credit");
        self.balance = self.balance.saturating_sub(signed(charge(length)));
    }

    /// The receiver granted more. `None` when that is beyond every bound.
    pub fn grant(&mut self, bytes: u64) -> Option<()> {
        self.balance = self.balance.checked_add(signed(bytes)).filter(|&balance| balance <= MAX_BALANCE)?;
        Some(())
    }
}

/// The receiver's end.
#[derive(Debug, Clone)]
pub struct ReceiveWindow {
    window: u64,
    /// What the sender may still send, as we know it.
    outstanding: i64,
    /// Consumed and not yet granted again.
    consumed: u64,
}

impl ReceiveWindow {
    /// Starts with the window we announced.
    pub fn new(window: u64) -> Self {
        Self { window, outstanding: signed(window), consumed: 0 }
    }

    /// An item came. An error when the sender had no credit for it.
    pub fn take(&mut self, id: u64, length: u64) -> Result<(), Violation> {
        if self.outstanding <= 0 {
            return Err(Violation::Flow(id));
        }
        self.outstanding = self.outstanding.saturating_sub(signed(length.max(MINIMUM_CHARGE)));
        Ok(())
    }

    /// Whether the sender has to wait for credit.
    pub fn is_used_up(&self) -> bool {
        self.outstanding <= 0
    }

    /// The consumer took an item of `length` bytes. Returns what to grant now: nothing until half a window has
    /// gathered, so that a stream of small items costs a CREDIT frame only now and then.
    pub fn consume(&mut self, length: usize) -> Option<u64> {
        self.consumed += charge(length);
        if self.consumed < self.window / 2 {
            return None;
        }
        let grant = std::mem::take(&mut self.consumed);
        self.outstanding = self.outstanding.saturating_add(signed(grant));
        Some(grant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Both ends agree at all times, memory is bounded, and a consumer that consumes always restarts the sender.
        #[test]
        fn the_receiver_never_holds_more_than_the_window_and_one_item(
            window in 128u64..10_000,
            sizes in proptest::collection::vec(0usize..20_000, 1..200),
        ) {
            let (mut sender, mut receiver) = (SendWindow::new(window), ReceiveWindow::new(window));
            let mut held = std::collections::VecDeque::new();
            for size in sizes {
                while !sender.is_open() {
                    let oldest = held.pop_front().expect("a closed window means that items are held");
                    if let Some(grant) = receiver.consume(oldest) {
                        sender.grant(grant).unwrap();
                    }
                }
                sender.pay(size);
                receiver.take(1, size as u64).unwrap();
                held.push_back(size);
                let bytes: u64 = held.iter().map(|&size| charge(size)).sum();
                let largest = held.iter().map(|&size| charge(size)).max().unwrap_or(0);
                prop_assert!(bytes <= window + largest);
            }
        }
    }

    #[test]
    fn an_item_without_credit_is_a_violation() {
        let mut receiver = ReceiveWindow::new(64);
        receiver.take(9, 1000).unwrap();
        assert_eq!(receiver.take(9, 1), Err(Violation::Flow(9)));
    }

    #[test]
    fn credit_beyond_every_bound_is_refused_instead_of_wrapping() {
        let mut sender = SendWindow::new(64);
        assert_eq!(sender.grant(u64::MAX), None);
    }
}
