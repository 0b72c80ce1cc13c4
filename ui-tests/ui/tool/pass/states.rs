use snakebridge::prelude::*;

use std::sync::atomic::{AtomicU64, Ordering};

use snakebridge::tools::{HostTool, States};

pub struct Counter(AtomicU64);

#[tool]
fn increment(#[py(state)] counter: &Counter, by: u64, #[py(state)] _names: &Vec<String>) -> u64 {
    counter.0.fetch_add(by, Ordering::Relaxed) + by
}

#[tool]
async fn read(#[py(state)] counter: &Counter) -> u64 {
    counter.0.load(Ordering::Relaxed)
}

fn main() {
    let mut states = States::new();
    states.insert(Counter(AtomicU64::new(7)));
    assert!(read::Tool.missing_states(&states).is_empty());
    assert_eq!(increment::Tool.missing_states(&states), ["alloc::vec::Vec<alloc::string::String>"]);
    let names: Vec<_> = increment::Tool.descriptor().parameters.into_iter().map(|parameter| parameter.name).collect();
    assert_eq!(names, ["by"], "Python does not see states");
    assert_eq!(increment(&Counter(AtomicU64::new(7)), 1, &vec![]), 8);
}
