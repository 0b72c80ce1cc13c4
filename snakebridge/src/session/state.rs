//! The state of one session as Rust sees it.

use std::sync::Arc;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Identity, Sessions};
use crate::body;
use crate::error::Result;

/// The keys and values that a session keeps: any value by a name of 1 to 256 bytes, each with a version.
///
/// It is with the host: it survives the workers, and Python sees the same (`context.state`). Operations on one session
/// happen one after the other; what was acknowledged is there for whoever asks later. Each of them uses the session, so
/// that its time to live begins anew.
///
/// Every operation fails with `session_expired` once the session is over, even if there is a new one of the same id.
#[derive(Debug, Clone)]
pub struct SessionState {
    sessions: Sessions,
    identity: Arc<Identity>,
}

impl SessionState {
    pub(crate) fn new(sessions: Sessions, identity: Arc<Identity>) -> Self {
        Self { sessions, identity }
    }

    /// Which session it is.
    pub(crate) fn identity(&self) -> &Arc<Identity> {
        &self.identity
    }

    /// The session's id.
    pub fn session_id(&self) -> &str {
        self.identity.id()
    }

    /// The value of `key`, if it is there.
    ///
    /// # Errors
    /// `unserializable` when it does not fit `T`.
    pub async fn get<T: DeserializeOwned>(&self, key: &str) -> Result<Option<T>> {
        Ok(self.get_versioned(key).await?.map(|(_, value)| value))
    }

    /// The version and the value of `key`, if it is there.
    ///
    /// # Errors
    /// `unserializable` when it does not fit `T`.
    pub async fn get_versioned<T: DeserializeOwned>(&self, key: &str) -> Result<Option<(u64, T)>> {
        match self.sessions.get(&self.identity, key).await? {
            Some((version, value)) => Ok(Some((version, body::decode(&value)?))),
            None => Ok(None),
        }
    }

    /// Sets `key`, whatever it was. Returns its new version: 1 for a new key, and more each time, also over a deletion.
    ///
    /// # Errors
    /// `session_quota` when the value, the session or the store would be too large; nothing has changed then.
    pub async fn set<T: Serialize + ?Sized>(&self, key: &str, value: &T) -> Result<u64> {
        let value = body::encode(value)?;
        self.sessions.set(&self.identity, key, value, None).await
    }

    /// Sets `key` if its version is `expected`, where 0 stands for a key that is not there. Returns its new version.
    ///
    /// ```no_run
    /// # use snakebridge::prelude::*;
    /// # use snakebridge::error::ErrorKind;
    /// # async fn example(session: Session) -> Result<()> {
    /// let state = session.state();
    /// loop {
    ///     let (version, count) = state.get_versioned::<u64>("count").await?.unwrap_or_default();
    ///     match state.compare_and_set("count", version, &(count + 1)).await {
    ///         Err(error) if matches!(error.kind(), ErrorKind::Conflict { .. }) => continue,
    ///         outcome => break outcome.map(drop),
    ///     }
    /// }
    /// # }
    /// ```
    ///
    /// # Errors
    /// `conflict`, with the version that it has, when that is another one; and what [`set`](Self::set) says.
    pub async fn compare_and_set<T: Serialize + ?Sized>(&self, key: &str, expected: u64, value: &T) -> Result<u64> {
        let value = body::encode(value)?;
        self.sessions.set(&self.identity, key, value, Some(expected)).await
    }

    /// Deletes `key`. Whether it was there.
    pub async fn delete(&self, key: &str) -> Result<bool> {
        self.sessions.delete(&self.identity, key).await
    }

    /// The keys that are there, sorted.
    pub async fn keys(&self) -> Result<Vec<String>> {
        let keys = self.sessions.keys(&self.identity).await?;
        Ok(keys.iter().map(ToString::to_string).collect())
    }
}
