//! A host with secrets in its environment, its configuration and its arguments, whose calls go wrong in every way there
//! is. It shows all that it learns of that: log records from the level `INFO` on, events, and errors in both their forms.

use std::fmt::{Debug, Write};
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge_tests::{eventually, python_folder};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Level, Metadata, Subscriber};

/// Prints every record with all its fields.
struct Log;

struct Fields(String);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        // Writing to a string cannot fail.
        let _ = write!(self.0, " {field}={value:?}");
    }
}

impl Subscriber for Log {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        // The default of a program that shows a log.
        *metadata.level() <= Level::INFO
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Fields(String::new());
        attributes.record(&mut fields);
        println!("span: {}{}", attributes.metadata().name(), fields.0);
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, _: &Record<'_>) {}
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &tracing::Event<'_>) {
        let mut fields = Fields(String::new());
        event.record(&mut fields);
        println!("log: {}{}", event.metadata().target(), fields.0);
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Square a number.
#[tool]
fn square(number: i64) -> i64 {
    number * number
}

/// Give the first letter back.
#[tool]
fn letter(letter: char) -> char {
    letter
}

/// Panic with the secret in hand.
#[tool]
fn panics(secret: String) -> usize {
    let length = secret.len();
    assert!(length == 0, "the host tool panicked");
    length
}

fn show<T: Debug>(what: &str, result: Result<T>) {
    match result {
        Ok(value) => println!("{what}: {value:?}"),
        Err(error) => println!("{what}: {error}\n{error:?}"),
    }
}

#[tokio::main]
async fn main() -> Result<()> {
    let secret = std::env::var("CANARY_ARGUMENT").expect("the test sets it");
    tracing::subscriber::set_global_default(Log).expect("it is the first");
    let builder = Bridge::builder()
        .adapter("canary_tools:CanaryAdapter")
        .python_path(python_folder())
        .config(&std::collections::BTreeMap::from([("password", &secret)]))
        .env("GIVEN_ON_PURPOSE", &secret)
        .tools(tools![square, letter, panics])
        .workers(1)
        .cancel_grace(Duration::from_millis(100))
        // Workers are looked at, too.
        .health_interval(Duration::from_millis(50));
    println!("{builder:?}");
    let bridge = builder.start().await?;
    println!("{bridge:?}");
    let mut events = bridge.events();

    let given = bridge.call::<Vec<String>>("holds", args! { word: &secret }).await?;
    println!("variables with the secret: {given:?}");
    show("reads", bridge.execute("reads", args! { name: "CANARY_TOKEN" }).await);
    show("fails", bridge.execute("fails", args! { secret: &secret }).await);
    show("typed", bridge.execute("typed", args! { number: &secret }).await);
    show("keeps", bridge.execute("keeps", args! { secret: &secret }).await);
    show("drops", bridge.execute("drops", args! { secret: &secret }).await);
    show("misfit", bridge.call::<char>("holds", args! { word: &secret }).await);
    for (name, parameter) in [("square", "number"), ("letter", "letter"), ("panics", "secret")] {
        let arguments = std::collections::BTreeMap::from([(parameter, &secret)]);
        show(name, bridge.execute("asks", args! { name: name, arguments: arguments }).await);
    }
    let late = bridge.execute("hangs", args! { secret: &secret }).timeout(Duration::from_millis(200));
    show("hangs", late.await);
    show("dies", bridge.execute("dies", args! { secret: &secret }).await);
    show("prints", bridge.execute("prints", args! { text: "printed on purpose" }).await);
    let broken = Bridge::builder().adapter("no_such_module").env("GIVEN_ON_PURPOSE", &secret).config(&secret);
    show("start", broken.workers(1).start().await.map(drop));
    // Whoever makes up a name knows it, and is told; nobody else learns of it.
    let identity = std::env::var("CANARY_IDENTITY").unwrap_or_else(|_| "identity".to_owned());
    show("no tool", bridge.execute(&identity, args! { secret: &secret }).await);
    let session = bridge.session(&identity).await?;
    show("in a session", session.execute("prints", args! { text: "in the session" }).await);
    println!("metrics: {:?} {:?}", bridge.statistics(), bridge.workers());
    eventually("the events of two lost workers", || {
        let mut lost = 0;
        while let Ok(event) = events.try_recv() {
            println!("event: {event:?}");
            lost += u8::from(matches!(event, snakebridge::telemetry::Event::CallLost { .. }));
        }
        (lost > 0).then_some(())
    })
    .await;
    bridge.shutdown().await
}
