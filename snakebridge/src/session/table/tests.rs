//! What the table of sessions promises, case by case.

use super::*;

/// A table, and the time there.
struct Scene {
    table: SessionTable,
    now: Moment,
}

impl Scene {
    fn new(config: SessionConfig) -> Self {
        Self { table: SessionTable::new(config, false), now: Moment::now() }
    }

    fn wait(&mut self, time: Duration) {
        self.now.instant += time;
        self.now.wall += time;
    }

    fn create(&mut self, id: &str) -> Arc<Identity> {
        self.table.create(id, self.now).unwrap()
    }

    fn set(&mut self, session: &Identity, key: &str, bytes: usize) -> Result<u64> {
        self.table.set(session, key, vec![0; bytes].into(), None, self.now)
    }

    fn events(&mut self) -> Vec<Event> {
        self.table.take_effects().events
    }
}

const HOUR: Duration = Duration::from_secs(3600);
const NEARLY: Duration = Duration::from_millis(3_599_999);

fn code<T: std::fmt::Debug>(result: Result<T>) -> String {
    let error = result.unwrap_err();
    assert_eq!(error.executed(), Executed::Never);
    error.code().to_owned()
}

#[test]
fn a_session_that_nobody_uses_for_an_hour_is_over_and_every_use_begins_the_hour_anew() {
    let mut scene = Scene::new(SessionConfig::default());
    let session = scene.create("s");
    let uses: [fn(&mut Scene, &Identity); 6] = [
        |scene, session| drop(scene.table.get(session, "k", scene.now).unwrap()),
        |scene, session| assert_eq!(scene.set(session, "k", 1).unwrap(), 1),
        |scene, session| drop(scene.table.keys(session, scene.now).unwrap()),
        |scene, _| drop(scene.table.named("s", scene.now).unwrap()),
        |scene, _| drop(scene.create("s")),
        |scene, session| scene.table.use_it(session, scene.now).unwrap(),
    ];
    for (number, using) in uses.into_iter().enumerate() {
        scene.wait(NEARLY);
        using(&mut scene, &session);
        assert_eq!(scene.table.list(scene.now)[0].idle, Duration::ZERO, "use {number}");
    }
    scene.wait(NEARLY);
    assert_eq!(scene.table.info(&session, scene.now).unwrap().idle, NEARLY, "looking is no use");
    scene.wait(HOUR.abs_diff(NEARLY));
    assert_eq!(code(scene.table.get(&session, "k", scene.now)), "session_expired", "before anybody swept");
    assert_eq!(code(scene.table.named("s", scene.now)), "session_not_found");
    assert!(scene.table.list(scene.now).is_empty());
}

#[test]
fn a_session_does_not_expire_under_a_call_and_lives_an_hour_from_its_end() {
    let mut scene = Scene::new(SessionConfig::default());
    let session = scene.create("s");
    scene.table.begin_call(&session, scene.now).unwrap();
    scene.table.begin_call(&session, scene.now).unwrap();
    scene.wait(5 * HOUR);
    scene.table.sweep(scene.now);
    scene.table.end_call(&session, scene.now);
    scene.wait(5 * HOUR);
    scene.table.sweep(scene.now);
    scene.set(&session, "k", 1).unwrap();
    scene.table.end_call(&session, scene.now);
    scene.wait(NEARLY);
    scene.table.sweep(scene.now);
    assert_eq!(scene.table.list(scene.now).len(), 1);
    scene.wait(HOUR);
    assert!(scene.table.list(scene.now).is_empty());
}

#[test]
fn what_is_over_does_not_come_back_by_a_late_write_not_even_into_its_successor() {
    let mut scene = Scene::new(SessionConfig::default());
    let (expired, closed) = (scene.create("expired"), scene.create("closed"));
    scene.table.begin_call(&closed, scene.now).unwrap();
    assert!(scene.table.close(&closed, scene.now) && !scene.table.close(&closed, scene.now), "once");
    scene.wait(HOUR);
    for session in [&expired, &closed] {
        assert_eq!(code(scene.set(session, "k", 1)), "session_expired");
        assert_eq!(code(scene.table.begin_call(session, scene.now)), "session_expired");
    }
    let successor = scene.create("closed");
    for session in [&closed, &expired] {
        assert_eq!(code(scene.set(session, "k", 1)), "session_expired");
        assert_eq!(code(scene.table.set_metadata(session, EMPTY_MAP, scene.now)), "session_expired");
        assert!(!scene.table.close(session, scene.now));
    }
    scene.table.end_call(&closed, scene.now);
    assert_eq!(scene.table.keys(&successor, scene.now).unwrap(), Vec::<Arc<str>>::new());
    assert_eq!(scene.table.list(scene.now)[0].calls, 0, "the call was another one's");
}

