//! The tests are under `tests`, their cases in one folder a macro.
