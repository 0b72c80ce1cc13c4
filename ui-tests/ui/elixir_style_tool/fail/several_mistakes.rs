use snakebridge::prelude::*;

#[elixir_style_tool(name = "1st", exposd_to_python = true)]
unsafe fn first<T>(a: &Params, b: T) -> impl Stream<Item = u8> {
    drop((a, b));
    futures::stream::empty()
}

#[elixir_style_tool]
unsafe trait Tools {
    const A: u8;

    async fn none(&self);
    fn new(&mut self, params: &mut Params);
}

fn main() {}
