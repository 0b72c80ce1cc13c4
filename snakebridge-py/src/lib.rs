//! The native half of the snakebridge Python package: the module `snakebridge._native`.
//!
//! It owns the wire: it reads and writes frames without the GIL, keeps the protocol, and sees to it that PING, CANCEL and
//! the death of the host are noticed whatever Python is doing. The Python half decodes arguments, runs tools and encodes
//! results. What the two agree on is `snakebridge/_native.pyi`.
//!
//! Reading order: [`system`] (the operating system, one module for each thing that is asked of it), [`core`] (threads, locks
//! and frames, nothing of Python), [`worker`] (what Python sees).

#[cfg(not(unix))]
compile_error!("snakebridge workers need Unix: Linux, or macOS at best effort");

mod core;
mod sync;
mod system;
mod worker;

use pyo3::prelude::*;

/// The module `snakebridge._native`.
#[pymodule]
mod _native {
    use super::{Bound, PyModule, PyModuleMethods, PyResult, worker};

    #[pymodule_export]
    use super::worker::call::{Call, current_call};
    #[pymodule_export]
    use super::worker::cancel::{on_cancel_signal, rearm_cancel};
    #[pymodule_export]
    use super::worker::coroutine::{CallCoroutine, send_item};
    #[pymodule_export]
    use super::worker::event_loop::LoopServer;
    #[pymodule_export]
    use super::worker::events::{current_id, is_worker, tell};
    #[pymodule_export]
    use super::worker::executor::run_executor;
    #[pymodule_export]
    use super::worker::fork::{after_fork_in_child, after_fork_in_parent, before_fork};
    #[pymodule_export]
    use super::worker::frames::{check_value, decode_frame, decode_value, encode_frame, recode_value};
    #[pymodule_export]
    use super::worker::host_call::{abandon_host_call, begin_host_call, host_call, take_answer};
    #[pymodule_export]
    use super::worker::host_stream::HostStream;
    #[pymodule_export]
    use super::worker::launch::{fail, harden, ready, stacks_descriptor, start};
    #[pymodule_export]
    use super::worker::serve::serve;

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        module.add("__version__", env!("CARGO_PKG_VERSION"))?;
        module.add("PROTOCOL_VERSION", snakebridge::wire::VERSIONS.1)?;
        worker::exceptions::add_to(module)
    }
}
