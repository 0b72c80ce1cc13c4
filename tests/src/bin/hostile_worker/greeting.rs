//! Lies before the first call.

use std::collections::BTreeMap;
use std::io;

use serde::Serialize;
use snakebridge::body;
use snakebridge::wire::{Header, Limits, MAGIC, VERSIONS};

use crate::frames::{frame, say};

const TOOLS: [&str; 5] = ["count", "honest", "lie", "received", "slow"];

#[derive(Serialize)]
struct Manifest {
    format: u32,
    adapter: &'static str,
    name: &'static str,
    tools: Vec<Tool>,
}

#[derive(Serialize)]
struct Tool {
    name: &'static str,
    streaming: bool,
}

pub(crate) fn manifest() -> Vec<u8> {
    let tools = TOOLS.map(|name| Tool { name, streaming: name == "count" }).into();
    let manifest = Manifest { format: 1, adapter: "lies", name: "lies", tools };
    body::encode(&manifest).unwrap_or_default().to_vec()
}

pub(crate) fn greet(lie: &str) -> io::Result<()> {
    let nonce = std::env::var("SNAKEBRIDGE_NONCE").unwrap_or_default();
    let nonce = if lie == "nonce" { "another" } else { &nonce };
    let versions = if lie == "version" { (7, 9) } else { VERSIONS };
    let limits = Limits { calls: if lie == "few calls" { 2 } else { 4096 }, ..Limits::default() };
    let mut hello = BTreeMap::from([("version", env!("CARGO_PKG_VERSION"))]);
    if lie == "unknown entries" {
        hello.extend([("capabilities", "compression"), ("from", "the future")]);
    }
    let hello = match lie {
        "huge hello" => vec![0xc0; 2 << 20],
        "unreadable hello" => vec![0xc1],
        _ => body::encode(&hello).unwrap_or_default().to_vec(),
    };
    let mut bytes = MAGIC.to_vec();
    bytes.extend(frame(&Header::Hello { versions, limits, nonce }, &hello));
    let hash = snakebridge::manifest::hash(&manifest());
    let hash = if lie == "manifest hash" { "0000".to_owned() } else { hash };
    let names: Vec<String> = match lie {
        "many tools" => (0..5000).map(|number| format!("tool_{number}")).collect(),
        "bad tool name" => vec!["../x".to_owned()],
        _ => TOOLS.map(str::to_owned).into(),
    };
    if lie == "call before ready" {
        bytes.extend(frame(&Header::Reply { id: 1, total: None }, &[1]));
    } else {
        bytes.extend(frame(&Header::Ready { manifest_hash: &hash }, &body::encode(&names).unwrap_or_default()));
    }
    bytes.extend(crate::leaving::behind_ready(lie)?);
    say(&bytes)
}
