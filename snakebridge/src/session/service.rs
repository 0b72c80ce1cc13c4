//! The sessions of a bridge: the state machine with a clock, a lock and perhaps a store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, Weak};
use std::time::{Duration, Instant};

use bytes::Bytes;

use super::identity::Named;
use super::store::SessionStore;
use super::table::{Effects, Moment, SessionTable};
use super::writer::{Ticket, Writer};
use super::{Identity, Releases, SessionConfig, SessionInfo, SessionName, SessionState};
use crate::error::Result;
use crate::telemetry::Events;

/// How often what is over is cleared away, and what was used is recorded.
const SWEEP: Duration = Duration::from_secs(60);

/// The sessions of a bridge. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Sessions(Arc<Inner>);

struct Inner {
    config: SessionConfig,
    table: Mutex<SessionTable>,
    events: Events,
    writer: Option<Writer>,
    /// Told of every session that is over, before there can be another of its id.
    on_end: OnceLock<Box<OnEnd>>,
    releases: Arc<Releases>,
}

/// What is called with the id of a session that is over.
type OnEnd = dyn Fn(&str) + Send + Sync;

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sessions").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A call in a session: while it is there, the session lives.
#[derive(Debug)]
pub(crate) struct Pin {
    sessions: Sessions,
    identity: Arc<Identity>,
}

impl Pin {
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.sessions.act(|table, now| table.end_call(&self.identity, now));
        if self.identity.is_over() {
            // It may have had something kept when that had been released already.
            self.sessions.release(&self.identity);
        }
    }
}

/// None at all, for who has no bridge.
impl Default for Sessions {
    fn default() -> Self {
        let (config, events) = (SessionConfig::default(), Events::new());
        let table = Mutex::new(SessionTable::new(config.clone(), false));
        Self::of(config, table, events, None)
    }
}

impl Sessions {
    /// Sessions in memory, and in `store` where there is one: what it has is there from the start.
    pub(crate) async fn start(
        config: SessionConfig,
        store: Option<Box<dyn SessionStore>>,
        events: Events,
    ) -> Result<Self> {
        config.check()?;
        let mut table = SessionTable::new(config.clone(), store.is_some());
        let writer = match store {
            Some(store) => {
                let (writer, stored) = Writer::start(store).await?;
                table.restore(stored, Moment::now());
                Some(writer)
            }
            None => None,
        };
        let sessions = Self::of(config, Mutex::new(table), events, writer);
        // What has expired while nobody was there is told, and leaves the store.
        sessions.act(|_, _| ());
        tokio::spawn(sweep(Arc::downgrade(&sessions.0)));
        Ok(sessions)
    }

    fn of(config: SessionConfig, table: Mutex<SessionTable>, events: Events, writer: Option<Writer>) -> Self {
        Self(Arc::new(Inner { config, table, events, writer, on_end: OnceLock::new(), releases: Arc::default() }))
    }

    /// Does something, tells what came of it, and gives the moment at which all of it, and all that it saw, is stored.
    fn act<R>(&self, action: impl FnOnce(&mut SessionTable, Moment) -> R) -> (R, Ticket<'_>) {
        let mut table = self.lock();
        let result = action(&mut table, Moment::now());
        let Effects { events, ended, changes } = table.take_effects();
        // Under the lock, so that changes are stored in the order in which they happened.
        let ticket = match &self.0.writer {
            Some(writer) => writer.write(changes),
            None => Ticket::Nothing,
        };
        for session in &ended {
            session.end();
            self.release(session);
            if let Some(on_end) = self.0.on_end.get() {
                on_end(session.id());
            }
        }
        drop(table);
        for event in events {
            self.0.events.emit(event);
        }
        (result, ticket)
    }

    /// As `act`, and waits until it is stored: nobody is told of anything that could be lost.
    async fn act_for_good<R>(&self, action: impl FnOnce(&mut SessionTable, Moment) -> Result<R>) -> Result<R> {
        let (result, ticket) = self.act(action);
        ticket.stored().await?;
        result
    }

    /// Has `on_end` called with the id of every session that is over. It must not use sessions. For the first that asks.
    pub(crate) fn on_end(&self, on_end: impl Fn(&str) + Send + Sync + 'static) {
        drop(self.0.on_end.set(Box::new(on_end)));
    }

    /// Nothing need be kept for `session` any more.
    fn release(&self, session: &Identity) {
        for holder in session.holders() {
            self.0.releases.end_scope(&holder, session.life());
        }
    }

    /// What workers need keep no longer.
    pub(crate) fn releases(&self) -> &Arc<Releases> {
        &self.0.releases
    }

