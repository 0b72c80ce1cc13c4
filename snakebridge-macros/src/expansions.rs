//! What the macros turn items into, for readers: the snapshots beside this file, and one in `docs/macros.md`.

use proc_macro2::TokenStream;

use crate::python_tool::python_tool;

/// The trait that the documentation shows.
const SMALL: &str = r#"
/// Tools that live in `text_tools.py`.
#[python_tool(adapter = "text_tools:TextAdapter")]
pub trait TextTools {
    /// Counts words.
    async fn count_words(&self, text: &str, language: Option<&str>) -> Result<u64>;
}
"#;

const LARGE: &str = r#"
#[python_tool(module = "text_tools", timeout = "30s", rename_all = "camelCase", session = "affine", crate = snakebridge)]
pub(crate) trait TextTools {
    #[py(idempotent, retry = 3, cache = "10m", priority = "high")]
    async fn find_all(
        &self,
        /// What to look in.
        data: Bytes,
        #[py(name = "in", default = "en")] language: Option<String>,
    ) -> Result<HashMap<String, Vec<u64>>, Failure>;

    #[py(notify)]
    async fn log(&self, line: &str) -> Result<()>;

    /// Translates line by line.
    #[py(window = "1MiB")]
    #[cfg(feature = "translation")]
    fn translate(
        &self,
        lines: impl Stream<Item = String>,
        #[py(kwargs)] options: &Options,
    ) -> impl Stream<Item = Result<Line>>;

    fn words(&self, text: &str) -> impl Stream<Item = Result<String>>;

    #[py(skip)]
    async fn shout(&self) -> Result<()> {
        self.log("!").await
    }
}
"#;

/// The expansion of a trait with its attribute, formatted.
fn expansion(source: &str) -> String {
    let mut item: syn::ItemTrait = syn::parse_str(source).unwrap();
    let position = item.attrs.iter().position(|attribute| attribute.path().is_ident("python_tool")).unwrap();
    let arguments: TokenStream = item.attrs.remove(position).parse_args().unwrap();
    let expanded = python_tool(arguments, &quote::quote!(#item));
    prettyplease::unparse(&syn::parse2(expanded).unwrap())
}

#[test]
fn a_small_trait_becomes_a_client() {
    insta::assert_snapshot!(expansion(SMALL));
}

#[test]
fn a_trait_with_streams_and_options_becomes_a_client() {
    insta::assert_snapshot!(expansion(LARGE));
}

#[test]
fn the_documentation_shows_what_becomes_of_its_trait() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/macros.md")).unwrap();
    let (source, expanded) = (SMALL.trim(), expansion(SMALL));
    assert!(document.contains(source), "docs/macros.md has to show this trait:\n{source}");
    assert!(document.contains(&expanded), "docs/macros.md has to show what becomes of its trait:\n{expanded}");
}