#[test]
fn a_session_is_created_once_and_one_that_is_not_there_is_created_by_use_only_if_that_was_said() {
    let mut scene = Scene::new(SessionConfig::default());
    let session = scene.create("s");
    scene.set(&session, "k", 1).unwrap();
    let again = scene.create("s");
    assert!(Arc::ptr_eq(&session, &again) && scene.table.get(&again, "k", scene.now).unwrap().is_some());
    assert_eq!(code(scene.table.named("t", scene.now)), "session_not_found");
    let mut scene = Scene::new(SessionConfig { create_on_use: true, ..SessionConfig::default() });
    let created = scene.table.named("t", scene.now).unwrap();
    assert!(Arc::ptr_eq(&created, &scene.table.named("t", scene.now).unwrap()));
}

#[test]
fn ids_and_keys_are_short_printable_text_and_no_more_of_a_bad_one_is_told_than_fits_a_line() {
    let mut scene = Scene::new(SessionConfig::default());
    let session = scene.create("../../etc/passwd \u{430}\u{202e}");
    for bad in ["", "a\nb", "\u{1b}[31m", "\0", &"x".repeat(257), &"\n".repeat(10_000)] {
        for result in [
            scene.table.create(bad, scene.now).map(drop),
            scene.table.named(bad, scene.now).map(drop),
            scene.set(&session, bad, 0).map(drop),
            scene.table.get(&session, bad, scene.now).map(drop),
            scene.table.delete(&session, bad, scene.now).map(drop),
        ] {
            let error = result.unwrap_err();
            let message = error.to_string();
            assert_eq!((error.code(), error.executed()), ("invalid_argument", Executed::Never), "{message}");
            assert!(message.len() < 500 && !message.chars().any(char::is_control), "{message}");
            assert!(message.contains(&format!("{} bytes", bad.len())), "{message}");
        }
    }
    let longest = "x".repeat(256);
    scene.set(&session, &longest, 0).unwrap();
    scene.create(&longest);
}

#[test]
fn compare_and_set_takes_the_version_that_is_there_and_tells_it_otherwise() {
    let mut scene = Scene::new(SessionConfig::default());
    let session = scene.create("s");
    let mut cas = |key: &str, expected| {
        let result = scene.table.set(&session, key, Bytes::new(), Some(expected), scene.now);
        result.map_err(|error| match error.kind() {
            ErrorKind::Conflict { version } => *version,
            kind => panic!("{kind}"),
        })
    };
    assert_eq!((cas("k", 1), cas("k", 0), cas("k", 0), cas("k", 1)), (Err(0), Ok(1), Err(1), Ok(2)));
    assert!(scene.table.delete(&session, "k", scene.now).unwrap());
    assert!(!scene.table.delete(&session, "k", scene.now).unwrap());
    let mut cas = |expected| scene.table.set(&session, "k", Bytes::new(), Some(expected), scene.now);
    assert_eq!(cas(2).unwrap_err().to_string(), "somebody else has changed the value: it is not there");
    assert_eq!(cas(0).unwrap(), 3, "a version never comes again");
}

#[test]
fn each_quota_is_named_and_nothing_has_changed_where_one_is_used_up() {
    let config = SessionConfig {
        max_sessions: 2,
        max_value_bytes: 100,
        max_session_bytes: 250,
        max_total_bytes: 400,
        ..SessionConfig::default()
    };
    let mut scene = Scene::new(config);
    let (one, two) = (scene.create("1"), scene.create("2"));
    let which = |result: Result<u64>| match result.unwrap_err().kind() {
        ErrorKind::SessionQuota { which } => which.clone(),
        kind => panic!("{kind}"),
    };
    let third = scene.table.create("3", scene.now).map(|_| 0);
    assert!(which(third).contains("`max_sessions`"));
    assert!(which(scene.set(&one, "a", 101)).contains("`max_value_bytes`"));
    scene.set(&one, "a", 100).unwrap();
    scene.set(&one, "b", 100).unwrap();
    let full = which(scene.set(&one, "c", 100));
    assert_eq!(full, "304 bytes in the session, which may keep 250 (`max_session_bytes`)");
    assert_eq!(scene.set(&one, "a", 100).unwrap(), 2, "in its place there is room");
    let metadata = scene.table.set_metadata(&one, vec![0; 100].into(), scene.now).map(|()| 0);
    assert!(which(metadata).contains("`max_session_bytes`"));
    scene.set(&two, "a", 100).unwrap();
    assert!(which(scene.set(&two, "b", 100)).contains("`max_total_bytes`"));
    assert_eq!(scene.table.get(&two, "b", scene.now).unwrap(), None);
    assert!(scene.table.close(&one, scene.now));
    scene.set(&two, "b", 100).unwrap();
    scene.create("3");
}

#[test]
fn the_warning_comes_once_at_four_fifths_and_again_only_after_half() {
    let mut scene = Scene::new(SessionConfig { max_sessions: 10, ..SessionConfig::default() });
    let warnings = |scene: &mut Scene| {
        scene.events().iter().filter(|event| matches!(event, Event::SessionsNearLimit { .. })).count()
    };
    let mut sessions: Vec<_> = (0..7).map(|number| scene.create(&number.to_string())).collect();
    assert_eq!(warnings(&mut scene), 0);
    sessions.push(scene.create("7"));
    assert!(scene.events().contains(&Event::SessionsNearLimit { sessions: 8, limit: 10 }));
    scene.table.close(&sessions.pop().unwrap(), scene.now);
    sessions.push(scene.create("8"));
    sessions.push(scene.create("9"));
    assert_eq!(warnings(&mut scene), 0);
    for session in sessions.drain(4..) {
        scene.table.close(&session, scene.now);
    }
    (10..15).for_each(|number| drop(scene.create(&number.to_string())));
    assert_eq!(warnings(&mut scene), 1);
}

