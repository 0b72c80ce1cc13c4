//! The thread that writes changes to a store, as many at once as have come together meanwhile.

use std::sync::{Arc, Mutex, PoisonError, mpsc};

use tokio::sync::{oneshot, watch};

use super::store::{Change, SessionStore, StoredSession};
use crate::error::{Error, ErrorKind, Executed, Result};

/// The most changes that are written at once: more make the first of them wait for the last.
const BATCH: usize = 1024;

/// Why nothing is stored any more.
type Failure = Arc<str>;

#[derive(Debug, Clone, Default)]
struct Progress {
    /// How many changes are stored.
    stored: u64,
    failed: Option<Failure>,
}

/// Changes on their way to a store.
#[derive(Debug)]
pub(super) struct Writer {
    queue: Mutex<Queue>,
    progress: watch::Receiver<Progress>,
}

#[derive(Debug)]
struct Queue {
    /// Until the writer has finished.
    sender: Option<mpsc::Sender<Change>>,
    /// How many changes were sent.
    sent: u64,
}

/// What somebody waits for.
#[derive(Debug)]
pub(super) enum Ticket<'a> {
    /// Nothing is stored here.
    Nothing,
    /// That so many changes are stored.
    Changes(&'a Writer, u64),
    /// The store was let go before.
    Finished,
}

impl Ticket<'_> {
    pub(super) async fn stored(self) -> Result<()> {
        let (writer, number) = match self {
            Self::Nothing => return Ok(()),
            Self::Finished => return Err(Error::new(ErrorKind::ShuttingDown, Executed::Never)),
            Self::Changes(writer, number) => (writer, number),
        };
        let mut progress = writer.progress.clone();
        let reached = progress.wait_for(|progress| progress.failed.is_some() || progress.stored >= number).await;
        match reached.as_deref() {
            Ok(Progress { failed: None, .. }) => Ok(()),
            Ok(Progress { failed: Some(why), .. }) => Err(failed(why)),
            Err(_) => Err(failed("its thread has ended")),
        }
    }
}

/// What is in memory is ahead of what is stored, and nobody can tell by how much.
fn failed(why: &str) -> Error {
    let source = Arc::new(std::io::Error::other(why.to_owned()));
    let what = "the session store failed; what it has is there after a new start".to_owned();
    Error::new(ErrorKind::Resource { what, source }, Executed::Maybe)
}

impl Writer {
    /// Loads what `store` has, and writes to it from then on.
    pub(super) async fn start(mut store: Box<dyn SessionStore>) -> Result<(Self, Vec<StoredSession>)> {
        let (sender, changes) = mpsc::channel();
        let (report, progress) = watch::channel(Progress::default());
        let (loaded, load) = oneshot::channel();
        std::thread::Builder::new()
            .name("snakebridge-sessions".to_owned())
            .spawn(move || {
                let stored = store.load();
                let usable = stored.is_ok();
                if loaded.send(stored).is_ok() && usable {
                    write(store.as_mut(), &changes, &report);
                }
                // Before anybody hears that it is over: whoever waited for that may open the store again.
                drop(store);
                drop(report);
            })
            .map_err(|error| Error::resource("cannot start the thread of the session store", error))?;
        let stored = load.await.map_err(|_| failed("it panicked while it was read"))??;
        Ok((Self { queue: Mutex::new(Queue { sender: Some(sender), sent: 0 }), progress }, stored))
    }

    /// Passes changes on, in order. The ticket is for them and for everything before them.
    pub(super) fn write(&self, changes: Vec<Change>) -> Ticket<'_> {
        let mut queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Queue { sender, sent } = &mut *queue;
        let Some(sender) = sender else { return Ticket::Finished };
        for change in changes {
            *sent += 1;
            // Nobody receives any more only after a failure, which the ticket tells.
            drop(sender.send(change));
        }
        Ticket::Changes(self, *sent)
    }

    /// Writes what is left and closes the store.
    pub(super) async fn finish(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).sender = None;
        let mut progress = self.progress.clone();
        // An error means that the thread is done.
        while progress.changed().await.is_ok() {}
    }
}

fn write(store: &mut dyn SessionStore, changes: &mpsc::Receiver<Change>, report: &watch::Sender<Progress>) {
    while let Ok(first) = changes.recv() {
        let batch: Vec<Change> = std::iter::once(first).chain(changes.try_iter().take(BATCH - 1)).collect();
        if let Err(error) = store.apply(&batch) {
            report.send_modify(|progress| progress.failed = Some(error.to_string().into()));
            return;
        }
        report.send_modify(|progress| progress.stored += batch.len() as u64);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes so many changes, one batch after the other as it is let, and then fails.
    #[derive(Debug)]
    struct Scripted {
        room: usize,
        turns: mpsc::Receiver<()>,
        taken: Arc<Mutex<Vec<usize>>>,
    }

    impl SessionStore for Scripted {
        fn load(&mut self) -> Result<Vec<StoredSession>> {
            Ok(Vec::new())
        }

        fn apply(&mut self, changes: &[Change]) -> Result<()> {
            self.turns.recv().unwrap();
            if changes.len() > self.room {
                return Err(Error::resource("the disk", std::io::Error::other("it is full")));
            }
            self.room -= changes.len();
            self.taken.lock().unwrap().push(changes.len());
            Ok(())
        }
    }

    fn closed() -> Change {
        Change::Close { session: "s".into() }
    }

    #[tokio::test]
    async fn nothing_is_acknowledged_before_it_is_stored_and_what_came_meanwhile_is_stored_together() {
        let (turn, turns) = mpsc::channel();
        let taken = Arc::default();
        let store = Scripted { room: 100, turns, taken: Arc::clone(&taken) };
        let (writer, _) = Writer::start(Box::new(store)).await.unwrap();
        let first = writer.write(vec![closed()]);
        assert!(futures::FutureExt::now_or_never(writer.write(Vec::new()).stored()).is_none(), "readers wait as well");
        turn.send(()).unwrap();
        first.stored().await.unwrap();
        // It waits for its second turn with the first of these at most.
        let last = (0..9).map(|_| writer.write(vec![closed()])).last().unwrap();
        turn.send(()).unwrap();
        turn.send(()).unwrap();
        last.stored().await.unwrap();
        let batches = taken.lock().unwrap().clone();
        assert!(batches.len() <= 3 && batches.iter().sum::<usize>() == 10, "{batches:?}");
        writer.finish().await;
        assert_eq!(writer.write(vec![closed()]).stored().await.unwrap_err().code(), "shutting_down");
    }

    #[tokio::test]
    async fn after_a_failure_everything_is_refused_by_its_text() {
        let (turn, turns) = mpsc::channel();
        let store = Scripted { room: 0, turns, taken: Arc::default() };
        let (writer, _) = Writer::start(Box::new(store)).await.unwrap();
        turn.send(()).unwrap();
        for _ in 0..2 {
            let error = writer.write(vec![closed()]).stored().await.unwrap_err();
            assert!(error.code() == "resource" && error.to_string().contains("it is full"), "{error}");
        }
        let error = writer.write(Vec::new()).stored().await.unwrap_err();
        assert_eq!(error.code(), "resource", "reading too");
    }
}
