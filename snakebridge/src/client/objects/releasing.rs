//! Telling workers what nobody refers to any more.

use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::body;
use crate::client::Shared;
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::link::{Handling, PendingCall, RELEASE, ToolName};
use crate::pool::Submission;
use crate::session::{Holder, Released, Releases};

/// Numbers in one message. A worker may be told of a million at once.
const AT_ONCE: usize = 10_000;
/// How long a worker that could not be told, because too much waits for it, is left alone.
const PAUSE: Duration = Duration::from_secs(1);

#[derive(Serialize)]
struct Request<'a> {
    objects: &'a [u64],
    scopes: &'a [u64],
}

/// Tells workers what need be kept no longer, until the bridge is gone.
pub(in crate::client) async fn release_forever(shared: Weak<Shared>) {
    let Some(releases) = shared.upgrade().map(|shared| Arc::clone(shared.sessions.releases())) else { return };
    loop {
        releases.changed().await;
        let Some(shared) = shared.upgrade() else { return };
        for (holder, released) in releases.take() {
            tokio::spawn(tell(Arc::downgrade(&shared), Arc::clone(&releases), holder, released));
        }
    }
}

async fn tell(shared: Weak<Shared>, releases: Arc<Releases>, holder: Holder, mut released: Released) {
    while !released.objects.is_empty() || !released.scopes.is_empty() {
        let objects = &released.objects[..released.objects.len().min(AT_ONCE)];
        let scopes = &released.scopes[..released.scopes.len().min(AT_ONCE)];
        match say(&shared, &holder, &Request { objects, scopes }).await {
            // A worker that has it and does not answer is one that ends; so is one that is gone.
            Err(error) if error.executed() == Executed::Never && error.is_retryable() => {
                releases.put_back(&holder, released);
                tokio::time::sleep(PAUSE).await;
                break;
            }
            _ => {
                let (objects, scopes) = (objects.len(), scopes.len());
                released.objects.drain(..objects);
                released.scopes.drain(..scopes);
            }
        }
    }
    releases.told(&holder);
}

/// Keeps the bridge no longer than it takes to send it: whoever drops that ends the workers.
async fn say(shared: &Weak<Shared>, holder: &Holder, request: &Request<'_>) -> Result<()> {
    let call = send(shared, holder, request)?;
    poll_fn(|context| call.poll_outcome(context)).await.map(drop)
}

fn send(shared: &Weak<Shared>, (pool, worker): &Holder, request: &Request<'_>) -> Result<Arc<PendingCall>> {
    let shared = shared.upgrade().ok_or_else(|| Error::new(ErrorKind::ShuttingDown, Executed::Never))?;
    let pool = shared.pools.at(shared.pools.named(pool)?);
    pool.submit(Submission {
        target: ToolName::Declared(RELEASE),
        body: body::encode(request)?.into(),
        inputs: Vec::new(),
        functions: Vec::new(),
        stream: false,
        created: Instant::now(),
        chain: None,
        timeout: None,
        session: None,
        meta: None,
        idempotent: true,
        handling: Handling::default(),
        worker: Some(*worker),
    })
}