    fn lock(&self) -> MutexGuard<'_, SessionTable> {
        self.0.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn config(&self) -> &SessionConfig {
        &self.0.config
    }

    /// The session of this id, created if it is not there.
    pub(crate) async fn create(&self, id: &str) -> Result<Arc<Identity>> {
        self.act_for_good(|table, now| table.create(id, now)).await
    }

    /// A new session of somebody who does not care for its id, which begins with `prefix`. It may not be stored yet.
    pub(crate) fn create_own(&self, prefix: &str) -> Result<Arc<Identity>> {
        self.act(|table, now| table.create_own(prefix, now)).0
    }

    /// Ends such a session, without waiting until that is stored.
    pub(crate) fn close_own(&self, session: &Identity) {
        self.act(|table, now| table.close(session, now));
    }

    /// What `session` keeps.
    pub(crate) fn state(&self, session: &Arc<Identity>) -> SessionState {
        SessionState::new(self.clone(), Arc::clone(session))
    }

    /// All that are there.
    pub(crate) fn list(&self) -> Vec<SessionInfo> {
        self.act(SessionTable::list).0
    }

    /// A call in the session of that name begins. Until it ends, the session lives.
    pub(crate) fn begin_call(&self, name: &SessionName) -> Result<Pin> {
        let begun = |table: &mut SessionTable, now| -> Result<Arc<Identity>> {
            let identity = match &name.0 {
                Named::Known(identity) => Arc::clone(identity),
                Named::Id(id) => table.named(id, now)?,
            };
            table.begin_call(&identity, now)?;
            Ok(identity)
        };
        // A session that is created by it may not be stored yet. Nothing is promised of it before it has a state.
        let identity = self.act(begun).0?;
        Ok(Pin { sessions: self.clone(), identity })
    }

    /// A call that names no session begins, in that of its task where sessions are made for tasks.
    pub(crate) fn begin_unnamed_call(&self) -> Result<Option<Pin>> {
        if !self.0.config.auto_session {
            return Ok(None);
        }
        let id = task_session_id();
        let begun = |table: &mut SessionTable, now| -> Result<Arc<Identity>> {
            let identity = table.create(&id, now)?;
            table.begin_call(&identity, now)?;
            Ok(identity)
        };
        let identity = self.act(begun).0?;
        Ok(Some(Pin { sessions: self.clone(), identity }))
    }

    pub(crate) fn touch(&self, session: &Identity) -> Result<()> {
        self.act(|table, now| table.use_it(session, now)).0
    }

    /// Uses `session`, and does something that is over before the session may end.
    pub(crate) fn while_it_lives<R>(&self, session: &Identity, action: impl FnOnce() -> Result<R>) -> Result<R> {
        self.act(|table, now| table.use_it(session, now).and_then(|()| action())).0
    }

    pub(crate) fn info(&self, session: &Identity) -> Result<SessionInfo> {
        self.act(|table, now| table.info(session, now)).0
    }

    pub(crate) async fn close(&self, session: &Identity) -> Result<bool> {
        self.act_for_good(|table, now| Ok(table.close(session, now))).await
    }

    pub(crate) async fn metadata(&self, session: &Identity) -> Result<Bytes> {
        self.act_for_good(|table, now| table.metadata(session, now)).await
    }

    pub(crate) async fn set_metadata(&self, session: &Identity, metadata: Bytes) -> Result<()> {
        self.act_for_good(|table, now| table.set_metadata(session, metadata, now)).await
    }

    pub(super) async fn get(&self, session: &Identity, key: &str) -> Result<Option<(u64, Bytes)>> {
        self.act_for_good(|table, now| table.get(session, key, now)).await
    }

    pub(super) async fn set(&self, session: &Identity, key: &str, value: Bytes, expected: Option<u64>) -> Result<u64> {
        self.act_for_good(|table, now| table.set(session, key, value, expected, now)).await
    }

    pub(super) async fn delete(&self, session: &Identity, key: &str) -> Result<bool> {
        self.act_for_good(|table, now| table.delete(session, key, now)).await
    }

    pub(super) async fn keys(&self, session: &Identity) -> Result<Vec<Arc<str>>> {
        self.act_for_good(|table, now| table.keys(session, now)).await
    }

    /// Records when each session was used last, and lets go of the store.
    pub(crate) async fn shut_down(&self) -> Result<()> {
        let Some(writer) = &self.0.writer else { return Ok(()) };
        let ((), ticket) = self.act(SessionTable::record_uses);
        let stored = ticket.stored().await;
        writer.finish().await;
        stored
    }
}

