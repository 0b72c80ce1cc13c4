//! Greetings that cannot be trusted.

use snakebridge::error::{ErrorKind, StartFailure};
use snakebridge::prelude::*;

use super::hostile;

// A10
#[tokio::test]
async fn entries_of_a_greeting_that_nobody_knows_are_ignored() -> Result<()> {
    let bridge = hostile("unknown entries").start().await?;
    assert_eq!(bridge.call::<i64>("honest", args! {}).await?, 7);
    bridge.shutdown().await
}

// A10, A11, A12
#[tokio::test]
async fn greetings_that_cannot_be_trusted_end_the_start_with_the_reason() {
    let lies = [
        ("nonce", StartFailure::Handshake, "nonce"),
        ("version", StartFailure::Handshake, "speaks 1 to 1, the peer 7 to 9"),
        ("huge hello", StartFailure::Handshake, "2097"),
        ("unreadable hello", StartFailure::Handshake, "HELLO"),
        ("many tools", StartFailure::Handshake, "5000 tools"),
        ("bad tool name", StartFailure::Handshake, "`../x`"),
        ("call before ready", StartFailure::Handshake, "READY"),
        ("dies at manifest", StartFailure::Exit, "exit code 9"),
    ];
    for (lie, expected, part) in lies {
        let error = hostile(lie).start().await.expect_err(lie);
        let ErrorKind::StartFailed { why, message } = error.kind() else { panic!("{lie}: {error}") };
        assert_eq!(*why, expected, "{lie}: {message}");
        assert!(message.contains(part), "{lie}: `{part}` in {message}");
    }
    let error = hostile("manifest hash").start().await.expect_err("another hash");
    assert_eq!(error.code(), "manifest_mismatch");
}
