//! What is done to the state and the metadata of one session.

use std::sync::Arc;

use bytes::Bytes;

use super::{Moment, SessionTable, check_text, quota};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::seeded::{self, Bug};
use crate::session::Identity;
use crate::session::store::Change;

impl SessionTable {
    pub(in crate::session) fn metadata(&mut self, identity: &Identity, now: Moment) -> Result<Bytes> {
        self.enter(identity, now).map(|session| session.metadata.clone())
    }

    /// Replaces the session's metadata by another encoded map.
    pub(in crate::session) fn set_metadata(&mut self, identity: &Identity, metadata: Bytes, now: Moment) -> Result<()> {
        let session = self.enter(identity, now)?;
        let (old, values) = (session.bytes(), session.values.bytes());
        self.make_room(old, values + metadata.len() as u64)?;
        let session = self.enter(identity, now)?;
        session.metadata = metadata;
        let record = session.record(now);
        self.change(|| Change::Record(record));
        Ok(())
    }

    pub(in crate::session) fn get(
        &mut self,
        identity: &Identity,
        key: &str,
        now: Moment,
    ) -> Result<Option<(u64, Bytes)>> {
        check_key(key)?;
        self.enter(identity, now).map(|session| session.values.get(key))
    }

    pub(in crate::session) fn keys(&mut self, identity: &Identity, now: Moment) -> Result<Vec<Arc<str>>> {
        self.enter(identity, now).map(|session| session.values.keys())
    }

    /// Sets a key, if it has the `expected` version where there is one. Returns the new version.
    pub(in crate::session) fn set(
        &mut self,
        identity: &Identity,
        key: &str,
        value: Bytes,
        expected: Option<u64>,
        now: Moment,
    ) -> Result<u64> {
        check_key(key)?;
        let successor = || self.sessions.get(identity.id()).map(|session| Arc::clone(&session.identity));
        let successor = if seeded::has(Bug::Resurrection) { successor() } else { None };
        let identity = successor.as_deref().unwrap_or(identity);
        let session = self.enter(identity, now)?;
        let version = session.values.version(key);
        if expected.is_some_and(|expected| expected != version) {
            return Err(Error::new(ErrorKind::Conflict { version }, Executed::Never));
        }
        let (size, limit) = (value.len() as u64, self.config.max_value_bytes);
        if size > limit {
            return Err(quota(format!("a value of {size} bytes, and one may have {limit} (`max_value_bytes`)")));
        }
        let session = self.enter(identity, now)?;
        let (old, new) = (session.bytes(), session.metadata.len() as u64 + session.values.bytes_with(key, &value));
        self.make_room(old, new)?;
        let stored = self.enter(identity, now)?.values.set(key, value);
        let version = stored.version;
        self.change(|| Change::Value { session: Arc::clone(identity.id()), value: stored });
        Ok(version)
    }

    /// Deletes a key. Whether it was there.
    pub(in crate::session) fn delete(&mut self, identity: &Identity, key: &str, now: Moment) -> Result<bool> {
        check_key(key)?;
        let session = self.enter(identity, now)?;
        let before = session.values.bytes();
        let Some((stored, forgotten)) = session.values.delete(key) else { return Ok(false) };
        let (freed, record) = (before - session.values.bytes(), session.record(now));
        self.bytes -= freed;
        self.change(|| Change::Value { session: Arc::clone(identity.id()), value: stored });
        if !forgotten.is_empty() {
            // First from where versions go on.
            self.change(|| Change::Record(record));
        }
        for key in forgotten {
            self.change(|| Change::Forget { session: Arc::clone(identity.id()), key });
        }
        Ok(true)
    }

    /// A session of `old` bytes is going to have `new` ones, if it may.
    fn make_room(&mut self, old: u64, new: u64) -> Result<()> {
        let total = self.bytes - old + new;
        let (own, all) = (self.config.max_session_bytes, self.config.max_total_bytes);
        // What shrinks is always in order.
        if new > own && new > old {
            return Err(quota(format!("{new} bytes in the session, which may keep {own} (`max_session_bytes`)")));
        }
        if total > all && new > old {
            return Err(quota(format!("{total} bytes in all sessions, which may keep {all} (`max_total_bytes`)")));
        }
        self.bytes = total;
        Ok(())
    }
}

fn check_key(key: &str) -> Result<()> {
    check_text("key", key)
}
