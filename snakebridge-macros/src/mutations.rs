//! No input makes a macro panic: items that are right are mutated at random, and whatever comes of it is expanded.

use proc_macro2::{Delimiter, Group, TokenStream, TokenTree};
use proptest::prelude::*;

use crate::{elixir, python_tool, tool};

/// A macro, as its entry sees it: the attribute's arguments and the item.
type Entry = fn(TokenStream, &TokenStream) -> TokenStream;

/// The macros, each with attributes and items that are right.
const MACROS: &[(Entry, &[(&str, &str)])] = &[
    (
        python_tool::python_tool,
        &[
            (
                r#"adapter = "tools:Tools", timeout = "1m30s", rename_all = "camelCase", session = "affine", idempotent"#,
                r#"/// Tools.
                pub(crate) trait Tools: Send {
                    /// Adds.
                    #[py(name = "plus", retry = 3, cache = "10m", priority = "high")]
                    async fn add(&self, #[py(default = 1 + 1)] a: Option<f64>, b: &[f64]) -> Result<Vec<f64>, Error>;
                    #[cfg(test)]
                    #[py(notify, session = "none")]
                    async fn log(&self, r#type: &str, #[py(kwargs)] rest: &Value) -> Result<()>;
                    #[py(window = "1MiB", no_cancel)]
                    fn words(&self, texts: impl Stream<Item = String>) -> impl Stream<Item = Result<(u8, Bytes)>> + Send;
                    #[py(skip)]
                    fn helper<'a, T: Clone>(&'a self, of: T) -> [T; 2] where T: 'a { [of.clone(), of] }
                }"#,
            ),
            (
                r#"manifest = "../ui-tests/ui/python_tool/manifests/text_tools.json", crate = some::path, client = "Text""#,
                r#"trait Tools {
                    async fn add(&self, a: f64, b: f64) -> Result<f64>;
                    fn count(&self, to: u32) -> impl Stream<Item = Result<u32>>;
                    async fn join(&self, #[py(name = "words")] texts: impl Stream<Item = String>) -> Result<String>;
                }"#,
            ),
            (r#"module = "a.b", class = "C""#, "trait Empty { async fn f(&self) -> Result<()>; }"),
        ],
    ),
    (
        tool::tool,
        &[
            (
                r#"name = "check", description = "Checks.", timeout = "5s", crate = some::path"#,
                r#"/// Checks.
                #[inline]
                pub async fn validate(
                    context: &ToolContext,
                    /// What to check.
                    document: Value,
                    #[py(default = "x", name = "title")] name: String,
                    #[py(default)] strict: bool,
                    limit: Option<u8>,
                ) -> Result<Report, Error> { Ok(Report { document, name, strict, limit }) }"#,
            ),
            ("", "fn shout(text: String) -> String { text.to_uppercase() }"),
            // Texts that would end a comment, a string or an item, and names that are keywords.
            (
                r##"name = "type", description = "*/ \"# \u{202e} ''' }} fn evil() {} //""##,
                r###"#[doc = "*/ \"# r#type \n}} fn evil() {} /*"]
                fn r#type(
                    /// `"##` */ {} {{}}
                    r#fn: String,
                    #[py(name = "None", default = "\"#\n'''")] none: String,
                ) -> String { r#fn + &none }"###,
            ),
            (
                r#"hidden, session, max_concurrency = 2, metadata(owner = "us", "cost" = 1 + 2)"#,
                r"fn words(
                    #[py(state)] db: &Db,
                    session: &Session,
                    text: String,
                ) -> impl Stream<Item = Result<String, Error>> + Send { stream(db, session, text) }",
            ),
            ("blocking", "fn wait(#[py(state)] door: &Door) -> Outcome<u8, String> { door.pass() }"),
            (
                r#"prefix = "counter.", crate = some::path"#,
                r#"impl Counter {
                    const STEP: i64 = 1;
                    pub fn new() -> Self { Self }
                    /// Counts on.
                    #[cfg(test)]
                    async fn increment(&self, #[py(default = Self::STEP)] by: i64) -> Vec<Self> { self.add(by) }
                    #[tool(name = "reset", blocking)]
                    fn start_again(&self, context: &ToolContext) {}
                    #[py(skip)]
                    fn add<T>(&mut self, by: T) -> T { by }
                }"#,
            ),
        ],
    ),
    (
        elixir::elixir_style_tool,
        &[
            (
                r#"name = "parse", description = "Parses.", exposed_to_python = true, timeout = "5s", metadata(a = 1)"#,
                r"pub async fn parse_json(
                    Parse { text }: Parse,
                    session: &Session,
                    #[py(state)] db: &Db,
                ) -> Outcome<Parsed, Reason> { db.parse(session, text) }",
            ),
            (
                r#"prefix = "validation.", exposed_to_python = false, crate = some::path"#,
                r#"/// A service.
                pub trait Validation: Send {
                    /// Checks.
                    #[py(name = "check", metadata("b" = "c"))]
                    async fn validate(&self, params: Schema, context: &ToolContext) -> Outcome<Report>;
                    #[cfg(test)]
                    fn count(&self, _: Params) -> u64 { 0 }
                    async fn wait(&self, params: Params) { later().await }
                }"#,
            ),
        ],
    ),
];

