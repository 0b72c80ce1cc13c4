//! That the table of sessions does what a simple one would that looks at everything each time, whatever is done in which
//! order, time included; and that what it has stored is what it has.

use proptest::prelude::*;

use super::tests::replay;
use super::*;

const TTL: Duration = Duration::from_secs(100);
const MAX_SESSIONS: usize = 3;
const MAX_VALUE: u64 = 20;
const MAX_SESSION: u64 = 50;
const MAX_TOTAL: u64 = 90;

/// A session as simple as can be.
#[derive(Debug, Default, Clone)]
struct Simple {
    values: BTreeMap<String, (u64, usize)>,
    /// The last version of every key there ever was.
    versions: BTreeMap<String, u64>,
    metadata: usize,
    calls: usize,
    used: Duration,
    over: bool,
}

impl Simple {
    fn bytes(&self) -> u64 {
        let values = self.values.iter().map(|(key, (_, length))| key.len() + length).sum::<usize>();
        (values + self.metadata) as u64
    }
}

#[derive(Debug, Clone)]
enum Step {
    Wait(u64),
    Create(usize),
    Named(usize),
    Begin(usize),
    End(usize),
    Close(usize),
    Set(usize, usize, usize, Option<u64>),
    Delete(usize, usize),
    Metadata(usize, usize),
    Sweep,
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (id, session, key) = (0..5_usize, 0..20_usize, 0..4_usize);
    let step = prop_oneof![
        3 => (0..150_u64).prop_map(Step::Wait),
        3 => id.clone().prop_map(Step::Create),
        1 => id.prop_map(Step::Named),
        1 => session.clone().prop_map(Step::Begin),
        1 => session.clone().prop_map(Step::End),
        1 => session.clone().prop_map(Step::Close),
        6 => (session.clone(), key.clone(), 0..25_usize, proptest::option::of(0..4_u64))
            .prop_map(|(session, key, length, expected)| Step::Set(session, key, length, expected)),
        2 => (session.clone(), key).prop_map(|(session, key)| Step::Delete(session, key)),
        1 => (session, 1..30_usize).prop_map(|(session, length)| Step::Metadata(session, length)),
        1 => Just(Step::Sweep),
        1 => Just(Step::Restart),
    ];
    proptest::collection::vec(step, 1..120)
}

/// The table beside the simple one. Sessions are told apart by when they were created.
struct Both {
    table: SessionTable,
    begun: Moment,
    now: Duration,
    known: Vec<(String, Arc<Identity>)>,
    simple: Vec<Simple>,
    stored: Vec<Change>,
}

impl Both {
    fn new() -> Self {
        let (table, begun) = (SessionTable::new(config(), true), Moment::now());
        let (known, simple, stored) = (Vec::new(), Vec::new(), Vec::new());
        Self { table, begun, now: Duration::ZERO, known, simple, stored }
    }

    fn moment(&self) -> Moment {
        Moment { instant: self.begun.instant + self.now, wall: self.begun.wall + self.now }
    }

    fn expire(&mut self) {
        for simple in &mut self.simple {
            simple.over |= simple.calls == 0 && self.now >= simple.used + TTL;
        }
    }

    fn living(&self) -> impl Iterator<Item = (usize, &str)> {
        let known = self.known.iter().enumerate().filter(|(index, _)| !self.simple[*index].over);
        known.map(|(index, (id, _))| (index, id.as_str()))
    }

    fn total(&self) -> u64 {
        self.living().map(|(index, _)| self.simple[index].bytes()).sum()
    }

