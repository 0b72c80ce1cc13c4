//! Which sessions there are and what they keep: a state machine without I/O and without a clock.
//!
//! A session that nobody used for its time to live is over from that moment on, whether or not anybody has looked: every
//! use looks first. A call that runs in it is use. What is over does not come back: who was in it is told that it has
//! expired, and whoever creates one of that id again gets a new one.

#[cfg(test)]
mod model;
mod operations;
#[cfg(test)]
mod tests;
mod values;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use bytes::Bytes;

use self::values::Values;
use super::store::{Change, SessionRecord, StoredSession};
use super::{Identity, SessionConfig};
use crate::body;
use crate::error::{Error, ErrorKind, Executed, Result, shown};
use crate::telemetry::{Event, SessionEnd};
use crate::value::Value;
use crate::wire::limits::is_session_id;

/// Now, by both clocks: lives are counted by the one that never jumps, and the other one is only written down.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) instant: Instant,
    pub(super) wall: SystemTime,
}

impl Moment {
    #[expect(clippy::disallowed_methods, reason = "when a session was made, and how long no host ran: see `restore`")]
    pub(super) fn now() -> Self {
        Self { instant: Instant::now(), wall: SystemTime::now() }
    }
}

/// One session, as it is at this moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: String,
    /// What was said about it by [`Session::set_metadata`](crate::Session::set_metadata).
    pub metadata: BTreeMap<String, Value>,
    /// When it was created.
    pub created: SystemTime,
    /// How long nobody has used it.
    pub idle: Duration,
    /// How long it has to live if nobody uses it; `None` for as long as the bridge.
    pub expires_in: Option<Duration>,
    /// Calls that run in it, or wait to.
    pub calls: usize,
    /// The worker that got its last call.
    pub last_worker: Option<u64>,
    /// How many keys its state has.
    pub keys: usize,
    /// Bytes of its keys, values and metadata.
    pub bytes: u64,
}

/// A session that is not over.
#[derive(Debug)]
struct Session {
    identity: Arc<Identity>,
    created: SystemTime,
    used: Instant,
    /// When it is over if nobody uses it.
    expires: Option<Instant>,
    /// Under which time somebody will look whether it is over. Never later than it is.
    look: Option<Instant>,
    /// Calls in it.
    calls: usize,
    /// An encoded map.
    metadata: Bytes,
    values: Values,
    /// Whether its record in the store is older than its last use.
    touched: bool,
}

impl Session {
    fn bytes(&self) -> u64 {
        self.metadata.len() as u64 + self.values.bytes()
    }

    fn is_over(&self, now: Instant) -> bool {
        self.calls == 0 && self.expires.is_some_and(|expires| expires <= now)
    }

    fn record(&self, now: Moment) -> SessionRecord {
        SessionRecord {
            id: Arc::clone(self.identity.id()),
            metadata: self.metadata.clone(),
            created: self.created,
            remaining: self.expires.map(|expires| expires.saturating_duration_since(now.instant)),
            recorded: now.wall,
            versions_from: self.values.floor(),
        }
    }
}

/// What has come of an operation, beside its result.
#[derive(Debug, Default)]
pub(super) struct Effects {
    /// To be told.
    pub(super) events: Vec<Event>,
    /// To be stored, in this order. Nothing where nothing is stored.
    pub(super) changes: Vec<Change>,
}

/// All sessions.
#[derive(Debug)]
pub(super) struct SessionTable {
    config: SessionConfig,
    /// Whether anybody stores what changes.
    durable: bool,
    sessions: HashMap<Arc<str>, Session>,
    /// One entry for each session that may expire, by time and life.
    looks: BTreeMap<(Instant, u64), Arc<str>>,
    /// Sessions that were used since they were recorded.
    touched: Vec<Arc<str>>,
    lives: u64,
    bytes: u64,
    /// Whether the warning was given, and the number has not gone down since.
    warned: bool,
    effects: Effects,
}

impl SessionTable {
    pub(super) fn new(config: SessionConfig, durable: bool) -> Self {
        Self {
            config,
            durable,
            sessions: HashMap::new(),
            looks: BTreeMap::new(),
            touched: Vec::new(),
            lives: 0,
            bytes: 0,
            warned: false,
            effects: Effects::default(),
        }
    }

    /// What has come of everything since this was asked last.
    pub(super) fn take_effects(&mut self) -> Effects {
        std::mem::take(&mut self.effects)
    }

