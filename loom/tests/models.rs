//! Runs every model. A failure prints the interleaving when `LOOM_LOG=trace` is set, and can be pinned down with
//! `LOOM_CHECKPOINT_FILE`.

use snakebridge_loom::{cancelling, watching};

#[test]
fn a_call_that_stays_is_always_found_by_the_watcher() {
    watching::a_call_that_stays_is_always_found();
}

#[test]
fn help_ends_when_the_main_thread_waits() {
    watching::help_ends_when_the_main_thread_waits();
}

#[test]
fn help_ends_when_the_main_thread_moves_on() {
    watching::help_ends_when_the_main_thread_moves_on();
    watching::help_ends_when_the_main_thread_moves_on_and_waits();
}

#[test]
fn a_cancellation_signal_never_hits_another_call() {
    cancelling::a_signal_never_hits_another_call();
}

#[test]
fn a_cancellation_is_not_lost_at_the_end_of_a_shield() {
    cancelling::a_cancellation_is_not_lost_at_the_end_of_a_shield();
}

#[test]
fn what_was_swallowed_is_told_again_in_the_same_call() {
    cancelling::what_was_swallowed_is_told_again_in_the_same_call();
}
