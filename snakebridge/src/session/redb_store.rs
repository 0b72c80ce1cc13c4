//! Sessions in a file, by redb: one writer, transactions, and a file that repairs itself when it is opened after a crash.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use redb::{Database, ReadableDatabase, ReadableTable, Table, TableDefinition, TableError};
use serde::{Deserialize, Serialize};

use super::store::{Change, SessionRecord, SessionStore, StoredSession, StoredValue};
use crate::body;
use crate::error::{Error, Result};

/// By session id.
const RECORDS: TableDefinition<'_, &str, &[u8]> = TableDefinition::new("records");
/// By session id and key.
const VALUES: TableDefinition<'_, (&str, &str), &[u8]> = TableDefinition::new("values");
/// What this is the layout of.
const FORMAT: TableDefinition<'_, (), u64> = TableDefinition::new("format");
const CURRENT_FORMAT: u64 = 1;

/// A [`SessionStore`] in one file. Every batch of changes is one transaction, on the disk before it is acknowledged.
///
/// ```no_run
/// use snakebridge::prelude::*;
/// use snakebridge::session::RedbStore;
///
/// # async fn example() -> Result<()> {
/// let builder = Bridge::builder().adapter("text_tools:TextAdapter");
/// let bridge = builder.session_store(RedbStore::open("sessions.redb")?).start().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct RedbStore {
    database: Database,
}

#[derive(Serialize, Deserialize)]
struct Record {
    metadata: Bytes,
    created: u64,
    remaining: Option<u64>,
    recorded: u64,
    versions_from: u64,
}

impl RedbStore {
    /// The store in this file, which is created if it is not there. One bridge has it at a time, in any process.
    ///
    /// # Errors
    /// When the file cannot be opened or created, is open elsewhere, or is something else.
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        let path = path.as_ref();
        let database = Database::create(path).map_err(failed(&format!("cannot open `{}`", path.display())))?;
        let store = Self { database };
        store.check_format().map_err(failed(&format!("`{}` is no store of sessions", path.display())))?;
        Ok(store)
    }

    fn check_format(&self) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let transaction = self.database.begin_write()?;
        {
            let mut format = transaction.open_table(FORMAT)?;
            let found = format.get(())?.map(|found| found.value());
            match found {
                None => drop(format.insert((), CURRENT_FORMAT)?),
                Some(CURRENT_FORMAT) => {}
                Some(other) => return Err(format!("its format is {other}, and this reads {CURRENT_FORMAT}").into()),
            }
        }
        Ok(transaction.commit()?)
    }

    fn read(&self) -> std::result::Result<Vec<StoredSession>, Box<dyn std::error::Error>> {
        let transaction = self.database.begin_read()?;
        let records = match transaction.open_table(RECORDS) {
            Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
            records => records?,
        };
        let values = transaction.open_table(VALUES)?;
        let mut sessions = Vec::new();
        for row in records.iter()? {
            let (id, record) = row?;
            let record = decode_record(id.value(), record.value())?;
            let end = end_of(id.value());
            let mut stored = Vec::new();
            for row in values.range((id.value(), "")..(end.as_str(), ""))? {
                let (key, value) = row?;
                let (version, value) = body::decode::<(u64, Option<Bytes>)>(value.value())?;
                stored.push(StoredValue { key: key.value().1.into(), version, value });
            }
            sessions.push(StoredSession { record, values: stored });
        }
        Ok(sessions)
    }

    fn write(&self, changes: &[Change]) -> std::result::Result<(), Box<dyn std::error::Error>> {
        let transaction = self.database.begin_write()?;
        {
            let mut records = transaction.open_table(RECORDS)?;
            let mut values = transaction.open_table(VALUES)?;
            for change in changes {
                write_change(change, &mut records, &mut values)?;
            }
        }
        Ok(transaction.commit()?)
    }
}

fn write_change(
    change: &Change,
    records: &mut Table<'_, &str, &[u8]>,
    values: &mut Table<'_, (&str, &str), &[u8]>,
) -> std::result::Result<(), Box<dyn std::error::Error>> {
    match change {
        Change::Record(record) => {
            records.insert(&*record.id, &*encode_record(record)?)?;
        }
        Change::Value { session, value: StoredValue { key, version, value } } => {
            values.insert((&**session, &**key), &*body::encode(&(version, value))?)?;
        }
        Change::Forget { session, key } => {
            values.remove((&**session, &**key))?;
        }
        Change::Close { session } => {
            records.remove(&**session)?;
            let end = end_of(session);
            values.retain_in((&**session, "")..(end.as_str(), ""), |_, _| false)?;
        }
    }
    Ok(())
}