    /// What has to come of a use of session `index` that makes it so large.
    fn expected(&self, index: usize, new: u64) -> Result<(), &'static str> {
        if self.simple[index].over {
            return Ok(());
        }
        let old = self.simple[index].bytes();
        let total = self.total() - old + new;
        if new > old && (new > MAX_SESSION || total > MAX_TOTAL) { Err("session_quota") } else { Ok(()) }
    }

    fn step(&mut self, step: &Step) {
        self.expire();
        let now = self.moment();
        let sessions = self.known.len();
        let at = |session: usize| if sessions == 0 { None } else { Some(session % sessions) };
        match *step {
            Step::Wait(seconds) => self.now += Duration::from_secs(seconds),
            Step::Create(id) => self.create(&format!("id-{id}"), now),
            Step::Named(id) => {
                let id = format!("id-{id}");
                let found = self.living().find(|(_, living)| *living == id).map(|(index, _)| index);
                let named = self.table.named(&id, now);
                assert_eq!(code(&named), if found.is_some() { "" } else { "session_not_found" });
                if let Some(index) = found {
                    self.simple[index].used = self.now;
                }
            }
            Step::Begin(session) => {
                let Some(index) = at(session) else { return };
                let begun = self.table.begin_call(&self.known[index].1, now);
                self.used(index, &begun, Ok(()), |simple| simple.calls += 1);
            }
            Step::End(session) => {
                let Some(index) = at(session).filter(|index| self.simple[*index].calls > 0) else { return };
                self.table.end_call(&self.known[index].1, now);
                self.simple[index].calls -= 1;
                self.simple[index].used = self.now;
            }
            Step::Close(session) => {
                let Some(index) = at(session) else { return };
                assert_eq!(self.table.close(&self.known[index].1, now), !self.simple[index].over);
                self.simple[index].over = true;
            }
            Step::Set(session, key, length, expected) => {
                if let Some(index) = at(session) {
                    self.set(index, key, length, expected, now);
                }
            }
            Step::Delete(session, key) => {
                let Some(index) = at(session) else { return };
                let key = format!("key-{key}");
                let there = self.simple[index].values.contains_key(&key);
                let deleted = self.table.delete(&self.known[index].1, &key, now);
                assert!(self.simple[index].over || deleted.as_ref().ok() == Some(&there));
                self.used(index, &deleted, Ok(()), |simple| {
                    simple.values.remove(&key);
                });
            }
            Step::Metadata(session, length) => {
                let Some(index) = at(session) else { return };
                let simple = &self.simple[index];
                let expected = self.expected(index, simple.bytes() - simple.metadata as u64 + length as u64);
                let set = self.table.set_metadata(&self.known[index].1, vec![0; length].into(), now);
                self.used(index, &set, expected, |simple| simple.metadata = length);
            }
            Step::Sweep => {
                self.table.sweep(now);
                self.table.record_uses(now);
            }
            Step::Restart => self.restart(now),
        }
    }

    fn create(&mut self, id: &str, now: Moment) {
        let there = self.living().find(|(_, living)| *living == id).map(|(index, _)| index);
        let full = there.is_none() && self.living().count() >= MAX_SESSIONS;
        let created = self.table.create(id, now);
        assert_eq!(code(&created), if full { "session_quota" } else { "" });
        match (there, created) {
            (Some(index), Ok(identity)) => {
                assert!(Arc::ptr_eq(&identity, &self.known[index].1));
                self.simple[index].used = self.now;
            }
            (None, Ok(identity)) => {
                self.known.push((id.to_owned(), identity));
                self.simple.push(Simple { used: self.now, metadata: 1, ..Simple::default() });
            }
            (_, Err(_)) => {}
        }
    }

    fn set(&mut self, index: usize, key: usize, length: usize, expected: Option<u64>, now: Moment) {
        let key = format!("key-{key}");
        let simple = &self.simple[index];
        let old = simple.values.get(&key).copied();
        let version = old.map_or(0, |(version, _)| version);
        let new = simple.bytes() - old.map_or(0, |(_, old)| (key.len() + old) as u64) + (key.len() + length) as u64;
        let outcome = match expected {
            Some(expected) if expected != version => Err("conflict"),
            _ if length as u64 > MAX_VALUE => Err("session_quota"),
            _ => self.expected(index, new),
        };
        let set = self.table.set(&self.known[index].1, &key, vec![0; length].into(), expected, now);
        let next = simple.versions.get(&key).copied().unwrap_or(0) + 1;
        if let Ok(version) = set {
            assert_eq!(version, next);
        }
        self.used(index, &set, outcome, |simple| {
            simple.values.insert(key.clone(), (next, length));
            simple.versions.insert(key, next);
        });
    }

    /// The result of a use of session `index`, which does something to it where it succeeds.
    fn used<T>(
        &mut self,
        index: usize,
        result: &Result<T>,
        expected: Result<(), &str>,
        done: impl FnOnce(&mut Simple),
    ) {
        let simple = &mut self.simple[index];
        let expected = if simple.over { Err("session_expired") } else { expected };
        assert_eq!(code(result), expected.err().unwrap_or(""));
        if !simple.over {
            simple.used = self.now;
        }
        if expected.is_ok() {
            done(simple);
        }
    }

    /// The host goes and comes back at once: nobody has a call or a handle any more.
    fn restart(&mut self, now: Moment) {
        self.table.record_uses(now);
        self.stored.extend(self.table.take_effects().changes);
        self.table = SessionTable::new(config(), true);
        self.table.restore(replay(self.stored.clone()), now);
        for simple in &mut self.simple {
            // A call kept it, and nobody else: it has no time left.
            simple.over |= self.now >= simple.used + TTL;
            simple.calls = 0;
        }
        // Nobody who was in one that is over is there any more.
        let living: Vec<_> = self.living().map(|(index, id)| (id.to_owned(), self.simple[index].clone())).collect();
        (self.known, self.simple) = (Vec::new(), Vec::new());
        for (id, simple) in living {
            self.known.push((id.clone(), self.table.named(&id, now).unwrap()));
            self.simple.push(Simple { used: self.now, ..simple });
        }
    }

    fn check(&mut self) {
        self.expire();
        let now = self.moment();
        let list = self.table.list(now);
        let mut expected: Vec<_> = self
            .living()
            .map(|(index, id)| {
                let simple = &self.simple[index];
                (id.to_owned(), simple.values.len(), simple.bytes(), simple.calls, self.now.abs_diff(simple.used))
            })
            .collect();
        expected.sort();
        let found: Vec<_> =
            list.into_iter().map(|info| (info.id, info.keys, info.bytes, info.calls, info.idle)).collect();
        assert_eq!(found, expected);
        assert_eq!(self.table.bytes, self.total(), "the books are exact");
        assert_eq!(self.table.looks.len(), self.table.sessions.len(), "one look for each");
        self.stored.extend(self.table.take_effects().changes);
        let stored: Vec<_> = replay(self.stored.clone()).into_iter().map(|stored| stored.record.id).collect();
        let ids: Vec<_> = expected.iter().map(|(id, ..)| id.as_str()).collect();
        assert_eq!(stored.iter().map(|id| &**id).collect::<Vec<_>>(), ids, "what is stored is what is there");
    }
}

fn config() -> SessionConfig {
    SessionConfig {
        ttl: TTL,
        max_sessions: MAX_SESSIONS,
        max_value_bytes: MAX_VALUE,
        max_session_bytes: MAX_SESSION,
        max_total_bytes: MAX_TOTAL,
        ..SessionConfig::default()
    }
}

fn code<T>(result: &Result<T>) -> &str {
    result.as_ref().err().map_or("", Error::code)
}

proptest! {
    #[test]
    fn it_does_what_a_simple_one_does(steps in steps()) {
        let mut both = Both::new();
        for step in &steps {
            both.step(step);
            both.check();
        }
    }
}