#[test]
fn what_is_over_makes_room_and_is_told_with_its_reason() {
    let mut scene = Scene::new(SessionConfig { max_sessions: 1, ..SessionConfig::default() });
    scene.create("old");
    scene.wait(HOUR);
    let new = scene.create("new");
    scene.table.close(&new, scene.now);
    let ends: Vec<_> = scene.events().into_iter().filter(|event| matches!(event, Event::SessionEnded { .. })).collect();
    assert_eq!(ends, [ended("old", SessionEnd::Expired), ended("new", SessionEnd::Closed)]);
}

#[test]
fn a_session_without_an_end_is_never_looked_at() {
    let mut scene = Scene::new(SessionConfig { ttl: Duration::MAX, ..SessionConfig::default() });
    scene.create("s");
    scene.wait(1_000_000 * HOUR);
    assert_eq!(scene.table.list(scene.now)[0].expires_in, None);
    assert!(scene.table.looks.is_empty());
}

#[test]
fn sessions_that_come_and_go_leave_nothing_behind() {
    let mut scene = Scene::new(SessionConfig { max_sessions: 25_000, ..SessionConfig::default() });
    for number in 0..100_000 {
        let session = scene.create(&number.to_string());
        scene.set(&session, "k", 8).unwrap();
        scene.table.take_effects();
        // So many of them live at once.
        scene.wait(HOUR / 20_000);
        if number % 1000 == 0 {
            scene.table.sweep(scene.now);
            assert!(scene.table.sessions.len() <= 20_000);
        }
    }
    scene.wait(HOUR);
    scene.table.sweep(scene.now);
    let table = &scene.table;
    assert_eq!((table.sessions.len(), table.looks.len(), table.touched.len(), table.bytes), (0, 0, 0, 0));
    assert_eq!(table.sessions.capacity(), 0, "nor the room for them");
}

#[test]
fn what_was_stored_goes_on_with_the_time_that_it_had_left() {
    let mut scene = Scene { table: SessionTable::new(SessionConfig::default(), true), now: Moment::now() };
    let session = scene.create("s");
    scene.wait(HOUR / 2);
    scene.set(&session, "k", 5).unwrap();
    scene.set(&session, "gone", 5).unwrap();
    scene.table.delete(&session, "gone", scene.now).unwrap();
    scene.wait(HOUR / 4);
    scene.table.record_uses(scene.now);
    let stored = replay(scene.table.take_effects().changes);
    assert_eq!(stored[0].record.remaining, Some(HOUR * 3 / 4));
    // A quarter of an hour is left of it after half an hour without anybody.
    scene.wait(HOUR / 2);
    let mut table = SessionTable::new(SessionConfig::default(), true);
    table.restore(stored.clone(), scene.now);
    let info = table.list(scene.now).remove(0);
    assert_eq!((info.expires_in, info.keys, info.bytes), (Some(HOUR / 4), 1, 1 + 6));
    let session = table.named("s", scene.now).unwrap();
    assert_eq!(table.get(&session, "k", scene.now).unwrap().unwrap().0, 1);
    assert_eq!(table.set(&session, "gone", Bytes::new(), Some(0), scene.now).unwrap(), 2, "versions go on");
    // A clock that went back takes nothing off; after an hour there is nothing left.
    let back = Moment { wall: stored[0].record.recorded - HOUR, ..scene.now };
    let mut table = SessionTable::new(SessionConfig::default(), true);
    table.restore(stored.clone(), back);
    assert_eq!(table.list(back)[0].expires_in, Some(HOUR * 3 / 4));
    scene.wait(HOUR / 4);
    let mut table = SessionTable::new(SessionConfig::default(), true);
    table.restore(stored, scene.now);
    assert_eq!(table.take_effects().changes, [Change::Close { session: "s".into() }]);
    assert!(table.list(scene.now).is_empty());
}

/// What a store would have after these changes.
pub(super) fn replay(changes: Vec<Change>) -> Vec<StoredSession> {
    let mut sessions: BTreeMap<Arc<str>, StoredSession> = BTreeMap::new();
    for change in changes {
        match change {
            Change::Record(record) => {
                let id = Arc::clone(&record.id);
                let values = sessions.remove(&id).map(|stored| stored.values).unwrap_or_default();
                sessions.insert(id, StoredSession { record, values });
            }
            Change::Value { session, value } => {
                let values = &mut sessions.get_mut(&session).expect("it was recorded").values;
                values.retain(|stored| stored.key != value.key);
                values.push(value);
            }
            Change::Forget { session, key } => {
                sessions.get_mut(&session).expect("it was recorded").values.retain(|stored| stored.key != key);
            }
            Change::Close { session } => drop(sessions.remove(&session)),
        }
    }
    sessions.into_values().collect()
}
