//! A host that gets the orphans of others: in a container it often is the first process, which is theirs. A program of its
//! own, because it counts its children. Row M5 of the fault catalogue.

#![allow(missing_docs, clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use std::process::Command;

use rustix::process::{WaitOptions, getpid, set_child_subreaper, waitpid};
use snakebridge::prelude::*;
use snakebridge_tests::{children, eventually, is_alive, kill, python_folder};

#[tokio::test]
async fn workers_are_reaped_and_no_other_child_is_whoevers_it_was() -> Result<()> {
    // As the first process of a container is: what loses its parent becomes our child.
    set_child_subreaper(Some(getpid())).unwrap();
    let own = std::thread::spawn(|| Command::new("sh").args(["-c", "sleep 2; exit 7"]).status());
    let builder = Bridge::builder().adapter("unruly_tools:UnrulyAdapter").python_path(python_folder());
    let bridge = builder.workers(1).start().await?;
    let (mut daemons, mut workers) = (Vec::new(), Vec::new());
    for _ in 0..5 {
        daemons.push(bridge.call::<u32>("outlives", args! { how: "daemon" }).await?);
        workers.push(bridge.call::<u32>("pid", args! {}).await?);
        kill(workers[workers.len() - 1]);
        eventually("no zombie of a worker", || (!children().contains(&workers[workers.len() - 1])).then_some(())).await;
    }
    bridge.shutdown().await?;
    // Those that workers left behind are ours now, and nobody has waited for them but us.
    assert!(daemons.iter().all(|daemon| children().contains(daemon)), "{daemons:?} in {:?}", children());
    for &daemon in &daemons {
        kill(daemon);
        eventually("a zombie", || (!is_alive(daemon)).then_some(())).await;
        assert!(children().contains(&daemon), "it is left to whoever is the first process");
        let pid = rustix::process::Pid::from_raw(daemon.try_into().unwrap());
        let (_, status) = waitpid(pid, WaitOptions::empty()).unwrap().unwrap();
        assert_eq!(status.terminating_signal(), Some(9));
    }
    assert_eq!(own.join().unwrap().unwrap().code(), Some(7), "the status of a child of the program's own is its own");
    assert_eq!(children(), Vec::<u32>::new());
    Ok(())
}