/// The first id behind `id` in order: ids have no control characters.
fn end_of(id: &str) -> String {
    format!("{id}\0")
}

fn encode_record(record: &SessionRecord) -> Result<Bytes> {
    body::encode(&Record {
        metadata: record.metadata.clone(),
        created: milliseconds(record.created),
        remaining: record.remaining.map(whole_milliseconds),
        recorded: milliseconds(record.recorded),
        versions_from: record.versions_from,
    })
}

fn decode_record(id: &str, bytes: &[u8]) -> Result<SessionRecord> {
    let Record { metadata, created, remaining, recorded, versions_from } = body::decode(bytes)?;
    let time = |milliseconds| UNIX_EPOCH + Duration::from_millis(milliseconds);
    Ok(SessionRecord {
        id: Arc::from(id),
        metadata,
        created: time(created),
        remaining: remaining.map(Duration::from_millis),
        recorded: time(recorded),
        versions_from,
    })
}

/// Since 1970.
fn milliseconds(time: SystemTime) -> u64 {
    whole_milliseconds(time.duration_since(UNIX_EPOCH).unwrap_or_default())
}

fn whole_milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn failed<E: Display>(what: &str) -> impl FnOnce(E) -> Error {
    move |error| Error::resource(what, std::io::Error::other(error.to_string()))
}

impl SessionStore for RedbStore {
    fn load(&mut self) -> Result<Vec<StoredSession>> {
        self.read().map_err(failed("cannot read the session store"))
    }

    fn apply(&mut self, changes: &[Change]) -> Result<()> {
        self.write(changes).map_err(failed("cannot write the session store"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, versions_from: u64) -> SessionRecord {
        SessionRecord {
            id: id.into(),
            metadata: Bytes::from_static(&[0x80]),
            created: UNIX_EPOCH + Duration::from_secs(1),
            remaining: Some(Duration::from_secs(2)),
            recorded: UNIX_EPOCH + Duration::from_secs(3),
            versions_from,
        }
    }

    fn value(key: &str, version: u64, value: Option<&'static [u8]>) -> StoredValue {
        StoredValue { key: key.into(), version, value: value.map(Bytes::from_static) }
    }

    #[test]
    fn what_was_applied_is_there_when_it_is_opened_again_and_what_was_closed_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("sessions.redb");
        let mut store = RedbStore::open(&path).unwrap();
        assert!(store.load().unwrap().is_empty());
        let set = |session: &str, value| Change::Value { session: session.into(), value };
        let changes = [
            Change::Record(record("a", 0)),
            Change::Record(record("a b", 0)),
            Change::Record(record("ab", 0)),
            set("a", value("k", 1, Some(b"1"))),
            set("a", value("gone", 4, None)),
            set("a", value("forgotten", 7, Some(b""))),
            set("a b", value("k", 1, Some(b"2"))),
            set("ab", value("k", 1, Some(b"3"))),
        ];
        store.apply(&changes).unwrap();
        let later = [
            set("a", value("k", 2, Some(b"4"))),
            Change::Record(record("a", 7)),
            Change::Forget { session: "a".into(), key: "forgotten".into() },
            Change::Close { session: "a b".into() },
        ];
        store.apply(&later).unwrap();
        assert!(RedbStore::open(&path).unwrap_err().to_string().contains("sessions.redb"), "one at a time");
        drop(store);
        let stored = RedbStore::open(&path).unwrap().load().unwrap();
        let a = vec![value("gone", 4, None), value("k", 2, Some(b"4"))];
        let expected = [
            StoredSession { record: record("a", 7), values: a },
            StoredSession { record: record("ab", 0), values: vec![value("k", 1, Some(b"3"))] },
        ];
        assert_eq!(stored, expected);
    }

    #[test]
    fn what_is_no_store_is_refused_by_its_name() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes.txt");
        std::fs::write(&path, "not a database at all").unwrap();
        let error = RedbStore::open(&path).unwrap_err();
        assert!(error.code() == "resource" && error.to_string().contains("notes.txt"), "{error}");
        let newer = folder.path().join("newer");
        {
            let database = Database::create(&newer).unwrap();
            let transaction = database.begin_write().unwrap();
            transaction.open_table(FORMAT).unwrap().insert((), 2).unwrap();
            transaction.commit().unwrap();
        }
        let error = RedbStore::open(&newer).unwrap_err().to_string();
        assert!(error.contains("its format is 2"), "{error}");
    }
}
