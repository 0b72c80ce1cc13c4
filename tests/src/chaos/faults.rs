//! The faults of a chaos run: what they are, how they are done, and to whom they were done when.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use snakebridge::{Bridge, WorkerInfo};

use super::experiments::lost_permit;
use super::workload::{History, Order};

/// What can be done to a worker, or to the host around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Fault {
    /// SIGKILL from outside.
    Kill,
    /// SIGSTOP, and SIGCONT a little later.
    Pause,
    /// A signal that ends it, or asks it to.
    Signal(&'static str),
    /// A tool that harms its own process.
    Harm(&'static str),
    /// A tool kills worker after worker, and the call that is to try it out is given up.
    LostPermit,
    /// Two hundred calls that are dropped at once.
    CancelStorm,
    /// For some seconds no interpreter can be started.
    NoInterpreter,
    /// For a second this process has hardly any descriptors left.
    FewDescriptors,
}

/// The harms from inside that [`Fault::Harm`] names, as `chaos_tools.py` has them.
const HARMS: [&str; 14] = [
    "exit",
    "segfault",
    "hang",
    "garbage",
    "half_frame",
    "oversize",
    "flood",
    "noisy_exit",
    "children",
    "descriptors",
    "balloon",
    "standard_streams",
    "handlers",
    "recursion",
];

const SIGNALS: [(&str, Signal); 3] = [("SEGV", Signal::SEGV), ("TERM", Signal::TERM), ("INT", Signal::INT)];

impl Fault {
    /// The next fault: three in ten are kills.
    pub(super) fn draw(random: &mut fastrand::Rng) -> Self {
        match random.u32(0..100) {
            0..30 => Self::Kill,
            30..38 => Self::Pause,
            38..50 => Self::Signal(SIGNALS[random.usize(0..SIGNALS.len())].0),
            50..92 => Self::Harm(HARMS[random.usize(0..HARMS.len())]),
            92..93 => Self::LostPermit,
            93..97 => Self::CancelStorm,
            97..99 => Self::NoInterpreter,
            _ => Self::FewDescriptors,
        }
    }

    /// Its name in the report.
    pub(super) fn name(self) -> String {
        match self {
            Self::Kill => "kill -9".to_owned(),
            Self::Pause => "stop and continue".to_owned(),
            Self::Signal(name) => format!("kill -{name}"),
            Self::Harm(how) => format!("tool: {}", how.replace('_', " ")),
            Self::LostPermit => "lost permit".to_owned(),
            Self::CancelStorm => "cancel storm".to_owned(),
            Self::NoInterpreter => "no interpreter".to_owned(),
            Self::FewDescriptors => "few descriptors".to_owned(),
        }
    }
}

/// What was done to whom.
#[derive(Debug, Default)]
pub(super) struct Injected {
    /// How often each fault was done.
    pub(super) counts: BTreeMap<String, usize>,
    /// Workers, by number, that were hit from outside, and when that happened first.
    pub(super) hit: BTreeMap<u64, Instant>,
    /// Of those, the ones that cannot have survived it.
    pub(super) killed: BTreeMap<u64, Instant>,
    /// When something was done that all workers feel: until then nobody is a bystander.
    pub(super) felt_by_all: Vec<(Instant, Instant)>,
    /// When the last fault was over.
    pub(super) last: Option<Instant>,
    /// Tools that were still refused when nothing was held against them any more.
    pub(super) refused: Vec<String>,
}

/// The file that stands for the interpreter: it hands over to the real one, or does not.
#[derive(Debug)]
pub(super) struct Interpreter<'a> {
    /// The script that the bridge starts.
    pub(super) script: &'a Path,
    /// The real one.
    pub(super) real: &'a Path,
}

impl Interpreter<'_> {
    /// Lets it start, or not.
    pub(super) fn set(&self, works: bool) -> std::io::Result<()> {
        use std::os::unix::fs::PermissionsExt as _;
        let text = if works {
            format!("#!/bin/sh\nexec '{}' \"$@\"\n", self.real.display())
        } else {
            "#!/bin/sh\nexit 1\n".to_owned()
        };
        // Renamed into place: whoever reads it reads one or the other.
        let new = self.script.with_extension("new");
        std::fs::write(&new, text)?;
        std::fs::set_permissions(&new, std::fs::Permissions::from_mode(0o755))?;
        std::fs::rename(new, self.script)
    }
}

