use snakebridge::prelude::*;

struct Point {
    x: f64,
}

async fn show(bridge: &Bridge, point: Point) -> Result<String> {
    bridge.call("show", args! { point: point }).await
}

fn main() {}
