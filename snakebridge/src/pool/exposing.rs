//! What a worker's adapter exposes to a session: names of its tools, and no code.

use std::sync::Arc;

use bytes::Bytes;
use serde::Deserialize;

use super::Pool;
use crate::body;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{Incoming, Link};

/// The system target by which an adapter exposes tools to the session of the call inside which it asks.
const REGISTER: &str = "$tools.register";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Registration {
    tools: Vec<String>,
}

impl Pool {
    /// Answers `call` of a worker if it is about what its adapter exposes; else gives it back.
    pub(super) fn serve_registration(&self, link: &Arc<Link>, call: Incoming) -> Option<Incoming> {
        if call.target != REGISTER {
            return Some(call);
        }
        link.answer(call.id, &self.expose(link.worker(), &call));
        None
    }

    /// The names that were exposed, as their ids.
    fn expose(&self, worker: u64, call: &Incoming) -> Result<Bytes> {
        let Registration { tools } = body::decode(&call.body)
            .map_err(|error| Error::invalid_argument(format!("`{REGISTER}`: {}", error.kind())))?;
        let none = || Error::new(ErrorKind::SessionNotFound { session: String::new() }, Executed::Never);
        let (_, parent) = call.parent.as_ref().ok_or_else(|| Error::new(ErrorKind::CallEnded, Executed::Never))?;
        // The session is the call's, whatever the worker says.
        let session = parent.session.as_ref().ok_or_else(none)?;
        let manifest = self.lock().workers.get(&worker).map(|worker| Arc::clone(&worker.manifest));
        if let Some(manifest) = manifest
            && let Some(unknown) = tools.iter().find(|tool| manifest.tool(tool).is_none())
        {
            let hint = manifest.nearest(unknown).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
            let message = format!("adapter `{}` has no tool `{}`{hint}", manifest.adapter, unknown.escape_debug());
            return Err(Error::new(ErrorKind::ToolNotFound { message }, Executed::Never));
        }
        self.registry.sessions().while_it_lives(session, || {
            session.expose(tools.iter().map(String::as_str));
            Ok(())
        })?;
        body::encode(&tools)
    }
}