/// What tokens are replaced by, and what is put before them.
const OTHERS: &[&str] = &[
    "async",
    "fn",
    "self",
    "Self",
    "mut",
    "impl",
    "dyn",
    "trait",
    "where",
    "const",
    "unsafe",
    "extern",
    "static",
    "r#type",
    "größe",
    "ŉ",
    "new",
    "Option",
    "Result",
    "Stream",
    "Item",
    "py",
    "cfg",
    "doc",
    "skip",
    "state",
    "blocking",
    "metadata",
    "exposed_to_python",
    "Session",
    "&mut self",
    "retry",
    "window",
    "default",
    "manifest",
    "_",
    "0",
    "1.5",
    "340282366920938463463374607431768211456",
    "\"\"",
    "\"1s\"",
    "\"\\u{0}\"",
    "b\"x\"",
    "c\"x\"",
    "'c'",
    "'a",
    "&",
    "<",
    ">",
    ",",
    ";",
    ":",
    "::",
    "=",
    "->",
    "#",
    "!",
    "?",
    "+",
    "..",
    "...",
    "()",
    "[]",
    "{}",
    "(a, b)",
    "[u8]",
    "#[py(name = \"a\")]",
    "#[py]",
    "<T>",
    "-> u8",
];

#[derive(Debug, Clone, Copy)]
enum Change {
    Delete,
    Duplicate,
    SwapWithNext,
    /// As `macro_rules!` hands on what it has matched.
    Group,
    Replace(usize),
    Insert(usize),
}

/// A change of the token at a place, which is counted through all groups.
#[derive(Debug, Clone, Copy)]
struct Mutation {
    of_attribute: bool,
    place: prop::sample::Index,
    change: Change,
}

impl Mutation {
    fn apply(self, tokens: TokenStream) -> TokenStream {
        match count(&tokens) {
            0 => self.change.at(vec![], 0),
            count => self.within(tokens, &mut self.place.index(count)),
        }
    }

    fn within(self, tokens: TokenStream, left: &mut usize) -> TokenStream {
        let mut trees: Vec<TokenTree> = tokens.into_iter().collect();
        for index in 0..trees.len() {
            if *left == 0 {
                // No other token is the one that is meant.
                *left = usize::MAX;
                return self.change.at(trees, index);
            }
            *left -= 1;
            if let TokenTree::Group(group) = &trees[index] {
                let inner = count(&group.stream());
                if *left < inner {
                    trees[index] = Group::new(group.delimiter(), self.within(group.stream(), left)).into();
                    return trees.into_iter().collect();
                }
                *left -= inner;
            }
        }
        trees.into_iter().collect()
    }
}

impl Change {
    fn at(self, mut trees: Vec<TokenTree>, index: usize) -> TokenStream {
        let other = |index: usize| OTHERS[index].parse::<TokenStream>().unwrap();
        let here = index.min(trees.len())..(index + 1).min(trees.len());
        match self {
            Self::Delete => drop(trees.splice(here, [])),
            Self::Duplicate => {
                let twice = trees[here.clone()].to_vec();
                drop(trees.splice(here.end..here.end, twice));
            }
            Self::SwapWithNext if index + 1 < trees.len() => trees.swap(index, index + 1),
            Self::SwapWithNext => {}
            Self::Group => {
                let inner = trees[here.clone()].iter().cloned().collect();
                drop(trees.splice(here, [Group::new(Delimiter::None, inner).into()]));
            }
            Self::Replace(replacement) => drop(trees.splice(here, other(replacement))),
            Self::Insert(inserted) => drop(trees.splice(here.start..here.start, other(inserted))),
        }
        trees.into_iter().collect()
    }
}

fn count(tokens: &TokenStream) -> usize {
    let counts = tokens.clone().into_iter().map(|tree| match tree {
        TokenTree::Group(group) => 1 + count(&group.stream()),
        _ => 1,
    });
    counts.sum()
}

fn mutations() -> impl Strategy<Value = Vec<Mutation>> {
    let change = prop_oneof![
        Just(Change::Delete),
        Just(Change::Duplicate),
        Just(Change::SwapWithNext),
        Just(Change::Group),
        (0..OTHERS.len()).prop_map(Change::Replace),
        (0..OTHERS.len()).prop_map(Change::Insert),
    ];
    let mutation = (prop::bool::weighted(0.3), any::<prop::sample::Index>(), change)
        .prop_map(|(of_attribute, place, change)| Mutation { of_attribute, place, change });
    prop::collection::vec(mutation, 0..4)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn whatever_becomes_of_an_item_it_is_expanded_or_explained(
        the_macro in any::<prop::sample::Index>(),
        example in any::<prop::sample::Index>(),
        mutations in mutations(),
    ) {
        let (expand, examples) = the_macro.get(MACROS);
        let (attribute, item) = example.get(examples);
        let (mut attribute, mut item): (TokenStream, TokenStream) = (attribute.parse().unwrap(), item.parse().unwrap());
        for mutation in mutations {
            let mutated = if mutation.of_attribute { &mut attribute } else { &mut item };
            *mutated = mutation.apply(std::mem::take(mutated));
        }
        let expanded = expand(attribute, &item);
        let explained = expanded.to_string().contains("compile_error");
        prop_assert!(explained || syn::parse2::<syn::File>(expanded.clone()).is_ok(), "{}", expanded);
    }
}

#[test]
fn what_is_right_is_expanded_without_a_complaint() {
    for (expand, examples) in MACROS {
        for (attribute, item) in *examples {
            let expanded = expand(attribute.parse().unwrap(), &item.parse().unwrap()).to_string();
            assert!(!expanded.contains("compile_error"), "{expanded}");
        }
    }
}
