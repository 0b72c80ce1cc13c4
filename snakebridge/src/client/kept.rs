//! Results that are kept, from a call's side: it takes one, or leads and runs, or follows one that runs.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use bytes::Bytes;
use tokio::task::AbortHandle;

use super::Shared;
use super::cache::Key;
use super::flights::{Flight, Role};
use crate::session::Pin;

/// What a call whose result may be kept is to do.
pub(super) enum Asked {
    /// Nothing: this is the result.
    Kept(Bytes),
    /// Run.
    Runs(Run),
    /// Wait for one that runs.
    Follows(Follower),
}

/// What a follower waits for.
enum Told {
    Result(Bytes),
    Leads,
    Late,
}

/// By what a follower is told.
#[derive(Default)]
pub(super) struct Slot(Mutex<(Option<Told>, Option<Waker>)>);

impl Slot {
    fn lock(&self) -> MutexGuard<'_, (Option<Told>, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns who is to be woken, when the lock of the cache is free again.
    fn tell(&self, told: Told) -> Option<Waker> {
        let mut slot = self.lock();
        slot.0 = Some(told);
        slot.1.take()
    }
}

impl std::fmt::Debug for Slot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Slot")
    }
}

/// What is asked for, and for how long it is kept.
struct Wanted {
    shared: Arc<Shared>,
    key: Arc<Key>,
    kept: Duration,
}

/// A call whose result is kept, and given to those who follow it. When it is dropped without one, the next of them runs.
pub(super) struct Run {
    wanted: Wanted,
    /// None where nobody may follow it.
    flight: Option<Flight>,
}

impl Run {
    pub(super) fn landed(mut self, result: &Bytes) {
        let Wanted { shared, key, kept } = &self.wanted;
        let woken: Vec<Waker> = {
            let mut cache = shared.cache();
            let (followers, keeps) = match self.flight.take() {
                Some(flight) => cache.flights.landed(flight),
                None => (VecDeque::new(), true),
            };
            if keeps {
                cache.insert(Arc::clone(key), result, *kept, Instant::now());
            }
            cache.count_followers(followers.len());
            // Copies: the result may be a slice of a much larger buffer, which they would keep.
            let tell = |slot: &Arc<Slot>| slot.tell(Told::Result(Bytes::copy_from_slice(result)));
            followers.iter().filter_map(tell).collect()
        };
        woken.into_iter().for_each(Waker::wake);
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            lead_on(&self.wanted.shared, flight);
        }
    }
}

/// The leader of a flight has left it: the next one leads.
fn lead_on(shared: &Shared, flight: Flight) {
    let woken = {
        let mut cache = shared.cache();
        let next = cache.flights.failed(flight);
        if next.is_some() {
            cache.count_miss();
        }
        next.and_then(|slot| slot.tell(Told::Leads))
    };
    if let Some(waker) = woken {
        waker.wake();
    }
}

/// A call that waits for one that runs and asks for the same.
pub(super) struct Follower {
    /// Until it leads.
    wanted: Option<Wanted>,
    shared: Arc<Shared>,
    flight: Flight,
    slot: Arc<Slot>,
    timer: Option<AbortHandle>,
    /// Its session lives as long as it waits.
    _pin: Option<Pin>,
}

/// What has become of a follower.
pub(super) enum Followed {
    /// It has its result.
    Result(Bytes),
    /// It runs.
    Leads(Run),
    /// Its time is over.
    Late,
}

impl Follower {
    pub(super) fn poll(&mut self, context: &Context<'_>) -> Poll<Followed> {
        let told = {
            let mut slot = self.slot.lock();
            let (told, waker) = &mut *slot;
            if told.is_none() {
                *waker = Some(context.waker().clone());
            }
            told.take()
        };
        let followed = match (told, self.wanted.take()) {
            (Some(Told::Result(result)), _) => Followed::Result(result),
            (Some(Told::Leads), Some(wanted)) => Followed::Leads(Run { wanted, flight: Some(self.flight) }),
            (Some(_), _) => Followed::Late,
            (None, wanted) => {
                self.wanted = wanted;
                return Poll::Pending;
            }
        };
        Poll::Ready(followed)
    }

    /// Stops waiting at `deadline`. By a task, because whoever polls it may be in no runtime at all.
    fn until(mut self, deadline: Option<Instant>) -> Self {
        let Some(deadline) = deadline else { return self };
        let (shared, slot, flight) = (Arc::downgrade(&self.shared), Arc::clone(&self.slot), self.flight);
        let timer = async move {
            tokio::time::sleep_until(deadline.into()).await;
            let Some(shared) = shared.upgrade() else { return };
            let left = shared.cache().flights.left(flight, |other| Arc::ptr_eq(other, &slot));
            // It may have been told meanwhile; then that counts.
            if let Some(waker) = left.and_then(|slot| slot.tell(Told::Late)) {
                waker.wake();
            }
        };
        self.timer = Some(self.shared.runtime().spawn(timer).abort_handle());
        self
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        if let Some(timer) = self.timer.take() {
            timer.abort();
        }
        if self.wanted.is_none() {
            return; // it knows what has become of it
        }
        // What it is told, it is told under this lock.
        let leads = {
            let mut cache = self.shared.cache();
            let waits = cache.flights.left(self.flight, |other| Arc::ptr_eq(other, &self.slot)).is_some();
            !waits && matches!(self.slot.lock().0, Some(Told::Leads))
        };
        if leads {
            lead_on(&self.shared, self.flight);
        }
    }
}

/// How a call asks.
pub(super) struct Asking {
    pub(super) key: Key,
    /// For how long a result is kept.
    pub(super) kept: Duration,
    /// Whether it may follow another call. Not one that others wait for: the one that it would follow may be among them.
    pub(super) may_follow: bool,
    pub(super) deadline: Option<Instant>,
    pub(super) pin: Option<Pin>,
}

/// Takes a result that is kept, or leads, or follows.
pub(super) fn ask(shared: &Arc<Shared>, asking: Asking) -> Asked {
    let Asking { key, kept, may_follow, deadline, pin } = asking;
    let slot = Arc::<Slot>::default();
    let (key, role) = {
        let mut cache = shared.cache();
        if let Some(result) = cache.get(&key, Instant::now()) {
            return Asked::Kept(result);
        }
        let key = Arc::new(key);
        let role = may_follow.then(|| cache.flights.join(&key, || Arc::clone(&slot)));
        if !matches!(role, Some(Role::Follows(_))) {
            cache.count_miss();
        }
        (key, role)
    };
    let wanted = Wanted { shared: Arc::clone(shared), key, kept };
    match role {
        None => Asked::Runs(Run { wanted, flight: None }),
        Some(Role::Leads(flight)) => Asked::Runs(Run { wanted, flight: Some(flight) }),
        Some(Role::Follows(flight)) => {
            let shared = Arc::clone(shared);
            let follower = Follower { wanted: Some(wanted), shared, flight, slot, timer: None, _pin: pin };
            Asked::Follows(follower.until(deadline))
        }
    }
}
