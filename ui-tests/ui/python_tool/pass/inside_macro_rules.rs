use snakebridge::prelude::*;

macro_rules! tools_of {
    ($name:ident, $client:literal, $method:ident, $argument:ident: $ty:ty, $($adapter:tt)*) => {
        #[python_tool(adapter = $($adapter)*, client = $client, timeout = "5s")]
        pub trait $name {
            async fn $method(&self, $argument: $ty, own: u8) -> Result<$ty>;

            fn count(&self, to: Option<$ty>) -> impl Stream<Item = Result<$ty>>;
        }
    };
}

tools_of!(Tools, "Client", add, number: f64, "tools:Tools");

fn used(client: &Client) -> snakebridge::client::Call<f64> {
    client.add(1.0, 2)
}

fn main() {}
