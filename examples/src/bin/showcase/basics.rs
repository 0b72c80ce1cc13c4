//! Calls with types and without, and what an error tells.

use std::time::Duration;

use snakebridge::prelude::*;

use crate::{Showcase, ShowcaseClient};

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let info = tools.adapter_info().await?;
    println!("{} {} answers {:?} from process {}", info.name, info.version, tools.ping().await?, info.process);

    assert_eq!(tools.process_text("Hello", None).await?, "HELLO", "Python's own default");
    assert_eq!(tools.process_text("Hello", Some("reverse")).await?, "olleH");

    // Whatever is written for the trait takes the client, and a fake in tests.
    assert_eq!(shouted(&tools, "a trait").await?, "A TRAIT");

    // Without types: by the tool's name, as anything that can be decoded.
    let shouted: String = bridge.call("process_text", args! { text: "dynamic" }).await?;
    let described = bridge.execute("adapter_info", args! {}).await?;
    println!("without types: {shouted:?}, {described}");

    let error = tools.process_text("Hello", Some("shout")).await.expect_err("there is no such operation");
    println!(
        "an error: {error}; it {}",
        if error.executed() == snakebridge::error::Executed::Yes { "ran" } else { "did not run" }
    );
    assert_eq!(error.exception().map(|exception| exception.type_name.as_str()), Some("ValueError"));

    let error = tools.wait(60.0).timeout(Duration::from_millis(100)).await.expect_err("it takes longer");
    println!("a deadline: {error}");
    assert_eq!(error.code(), "deadline_exceeded");
    Ok(())
}

async fn shouted(tools: &impl Showcase, text: &str) -> Result<String> {
    tools.process_text(text, Some("upper")).await
}