/// The id of the session of the current task; outside of tasks, of the current thread.
fn task_session_id() -> String {
    static THREADS: AtomicU64 = AtomicU64::new(0);
    thread_local! {
        static THREAD: u64 = THREADS.fetch_add(1, Ordering::Relaxed);
    }
    match tokio::task::try_id() {
        Some(id) => format!("task-{id}"),
        None => format!("thread-{}", THREAD.with(|number| *number)),
    }
}

/// Clears away what is over, until the sessions themselves are.
async fn sweep(sessions: Weak<Inner>) {
    let mut ticks = tokio::time::interval_at((Instant::now() + SWEEP).into(), SWEEP);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let Some(inner) = sessions.upgrade() else { return };
        Sessions(inner).act(|table, now| {
            table.sweep(now);
            table.record_uses(now);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::Executed;
    use crate::telemetry::Event;

    async fn sessions(config: SessionConfig) -> Sessions {
        Sessions::start(config, None, Events::new()).await.unwrap()
    }

    #[tokio::test]
    async fn each_end_is_told_once_before_there_is_another_session_of_that_id() {
        let sessions = sessions(SessionConfig { max_sessions: 1, ..SessionConfig::default() }).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let list = Arc::clone(&told);
        sessions.on_end(move |id| list.lock().unwrap().push(id.to_owned()));
        let first = sessions.create("s").await.unwrap();
        assert!(sessions.close(&first).await.unwrap() && !sessions.close(&first).await.unwrap());
        sessions.create("s").await.unwrap();
        assert_eq!(*told.lock().unwrap(), ["s"]);
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_over_is_cleared_away_though_nobody_asks() {
        let (events, config) = (Events::new(), SessionConfig { ttl: Duration::from_nanos(1), ..Default::default() });
        let mut told = events.subscribe();
        let sessions = Sessions::start(config, None, events).await.unwrap();
        sessions.create("s").await.unwrap();
        assert!(matches!(told.recv().await, Ok(Event::SessionCreated { .. })));
        // The time of the runtime, which goes on by itself when there is nothing to do.
        let ended = tokio::time::timeout(SWEEP * 2, told.recv()).await.expect("somebody sweeps");
        assert!(matches!(ended, Ok(Event::SessionEnded { .. })));
    }

    #[tokio::test]
    async fn a_call_that_names_no_session_runs_in_one_of_its_task_where_that_was_said() {
        let none = sessions(SessionConfig::default()).await;
        assert!(none.begin_unnamed_call().unwrap().is_none());
        let sessions = sessions(SessionConfig { auto_session: true, ..SessionConfig::default() }).await;
        let begin = |sessions: Sessions| async move {
            let twice = [sessions.begin_unnamed_call(), sessions.begin_unnamed_call()];
            twice.map(|pin| pin.unwrap().unwrap().identity().id().to_string())
        };
        let [one, again] = tokio::spawn(begin(sessions.clone())).await.unwrap();
        let [other, _] = tokio::spawn(begin(sessions.clone())).await.unwrap();
        assert_eq!(one, again);
        assert!(one.starts_with("task-") && other.starts_with("task-") && one != other, "{one} {other}");
        // Outside of tasks it is the thread's.
        assert!(begin(sessions.clone()).await[0].starts_with("thread-"));
    }

    #[tokio::test]
    async fn settings_without_a_session_are_refused() {
        let refused = |config| async { Sessions::start(config, None, Events::new()).await.unwrap_err().to_string() };
        assert!(refused(SessionConfig { ttl: Duration::ZERO, ..SessionConfig::default() }).await.contains("ttl: 0"));
        let error = refused(SessionConfig { max_sessions: 0, ..SessionConfig::default() }).await;
        assert!(error.contains("max_sessions: 0"), "{error}");
    }

    #[tokio::test]
    async fn without_a_session_no_state_is_there_and_what_is_no_system_call_is_named() {
        let sessions = sessions(SessionConfig::default()).await;
        let error = sessions.answer(None, "$state.keys", &[0x80]).await.unwrap_err();
        assert_eq!((error.code(), error.executed()), ("session_not_found", Executed::Never));
        let session = sessions.create("s").await.unwrap();
        let error = sessions.answer(Some(&session), "$state.drop", &[0x80]).await.unwrap_err();
        assert_eq!(error.to_string(), "no system call `$state.drop`");
        for body in [&[0x80][..], &[0xc0], &[0x92, 0x91, 0x01, 0x80], &[0x81, 0xa3, b'k', b'e', b'y', 0x01]] {
            let error = sessions.answer(Some(&session), "$state.get", body).await.unwrap_err();
            assert!(error.code() == "invalid_argument" && error.to_string().contains("$state.get"), "{error}");
        }
    }
}