/// Does one fault. Returns when it is over.
pub(super) async fn inject(
    fault: Fault,
    call: u64,
    random: &mut fastrand::Rng,
    bridge: &Bridge,
    history: &History,
    interpreter: &Interpreter<'_>,
    injected: &mut Injected,
) {
    let begun = Instant::now();
    let victim = victim(bridge, random);
    match (fault, victim) {
        (Fault::Harm(how), _) => {
            // Not waited for: it may hang for as long as its deadline.
            let order = Order::harm(call, how);
            order.carry_out(bridge, history).await;
        }
        (Fault::LostPermit, _) => {
            injected.refused.extend(lost_permit(bridge, call).await);
            injected.felt_by_all.push((begun, Instant::now()));
        }
        (Fault::CancelStorm, _) => {
            let calls: Vec<_> = (0..200)
                .map(|_| bridge.call::<u64>("burn", snakebridge::args! { call: u64::MAX, milliseconds: 1, gil: false }))
                .collect();
            for mut call in calls {
                let _ = futures::future::poll_immediate(&mut call).await;
            }
        }
        (Fault::NoInterpreter, _) => {
            let swapped = interpreter.set(false);
            tokio::time::sleep(Duration::from_secs(2)).await;
            assert!(swapped.is_ok() && interpreter.set(true).is_ok(), "the interpreter's stand-in can be written");
            injected.felt_by_all.push((begun, Instant::now() + Duration::from_secs(10)));
        }
        (Fault::FewDescriptors, _) => {
            let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
            let few = rustix::process::Rlimit { current: Some(open_descriptors() + 2), ..limit };
            let set = rustix::process::setrlimit(rustix::process::Resource::Nofile, few);
            tokio::time::sleep(Duration::from_secs(1)).await;
            let reset = rustix::process::setrlimit(rustix::process::Resource::Nofile, limit);
            assert!(set.is_ok() && reset.is_ok(), "the soft limit may go up and down below the hard one");
            injected.felt_by_all.push((begun, Instant::now() + Duration::from_secs(10)));
        }
        (_, None) => return,
        (fault, Some(worker)) => {
            injected.hit.entry(worker.number).or_insert(begun);
            let Some(pid) = i32::try_from(worker.pid).ok().and_then(Pid::from_raw) else { return };
            // Whoever is gone already was hit before.
            let _ = match fault {
                Fault::Pause => kill_process(pid, Signal::STOP),
                Fault::Signal("INT") => kill_process_group(pid, Signal::INT),
                Fault::Signal(name) => {
                    let signal =
                        SIGNALS.iter().find(|(known, _)| *known == name).map_or(Signal::TERM, |(_, signal)| *signal);
                    if name == "SEGV" {
                        injected.killed.entry(worker.number).or_insert(begun);
                    }
                    kill_process(pid, signal)
                }
                _ => {
                    injected.killed.entry(worker.number).or_insert(begun);
                    kill_process(pid, Signal::KILL)
                }
            };
            if fault == Fault::Pause {
                tokio::time::sleep(Duration::from_millis(random.u64(50..500))).await;
                let _ = kill_process(pid, Signal::CONT);
            }
        }
    }
    *injected.counts.entry(fault.name()).or_default() += 1;
    injected.last = Some(Instant::now());
}

/// A worker to be hit: two times in three one that has calls, if there is any, because idle ones die in peace.
fn victim(bridge: &Bridge, random: &mut fastrand::Rng) -> Option<WorkerInfo> {
    let workers = bridge.workers();
    let busy: Vec<WorkerInfo> = workers.iter().filter(|worker| worker.in_flight > 0).cloned().collect();
    let mut from = if busy.is_empty() || random.u32(0..3) == 0 { workers } else { busy };
    (!from.is_empty()).then(|| from.swap_remove(random.usize(0..from.len())))
}

fn open_descriptors() -> u64 {
    std::fs::read_dir("/proc/self/fd").map_or(0, |entries| entries.count() as u64)
}
