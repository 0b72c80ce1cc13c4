//! The few calls of the C interface that PyO3 has no form of, or no cheap one under the limited API.
#![expect(unsafe_code, reason = "calls into the C interface of Python")]

use std::ffi::{c_int, c_void};

use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// `callable(argument)`. The limited API has no vector call before 3.12; this goes through one all the same and spares the
/// argument tuple.
pub(super) fn call_with<'py>(
    callable: &Bound<'py, PyAny>,
    argument: &Bound<'py, PyAny>,
) -> PyResult<Bound<'py, PyAny>> {
    let end = std::ptr::null_mut::<ffi::PyObject>();
    // SAFETY: the GIL is held (there is a `Bound`), both objects are alive for the call, and the null pointer ends the
    // variable arguments. The result is a new reference, or null with an exception set: what the conversion expects.
    unsafe {
        let result = ffi::PyObject_CallFunctionObjArgs(callable.as_ptr(), argument.as_ptr(), end);
        Bound::from_owned_ptr_or_err(callable.py(), result)
    }
}

/// What a generator or another iterator did.
pub(super) enum Step<'py> {
    /// It gave an item.
    Item(Bound<'py, PyAny>),
    /// It ended, with this value: `None` for iterators that are no generators.
    Return(Bound<'py, PyAny>),
}

/// Takes the next item, as `send(None)` does for a generator and `next` for any other iterator.
pub(super) fn advance<'py>(iterator: &Bound<'py, PyAny>) -> PyResult<Step<'py>> {
    let py = iterator.py();
    let mut result = std::ptr::null_mut();
    // SAFETY: the GIL is held, the iterator is alive, and `result` is a valid place for the function to write to.
    let outcome = unsafe { ffi::PyIter_Send(iterator.as_ptr(), ffi::Py_None(), &raw mut result) };
    if matches!(outcome, ffi::PySendResult::PYGEN_ERROR) {
        return Err(PyErr::fetch(py));
    }
    // SAFETY: without an error `result` holds a new reference.
    let value = unsafe { Bound::from_owned_ptr(py, result) };
    Ok(match outcome {
        ffi::PySendResult::PYGEN_RETURN => Step::Return(value),
        _ => Step::Item(value),
    })
}

/// Whether `object` is an instance of `class` by its real type, without asking `__instancecheck__`.
pub(super) fn is_of(object: &Bound<'_, PyAny>, class: &Bound<'_, PyType>) -> bool {
    // SAFETY: the GIL is held and both objects are alive; the class is a type object.
    unsafe { ffi::PyObject_TypeCheck(object.as_ptr(), class.as_type_ptr()) != 0 }
}

/// Runs `action` on the main thread, with the GIL, once the interpreter is back in its evaluation loop.
pub(super) fn run_soon(action: fn()) {
    extern "C" fn run(action: *mut c_void) -> c_int {
        // SAFETY: the pointer was made from a `fn()` below, and function and data pointers have one size on every
        // platform that Python runs on.
        let action: fn() = unsafe { std::mem::transmute::<*mut c_void, fn()>(action) };
        action();
        0
    }
    // SAFETY: `run` has the required signature and takes its argument back to what it was. A full queue (the only failure)
    // is full of 32 other actions within one instruction; then `action` runs at once.
    let queued = unsafe { ffi::Py_AddPendingCall(Some(run), action as *mut c_void) } == 0;
    if !queued {
        action();
    }
}
