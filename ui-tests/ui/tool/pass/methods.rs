use snakebridge::prelude::*;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

#[derive(Default)]
pub struct Counter {
    count: AtomicI64,
}

#[tool(prefix = "counter.")]
impl Counter {
    const STEP: i64 = 1;

    pub fn new() -> Self {
        Self::default()
    }

    /// Counts on.
    pub async fn increment(&self, #[py(default = Self::STEP)] by: i64) -> i64 {
        self.add(by)
    }

    #[tool(name = "decrement", blocking)]
    fn count_down(&self, context: &ToolContext) -> Result<i64, String> {
        if context.is_cancelled() { Err("too late".to_owned()) } else { Ok(self.add(-1)) }
    }

    #[py(hidden)]
    fn steps(&self, to: i64) -> impl Stream<Item = i64> {
        futures::stream::iter(0..to).map(|step| self.add(step))
    }

    #[py(skip)]
    fn add(&self, by: i64) -> i64 {
        self.count.fetch_add(by, Ordering::Relaxed) + by
    }
}

fn main() {
    let named = r#"["counter.increment", "counter.decrement", "counter.steps"]"#;
    assert_eq!(format!("{:?}", snakebridge::tools::Tools::from(Counter::new())), named);
    let shared = Arc::new(Counter::new());
    assert_eq!(format!("{:?}", snakebridge::tools::Tools::from(Arc::clone(&shared))), named);
    // The methods stay methods.
    assert_eq!(futures::executor::block_on(shared.increment(2)), 2);
    let _ = Bridge::builder().tools(Counter::new()).tools(shared);
}