    /// Takes in what a store had. What has expired meanwhile is over. Nothing is refused for a quota: it was acknowledged.
    pub(super) fn restore(&mut self, stored: Vec<StoredSession>, now: Moment) {
        for StoredSession { record, values } in stored {
            // A clock that went back says nothing.
            let down = now.wall.duration_since(record.recorded).unwrap_or_default();
            let left = record.remaining.unwrap_or(Duration::MAX).min(self.config.ttl).saturating_sub(down);
            let expires = now.instant.checked_add(left);
            if left.is_zero() {
                self.change(|| Change::Close { session: Arc::clone(&record.id) });
                self.effects.events.push(ended(&record.id, SessionEnd::Expired));
                continue;
            }
            let values = Values::restore(values, record.versions_from);
            self.insert(record.id, record.metadata, record.created, values, now.instant, expires);
        }
    }

    fn insert(
        &mut self,
        id: Arc<str>,
        metadata: Bytes,
        created: SystemTime,
        values: Values,
        used: Instant,
        expires: Option<Instant>,
    ) -> &mut Session {
        self.lives += 1;
        if let Some(expires) = expires {
            self.looks.insert((expires, self.lives), Arc::clone(&id));
        }
        let identity = Arc::new(Identity::new(Arc::clone(&id), self.lives));
        let (calls, touched, look) = (0, false, expires);
        let session = Session { identity, created, used, expires, look, calls, metadata, values, touched };
        self.bytes += session.bytes();
        self.sessions.entry(id).insert_entry(session).into_mut()
    }

    /// The session of this id, created if it is not there, and used.
    pub(super) fn create(&mut self, id: &str, now: Moment) -> Result<Arc<Identity>> {
        check_id(id)?;
        if let Some(identity) = self.find(id, now) {
            return Ok(identity);
        }
        // What is over makes room.
        self.sweep(now);
        let limit = self.config.max_sessions;
        if self.sessions.len() >= limit {
            return Err(quota(format!("{limit} sessions exist; close some, or raise `max_sessions`")));
        }
        let expires = now.instant.checked_add(self.config.ttl);
        let session = self.insert(id.into(), EMPTY_MAP, now.wall, Values::default(), now.instant, expires);
        let (identity, record) = (Arc::clone(&session.identity), session.record(now));
        self.change(|| Change::Record(record));
        self.effects.events.push(Event::SessionCreated { session: id.to_owned() });
        self.warn();
        Ok(identity)
    }

    /// Tells when four fifths of the sessions that may exist do; again only after it has gone down to half of them.
    fn warn(&mut self) {
        let (sessions, limit) = (self.sessions.len(), self.config.max_sessions);
        if !self.warned && sessions * 5 >= limit * 4 {
            self.warned = true;
            self.effects.events.push(Event::SessionsNearLimit { sessions, limit });
        }
    }

    /// The session of this id, used.
    pub(super) fn named(&mut self, id: &str, now: Moment) -> Result<Arc<Identity>> {
        check_id(id)?;
        if self.config.create_on_use {
            return self.create(id, now);
        }
        self.find(id, now)
            .ok_or_else(|| Error::new(ErrorKind::SessionNotFound { session: id.to_owned() }, Executed::Never))
    }

    fn find(&mut self, id: &str, now: Moment) -> Option<Arc<Identity>> {
        let identity = Arc::clone(&self.sessions.get(id)?.identity);
        self.enter(&identity, now).ok().map(|session| Arc::clone(&session.identity))
    }

    /// A session in which the caller is, or was, unless it is over. This is use.
    fn enter(&mut self, identity: &Identity, now: Moment) -> Result<&mut Session> {
        let id = identity.id();
        if self.is_here(identity).is_some_and(|session| session.is_over(now.instant)) {
            self.end(id, SessionEnd::Expired);
        }
        let (ttl, durable) = (self.config.ttl, self.durable);
        let session = self.sessions.get_mut(id).filter(|session| session.identity.life() == identity.life());
        let Some(session) = session else {
            return Err(Error::new(ErrorKind::SessionExpired { session: id.to_string() }, Executed::Never));
        };
        session.used = now.instant;
        session.expires = now.instant.checked_add(ttl);
        if durable && !session.touched {
            session.touched = true;
            self.touched.push(Arc::clone(id));
        }
        Ok(session)
    }

    fn is_here(&self, identity: &Identity) -> Option<&Session> {
        self.sessions.get(identity.id()).filter(|session| session.identity.life() == identity.life())
    }

    /// Whether the session is not over.
    pub(super) fn use_it(&mut self, identity: &Identity, now: Moment) -> Result<()> {
        self.enter(identity, now).map(drop)
    }

