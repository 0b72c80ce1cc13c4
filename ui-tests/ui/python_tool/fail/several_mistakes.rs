use snakebridge::prelude::*;

#[python_tool(adapter = "tools.py", timeout = "soon", retries = 3)]
pub trait Tools {
    async fn right(&self, a: f64) -> Result<f64>;

    #[py(timout = "5s")]
    async fn sort(&self, values: &mut Vec<f64>) -> Result<&[f64]>;

    async fn forget(&mut self, (key, value): (String, String));

    fn plain(&self) -> u8 {
        7
    }

    type Number;
}

/// Uses what is right, without errors that only follow from those above.
async fn used(caller: &snakebridge::client::Caller) -> Result<f64> {
    ToolsClient::new(caller).right(1.0).await
}

fn main() {}
