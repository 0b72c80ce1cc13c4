//! Ways of running a tool other than to await it: on the blocking pool, and as a stream.

use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use bytes::Bytes;
use futures::{Stream, StreamExt};

use crate::error::{Error, ErrorKind, Executed, Result};
use crate::tools::limited::in_place;
use crate::tools::serving::carried;

/// Runs a tool that blocks where that does no harm. Who stops waiting does not wait for its end; it goes on alone, and keeps
/// its place among the calls of a tool that has only so many.
pub async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(in_place(carried(work))).await {
        Ok(result) => result,
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // The runtime ended before the tool began.
            Err(_) => Err(Error::new(ErrorKind::ShuttingDown, Executed::Maybe)),
        },
    }
}

/// Where the items of a tool's stream go.
#[derive(Debug, Clone)]
pub struct Yielder {
    slot: Arc<Mutex<Option<Result<Bytes>>>>,
}

impl Yielder {
    /// Passes on all items of a stream, encoded, until one is an error.
    pub async fn pass<S: Stream>(&self, items: S, mut encode: impl FnMut(S::Item) -> Result<Bytes>) -> Result<()> {
        let mut items = pin!(items);
        while let Some(item) = items.next().await {
            self.put(Ok(encode(item)?)).await;
        }
        Ok(())
    }

    /// Leaves an item in the slot, and goes on when it has been fetched.
    async fn put(&self, item: Result<Bytes>) {
        *self.lock() = Some(item);
        // Whoever polls fetches the item before it polls again, so being polled again is the signal; nobody need be woken.
        let mut left = false;
        std::future::poll_fn(|_| if std::mem::replace(&mut left, true) { Poll::Ready(()) } else { Poll::Pending })
            .await;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Result<Bytes>>> {
        self.slot.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A stream of what a future puts into its [`Yielder`].
///
/// A tool's stream may borrow the context and the states that it was lent. The future owns those, makes the stream and
/// pulls it, all in one place; that is why the stream itself is not what is returned.
pub fn stream<F: Future<Output = Result<()>> + Send>(
    produce: impl FnOnce(Yielder) -> F,
) -> impl Stream<Item = Result<Bytes>> + Send {
    let yielder = Yielder { slot: Arc::default() };
    Produced { future: Some(Box::pin(produce(yielder.clone()))), yielder }
}

struct Produced<F> {
    /// Until it is done.
    future: Option<Pin<Box<F>>>,
    yielder: Yielder,
}

impl<F: Future<Output = Result<()>>> Stream for Produced<F> {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let Some(future) = &mut self.future else { return Poll::Ready(None) };
        match future.as_mut().poll(context) {
            Poll::Ready(end) => {
                self.future = None;
                Poll::Ready(end.err().map(Err))
            }
            Poll::Pending => {
                let item = self.yielder.lock().take();
                item.map_or(Poll::Pending, |item| Poll::Ready(Some(item)))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;

    use super::*;
    use crate::body;

    fn numbers(to: u8, fails: bool) -> impl Stream<Item = Result<Bytes>> {
        super::stream(move |yielder| async move {
            let owned = vec![1_u8; to.into()];
            // Borrows from the same future, and waits between its items.
            let items = stream::iter(owned.iter().copied()).then(|one| async move {
                tokio::task::yield_now().await;
                one
            });
            yielder.pass(items, |one| body::encode(&one)).await?;
            if fails { Err(Error::invalid_argument("enough")) } else { Ok(()) }
        })
    }

    #[tokio::test]
    async fn items_come_in_order_and_the_end_is_an_end() {
        let items: Vec<_> = numbers(3, false).collect().await;
        assert_eq!(items.into_iter().map(Result::unwrap).collect::<Vec<_>>(), [&[1][..]; 3]);
        assert_eq!(numbers(0, false).count().await, 0);
    }

    #[tokio::test]
    async fn an_error_is_the_last_item() {
        let mut items = numbers(1, true);
        assert!(items.next().await.unwrap().is_ok());
        assert_eq!(items.next().await.unwrap().unwrap_err().to_string(), "enough");
        assert!(items.next().await.is_none() && items.next().await.is_none());
    }

    #[tokio::test]
    async fn the_next_item_is_made_only_when_it_is_asked_for() {
        let made = Arc::new(Mutex::new(0));
        let counted = Arc::clone(&made);
        let mut items = super::stream(move |yielder| async move {
            let items = stream::repeat_with(|| *counted.lock().unwrap() += 1);
            yielder.pass(items, |()| body::encode(&())).await
        });
        for asked in 1..4 {
            items.next().await.unwrap().unwrap();
            assert_eq!(*made.lock().unwrap(), asked);
        }
    }

    #[tokio::test]
    async fn what_blocks_returns_its_result_and_its_panic_goes_on() {
        assert_eq!(blocking(|| Ok(7)).await.unwrap(), 7);
        let panic = tokio::spawn(blocking(|| -> Result<()> { panic!("on purpose") })).await.unwrap_err();
        assert_eq!(panic.into_panic().downcast_ref::<&str>(), Some(&"on purpose"));
    }
}
