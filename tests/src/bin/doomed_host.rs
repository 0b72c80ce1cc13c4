//! A host that dies in the way that it is told, while it has a worker in each of the states that it is told.
//!
//! `doomed_host WAY FOLDER STATE..`: each state's processes are noted in the file of its name in `FOLDER`. When a line comes
//! on its standard input, the host dies. `doomed_host node PATH` has a worker in JavaScript, and waits.

use std::collections::BTreeMap;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use snakebridge::prelude::*;
use snakebridge::{Builder, Restrictions};
use snakebridge_tests::{OrphanState, WayToDie, join_all, python_folder};
use tokio::runtime::Runtime;

fn main() {
    let mut arguments = std::env::args().skip(1);
    let (Some(way), Some(folder)) = (arguments.next(), arguments.next().map(PathBuf::from)) else {
        eprintln!("usage: doomed_host WAY FOLDER STATE.. | doomed_host node PATH");
        std::process::exit(2);
    };
    let runtime = Runtime::new().expect("a runtime");
    if way == "node" {
        runtime.block_on(spin_in_node(&folder)).expect("it never ends");
    }
    let way = WayToDie::named(&way).expect("a way to die");
    let states: Vec<_> = arguments.map(|state| OrphanState::named(&state).expect("a state")).collect();
    let bridges = runtime.block_on(join_all(states.into_iter().map(|state| bring_about(state, folder.clone()))));
    // Also the end of the input: who started this is gone.
    std::io::stdin().read_line(&mut String::new()).expect("a line");
    die(way, runtime, bridges);
}

fn die(way: WayToDie, runtime: Runtime, bridges: Vec<Option<Bridge>>) {
    match way {
        WayToDie::Panic => panic!("as it was told"),
        WayToDie::Abort => std::process::abort(),
        WayToDie::Exit => std::process::exit(0),
        WayToDie::Forgotten => {
            std::mem::forget(bridges);
            std::mem::forget(runtime);
        }
        WayToDie::RuntimeGone => {
            runtime.shutdown_background();
            println!("gone");
            // This process lives on; nobody may want to know.
            let _ = std::io::stdout().flush();
            loop {
                std::thread::park();
            }
        }
        // By a signal.
        _ => loop {
            std::thread::park();
        },
    }
}

/// Starts a worker that gets into this state. The bridge, where it has come into being.
async fn bring_about(state: OrphanState, folder: PathBuf) -> Option<Bridge> {
    let path = folder.join(state.name());
    let adapter =
        || Bridge::builder().adapter("orphan_tools:OrphanAdapter").python_path(python_folder()).pass_env("DOOMED");
    let builder = match state {
        OrphanState::Spawned => adapter().python(slow_python(&folder)),
        OrphanState::Importing => {
            Bridge::builder().adapter("orphan_import").python_path(python_folder()).env("NOTED", &path)
        }
        OrphanState::Forked => adapter().preload(true),
        OrphanState::Sandboxed => adapter().sandbox(Restrictions::new().writable(&folder)),
        _ => adapter(),
    };
    // One that is to be starting is to be so for as long as the others take.
    let start = start(builder.workers(1).start_timeout(Duration::from_hours(1)), path, folder, state);
    if matches!(state, OrphanState::Spawned | OrphanState::Importing) {
        tokio::spawn(start);
        None
    } else {
        start.await
    }
}

async fn start(builder: Builder, path: PathBuf, folder: PathBuf, state: OrphanState) -> Option<Bridge> {
    let bridge = match builder.config(&BTreeMap::from([("path", path)])).start().await {
        Ok(bridge) => bridge,
        Err(error) if state == OrphanState::Sandboxed => {
            std::fs::write(folder.join("no sandbox"), error.to_string()).expect("a file");
            return None;
        }
        Err(error) => panic!("{}: {error}", state.name()),
    };
    if state == OrphanState::Streaming {
        let mut items = bridge.stream::<u64>("streaming", args! {});
        tokio::spawn(async move { while items.next().await.is_some() {} });
    } else {
        tokio::spawn(bridge.execute(state.name(), args! {}).into_future());
    }
    Some(bridge)
}

/// A program in place of Python that is not Python for as long as its host lives.
fn slow_python(folder: &Path) -> PathBuf {
    let real = std::env::var("SNAKEBRIDGE_PYTHON")
        .unwrap_or_else(|_| concat!(env!("CARGO_MANIFEST_DIR"), "/../.venv/bin/python").to_owned());
    let path = folder.join("python");
    let (noted, gate) = (folder.join(OrphanState::Spawned.name()), folder.join("dead"));
    let script = format!(
        "#!/bin/sh\ncase \"$*\" in *snakebridge.worker*)\n  echo $$ > '{}'\n  while [ ! -e '{}' ]; do sleep 0.01; done\nesac\n\
         exec '{real}' \"$@\"\n",
        noted.display(),
        gate.display()
    );
    std::fs::write(&path, script).expect("a file");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("it is ours");
    path
}

async fn spin_in_node(path: &Path) -> Result<()> {
    let bridge = snakebridge_tests::node_worker("tests/node/tools.js").start().await?;
    bridge.call("spin", args! { path: path }).await
}
