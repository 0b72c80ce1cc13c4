#![no_implicit_prelude]
#![deny(warnings)]

#[::snakebridge::python_tool(
    adapter = "text_tools:TextAdapter",
    timeout = "5s",
    manifest = "manifests/text_tools.json",
    session = "affine"
)]
pub trait Tools {
    #[py(idempotent, retry = 3, cache = "10m", priority = "high")]
    async fn add(&self, a: f64, b: f64) -> ::snakebridge::Result<f64>;

    async fn find(
        &self,
        data: &::snakebridge::Bytes,
        #[py(default = "x")] pattern: ::core::option::Option<::std::string::String>,
    ) -> ::snakebridge::Result<::core::option::Option<::snakebridge::Bytes>>;

    async fn describe(
        &self,
        text: &str,
        year: ::core::option::Option<u16>,
        #[py(kwargs)] about: &::snakebridge::Value,
    ) -> ::snakebridge::Result<::snakebridge::Value>;

    #[py(notify)]
    async fn log(&self, line: &str) -> ::snakebridge::Result<()>;

    #[py(window = 65536, no_cancel)]
    fn count(&self, to: u32) -> impl ::futures::Stream<Item = ::snakebridge::Result<u32>>;

    async fn join(
        &self,
        words: impl ::futures::Stream<Item = ::std::string::String>,
    ) -> ::snakebridge::Result<::std::string::String>;

    #[py(skip)]
    async fn nothing(&self) {}
}

fn main() {}
