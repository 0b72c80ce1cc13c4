//! What the macros turn items into, for readers: the snapshots beside this file, and one in `docs/macros.md`.

use proc_macro2::{TokenStream, TokenTree};
use quote::quote;
use syn::{Item, Meta};

use crate::elixir::elixir_style_tool;
use crate::python_tool::python_tool;
use crate::tool::tool;

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

const FUNCTION: &str = r#"
/// Checks a document.
#[tool(timeout = "5s", max_concurrency = 8, metadata(owner = "us"))]
pub async fn validate(
    context: &ToolContext,
    #[py(state)] rules: &Rules,
    /// The document to check.
    document: String,
    #[py(name = "strictly", default = true)] strict: bool,
) -> Result<Report, Failure> {
    rules.check(context, &document, strict).await
}
"#;

const BLOCK: &str = r#"
#[tool(prefix = "counter.")]
impl Counter {
    /// Counts on.
    async fn increment(&self, by: Option<i64>) -> i64 {
        self.add(by.unwrap_or(1))
    }

    /// Counts down.
    #[tool(name = "down", blocking)]
    fn countdown(&self) -> u64 {
        self.wait()
    }

    fn numbers(&self) -> impl Stream<Item = i64> {
        self.all()
    }

    #[py(skip)]
    fn add(&self, by: i64) -> i64 {
        self.0.fetch_add(by, Relaxed) + by
    }
}
"#;

const ELIXIR_FUNCTION: &str = r#"
/// Parses a number.
#[elixir_style_tool(exposed_to_python = true, metadata(unit = "pieces"))]
fn parse_number(params: ParseNumber, session: &Session) -> Outcome<u8> {
    params.parse(session)
}
"#;

/// The service that the documentation shows.
const ELIXIR_TRAIT: &str = r"
/// A service of the host; on a function, the attribute makes a single tool.
#[elixir_style_tool(exposed_to_python = true)]
trait Validation {
    /// Check a schema.
    async fn validate_schema(&self, params: Schema, session: &Session) -> Outcome<bool>;
}
";

/// The arguments of the attribute of a macro, and the expansion of its item with these and `more` arguments.
fn expanded(source: &str, more: Option<TokenStream>) -> TokenStream {
    let mut item: Item = syn::parse_str(source).unwrap();
    let attributes = match &mut item {
        Item::Fn(item) => &mut item.attrs,
        Item::Impl(item) => &mut item.attrs,
        Item::Trait(item) => &mut item.attrs,
        _ => panic!("no macro goes on this"),
    };
    let ours = ["python_tool", "tool", "elixir_style_tool"];
    let position = attributes.iter().position(|attribute| ours.iter().any(|name| attribute.path().is_ident(name)));
    let attribute = attributes.remove(position.unwrap());
    let given = match &attribute.meta {
        Meta::List(list) => Some(list.tokens.clone()),
        _ => None,
    };
    let arguments: Vec<TokenStream> = given.into_iter().chain(more).collect();
    let (arguments, item) = (quote!(#(#arguments),*), quote!(#item));
    match attribute.path().require_ident().unwrap().to_string().as_str() {
        "python_tool" => python_tool(arguments, &item),
        "tool" => tool(arguments, &item),
        _ => elixir_style_tool(arguments, &item),
    }
}

/// The expansion of an item with its attribute, formatted.
fn expansion(source: &str) -> String {
    prettyplease::unparse(&syn::parse2(expanded(source, None)).unwrap())
}

/// All names in it.
fn idents(tokens: TokenStream) -> Vec<String> {
    let names = tokens.into_iter().flat_map(|token| match token {
        TokenTree::Group(group) => idents(group.stream()),
        TokenTree::Ident(ident) => vec![ident.to_string()],
        TokenTree::Punct(_) | TokenTree::Literal(_) => vec![],
    });
    names.collect()
}

#[test]
fn with_a_renamed_crate_no_item_names_ours_right_or_wrong() {
    for source in [SMALL, LARGE, FUNCTION, BLOCK, ELIXIR_FUNCTION, ELIXIR_TRAIT] {
        let source = source.replace(", crate = snakebridge", "");
        for arguments in [quote!(crate = renamed), quote!(crate = renamed, unknown)] {
            let names = idents(expanded(&source, Some(arguments.clone())));
            assert!(names.iter().any(|name| name == "renamed"), "{arguments}: {source}");
            assert!(!names.iter().any(|name| name == "snakebridge"), "{arguments}: {source}");
        }
        assert!(idents(expanded(&source, None)).iter().any(|name| name == "snakebridge"), "it is found where it is");
    }
}

#[test]
fn a_function_becomes_a_tool() {
    insta::assert_snapshot!(expansion(FUNCTION));
}

#[test]
fn the_methods_of_a_block_become_a_set_of_tools() {
    insta::assert_snapshot!(expansion(BLOCK));
}

#[test]
fn a_function_in_the_elixir_style_becomes_a_tool_of_sessions() {
    insta::assert_snapshot!(expansion(ELIXIR_FUNCTION));
}

#[test]
fn a_trait_in_the_elixir_style_becomes_tools_and_a_client() {
    insta::assert_snapshot!(expansion(ELIXIR_TRAIT));
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
fn of_two_methods_of_one_name_each_has_its_own_documentation() {
    const TWINS: &str = r#"
    #[elixir_style_tool]
    trait Twins {
        /// With the feature.
        #[cfg(feature = "fast")]
        fn sum(&self, params: Params) -> u64;

        /// Without it.
        #[cfg(not(feature = "fast"))]
        fn sum(&self, params: Params) -> u64;
    }
    "#;
    let expanded = expansion(TWINS);
    let (_, client) = expanded.split_once("impl TwinsClient").unwrap();
    let documented = ["/// With the feature.\n    fn sum(", "/// Without it.\n    fn sum("];
    assert!(documented.iter().all(|method| client.contains(method)), "{client}");
}

#[test]
fn the_documentation_shows_what_becomes_of_its_trait() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/macros.md")).unwrap();
    let (source, expanded) = (SMALL.trim(), expansion(SMALL));
    assert!(document.contains(source), "docs/macros.md has to show this trait:\n{source}");
    assert!(document.contains(&expanded), "docs/macros.md has to show what becomes of its trait:\n{expanded}");
}

#[test]
fn the_documentation_shows_an_excerpt_of_what_becomes_of_its_service() {
    let document = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/rust-tools.md")).unwrap();
    let (source, expanded) = (ELIXIR_TRAIT.trim(), expansion(ELIXIR_TRAIT));
    assert!(document.contains(source), "docs/rust-tools.md has to show this trait:\n{source}");
    let (_, excerpt) = document.split_once("```rust,ignore\n").unwrap();
    let (excerpt, _) = excerpt.split_once("```").unwrap();
    for part in excerpt.split("// ..\n") {
        assert!(expanded.contains(part), "this part of the excerpt is not what becomes of the trait:\n{part}");
    }
}
