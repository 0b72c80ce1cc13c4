//! What workers keep for sessions and nobody wants any more, until somebody tells them.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A worker that keeps objects: its pool, and its number.
pub(crate) type Holder = (Arc<str>, u64);

/// What one worker is to forget.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Released {
    /// Objects, by their numbers in the worker.
    pub(crate) objects: Vec<u64>,
    /// Sessions that are over, by their lives: everything of theirs.
    pub(crate) scopes: Vec<u64>,
}

impl Released {
    fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.scopes.is_empty()
    }
}

/// What is to be released, by worker. Whoever drops an object only notes it here, from any thread and outside of every
/// runtime; one task tells the workers, each of them once at a time, so that much that is dropped at once goes together.
#[derive(Debug, Default)]
pub(crate) struct Releases {
    waiting: Mutex<Waiting>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    released: HashMap<Holder, Released>,
    /// Those that are being told.
    told: Vec<Holder>,
    /// How many objects of each worker somebody refers to.
    held: HashMap<u64, usize>,
}

impl Releases {
    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Somebody refers to an object of `holder`, until [`drop_object`](Self::drop_object).
    pub(crate) fn hold_object(&self, holder: &Holder) {
        *self.lock().held.entry(holder.1).or_default() += 1;
    }

    /// Whether anybody refers to an object of `worker`.
    pub(crate) fn is_held(&self, worker: u64) -> bool {
        self.lock().held.contains_key(&worker)
    }

    /// Nobody has the object `number` of `holder` any more.
    pub(crate) fn drop_object(&self, holder: &Holder, number: u64) {
        if let Entry::Occupied(mut held) = self.lock().held.entry(holder.1) {
            *held.get_mut() -= 1;
            if *held.get() == 0 {
                held.remove();
            }
        }
        self.note(holder, |released| released.objects.push(number));
    }

    /// The session of this life is over: `holder` may keep objects of it.
    pub(crate) fn end_scope(&self, holder: &Holder, scope: u64) {
        self.note(holder, |released| released.scopes.push(scope));
    }

    /// `holder` could not be told.
    pub(crate) fn put_back(&self, holder: &Holder, mut unsaid: Released) {
        self.note(holder, |released| {
            released.objects.append(&mut unsaid.objects);
            released.scopes.append(&mut unsaid.scopes);
        });
    }

    fn note(&self, holder: &Holder, note: impl FnOnce(&mut Released)) {
        let mut waiting = self.lock();
        match waiting.released.get_mut(holder) {
            Some(released) => note(released),
            None => note(waiting.released.entry(holder.clone()).or_default()),
        }
        drop(waiting);
        self.wake();
    }

    /// Somebody is to look what there is to do.
    pub(crate) fn wake(&self) {
        self.changed.notify_one();
    }

    /// Waits until there may be something to do. For one at a time.
    pub(crate) async fn changed(&self) {
        self.changed.notified().await;
    }

    /// Takes what can be told now: of those workers that are not being told anything. Each of them is, from now on, until
    /// [`told`](Self::told).
    pub(crate) fn take(&self) -> Vec<(Holder, Released)> {
        let mut waiting = self.lock();
        let Waiting { released, told, .. } = &mut *waiting;
        let free: Vec<_> =
            released.extract_if(|holder, released| !told.contains(holder) && !released.is_empty()).collect();
        told.extend(free.iter().map(|(holder, _)| holder.clone()));
        free
    }

    /// `holder` has been told, or never will be.
    pub(crate) fn told(&self, holder: &Holder) {
        self.lock().told.retain(|told| told != holder);
        self.wake();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_dropped_while_a_worker_is_told_goes_together_afterwards() {
        let releases = Releases::default();
        let (one, other): (Holder, Holder) = (("p".into(), 1), ("p".into(), 2));
        releases.drop_object(&one, 7);
        assert_eq!(releases.take(), [(one.clone(), Released { objects: vec![7], scopes: vec![] })]);
        releases.drop_object(&one, 8);
        releases.end_scope(&one, 3);
        releases.drop_object(&other, 1);
        assert_eq!(releases.take(), [(other, Released { objects: vec![1], scopes: vec![] })]);
        releases.told(&one);
        assert_eq!(releases.take(), [(one.clone(), Released { objects: vec![8], scopes: vec![3] })]);
        releases.told(&one);
        assert!(releases.take().is_empty());
    }

    #[test]
    fn a_worker_is_held_as_long_as_somebody_refers_to_an_object_of_it() {
        let (releases, holder): (_, Holder) = (Releases::default(), ("p".into(), 1));
        releases.hold_object(&holder);
        releases.hold_object(&holder);
        releases.drop_object(&holder, 1);
        assert!(releases.is_held(1) && !releases.is_held(2));
        releases.drop_object(&holder, 2);
        assert!(!releases.is_held(1));
    }

    #[tokio::test]
    async fn whoever_waits_hears_of_what_was_noted_before() {
        let releases = Releases::default();
        let dropped = std::thread::scope(|scope| scope.spawn(|| releases.drop_object(&("p".into(), 1), 7)).join());
        dropped.unwrap();
        releases.changed().await;
        assert_eq!(releases.take().len(), 1);
    }
}