    /// A call begins in the session, which lives at least as long.
    pub(super) fn begin_call(&mut self, identity: &Identity, now: Moment) -> Result<()> {
        self.enter(identity, now)?.calls += 1;
        Ok(())
    }

    /// A call has ended. Its session may be over by now.
    pub(super) fn end_call(&mut self, identity: &Identity, now: Moment) {
        if let Ok(session) = self.enter(identity, now) {
            session.calls -= 1;
        }
    }

    /// Ends the session. False where it is over already.
    pub(super) fn close(&mut self, identity: &Identity, now: Moment) -> bool {
        let here = self.enter(identity, now).is_ok();
        if here {
            self.end(identity.id(), SessionEnd::Closed);
        }
        here
    }

    fn end(&mut self, id: &Arc<str>, why: SessionEnd) {
        let Some(session) = self.sessions.remove(id) else { return };
        if let Some(look) = session.look {
            self.looks.remove(&(look, session.identity.life()));
        }
        self.bytes -= session.bytes();
        self.warned &= self.sessions.len() * 2 > self.config.max_sessions;
        self.change(|| Change::Close { session: Arc::clone(id) });
        self.effects.events.push(ended(id, why));
    }

    /// Ends what is over. Looks at what is due and nothing else: at a session in use once for each time to live.
    pub(super) fn sweep(&mut self, now: Moment) {
        while let Some(entry) = self.looks.first_entry()
            && entry.key().0 <= now.instant
        {
            let id = entry.remove();
            let Some(session) = self.sessions.get_mut(&id) else { continue };
            session.look = None;
            if session.is_over(now.instant) {
                self.end(&id, SessionEnd::Expired);
                continue;
            }
            // A call runs in it, or it was used since.
            let next = session.expires.filter(|expires| *expires > now.instant);
            session.look = next.or_else(|| now.instant.checked_add(self.config.ttl));
            if let Some(look) = session.look {
                self.looks.insert((look, session.identity.life()), id);
            }
        }
        if self.sessions.is_empty() {
            // What a million of them took is not needed for the next ten.
            self.sessions.shrink_to_fit();
        }
    }

    /// Has everything recorded that was used since it was.
    pub(super) fn record_uses(&mut self, now: Moment) {
        for id in std::mem::take(&mut self.touched) {
            if let Some(session) = self.sessions.get_mut(&id).filter(|session| session.touched) {
                session.touched = false;
                self.effects.changes.push(Change::Record(session.record(now)));
            }
        }
    }

    /// All that are not over, by id.
    pub(super) fn list(&mut self, now: Moment) -> Vec<SessionInfo> {
        self.sweep(now);
        let mut list: Vec<_> = self.sessions.values().map(|session| info(session, now)).collect();
        list.sort_by(|one, other| one.id.cmp(&other.id));
        list
    }

    /// What is known of one session. This is no use of it.
    pub(super) fn info(&mut self, identity: &Identity, now: Moment) -> Result<SessionInfo> {
        match self.is_here(identity).filter(|session| !session.is_over(now.instant)) {
            Some(session) => Ok(info(session, now)),
            None => self.enter(identity, now).map(|session| info(session, now)),
        }
    }

    fn change(&mut self, change: impl FnOnce() -> Change) {
        if self.durable {
            self.effects.changes.push(change());
        }
    }
}

/// An encoded map without entries.
const EMPTY_MAP: Bytes = Bytes::from_static(&[0x80]);

fn info(session: &Session, now: Moment) -> SessionInfo {
    SessionInfo {
        id: session.identity.id().to_string(),
        // Encoded by this side, or taken from a store as it was.
        metadata: body::decode(&session.metadata).unwrap_or_default(),
        created: session.created,
        idle: now.instant.saturating_duration_since(session.used),
        expires_in: session.expires.map(|expires| expires.saturating_duration_since(now.instant)),
        calls: session.calls,
        last_worker: session.identity.last_worker(),
        keys: session.values.len(),
        bytes: session.bytes(),
    }
}

fn ended(id: &str, why: SessionEnd) -> Event {
    Event::SessionEnded { session: id.to_owned(), why }
}

fn quota(which: String) -> Error {
    Error::new(ErrorKind::SessionQuota { which }, Executed::Never)
}

/// Refuses what can be no session id.
fn check_id(id: &str) -> Result<()> {
    check_text("session id", id)
}

fn check_text(what: &str, text: &str) -> Result<()> {
    if is_session_id(text) {
        return Ok(());
    }
    Err(Error::invalid_argument(format!(
        "{what} `{}` of {} bytes: expected 1 to 256 bytes of text without control characters",
        shown(text),
        text.len()
    )))
}
