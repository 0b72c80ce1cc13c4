//! What the tokens of a type show. Names may be aliases, so this is used only where Rust gives no better way to ask.

use proc_macro2::{Group, TokenStream, TokenTree};
use quote::{ToTokens, quote};
use syn::{GenericArgument, Lifetime, PathArguments, PathSegment, Type, TypeImplTrait, TypeParamBound};

/// The type inside of parentheses and of the invisible groups that `macro_rules!` leaves.
pub(crate) fn peel(ty: &Type) -> &Type {
    match ty {
        Type::Group(group) => peel(&group.elem),
        Type::Paren(paren) => peel(&paren.elem),
        ty => ty,
    }
}

/// The type behind a reference, or the type itself.
pub(crate) fn referenced(ty: &Type) -> &Type {
    match peel(ty) {
        Type::Reference(reference) => peel(&reference.elem),
        ty => ty,
    }
}

/// Whether the last segment of the type's path is `name`.
pub(crate) fn is_named(ty: &Type, name: &str) -> bool {
    last_segment(ty).is_some_and(|last| last.ident == name)
}

/// `impl Stream<..>`, if that is what the type is.
pub(crate) fn as_stream(ty: &Type) -> Option<&TypeImplTrait> {
    match peel(ty) {
        Type::ImplTrait(opaque) if opaque.bounds.iter().any(|bound| bound_named(bound, "Stream").is_some()) => {
            Some(opaque)
        }
        _ => None,
    }
}

/// What a type called `Result` or `Outcome` holds when all is well; any other type itself.
pub(crate) fn success(ty: &Type) -> &Type {
    held(ty, &["Result", "Outcome"])
}

/// What an `Option` holds; any other type itself.
pub(crate) fn optional(ty: &Type) -> &Type {
    held(ty, &["Option"])
}

/// The first type in the angle brackets of a type of one of these names; any other type itself.
fn held<'a>(ty: &'a Type, names: &[&str]) -> &'a Type {
    let segment = last_segment(ty).filter(|segment| names.iter().any(|name| segment.ident == name));
    segment.and_then(|segment| arguments(segment).first().copied()).unwrap_or(ty)
}

/// The name of a type, with what stands in its angle brackets.
pub(crate) fn last_segment(ty: &Type) -> Option<&PathSegment> {
    match peel(ty) {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

/// The types in the angle brackets of a name.
pub(crate) fn arguments(segment: &PathSegment) -> Vec<&Type> {
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return Vec::new() };
    let types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    types.collect()
}

/// The `Item` of `impl Stream<Item = ..>`.
pub(crate) fn stream_item(stream: &TypeImplTrait) -> Option<&Type> {
    let segment = stream.bounds.iter().find_map(|bound| bound_named(bound, "Stream"))?;
    let PathArguments::AngleBracketed(arguments) = &segment.arguments else { return None };
    arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::AssocType(item) if item.ident == "Item" => Some(&item.ty),
        _ => None,
    })
}

/// A lifetime other than `'static` among the bounds of `impl Stream<..>`.
pub(crate) fn stream_lifetime(stream: &TypeImplTrait) -> Option<&Lifetime> {
    stream.bounds.iter().find_map(|bound| match bound {
        TypeParamBound::Lifetime(lifetime) if lifetime.ident != "static" => Some(lifetime),
        _ => None,
    })
}

/// The last segment of a bound's path if it is `name`.
pub(crate) fn bound_named<'a>(bound: &'a TypeParamBound, name: &str) -> Option<&'a PathSegment> {
    match bound {
        TypeParamBound::Trait(bound) => bound.path.segments.last().filter(|last| last.ident == name),
        _ => None,
    }
}

/// The owned type that stands in for a reference to `ty`.
pub(crate) fn owned(ty: &Type) -> String {
    match peel(ty) {
        Type::Slice(slice) => format!("Vec<{}>", text(&slice.elem)),
        ty if is_named(ty, "str") => "String".to_owned(),
        ty => text(ty),
    }
}

/// The first `&` or lifetime other than `'static`: what makes a type borrow.
pub(crate) fn borrow(tokens: &impl ToTokens) -> Option<TokenStream> {
    find(tokens.to_token_stream(), &mut |tree, next| match (tree, next) {
        (TokenTree::Punct(punct), _) if punct.as_char() == '&' => Some(tree.to_token_stream()),
        (TokenTree::Punct(punct), Some(TokenTree::Ident(name))) if punct.as_char() == '\'' && name != "static" => {
            let mut lifetime = tree.to_token_stream();
            lifetime.extend([TokenTree::Ident(name.clone())]);
            Some(lifetime)
        }
        _ => None,
    })
}

/// The first `impl`: what makes an argument generic.
pub(crate) fn opaque(ty: &Type) -> Option<TokenStream> {
    find(ty.to_token_stream(), &mut |tree, _| match tree {
        TokenTree::Ident(ident) if ident == "impl" => Some(tree.to_token_stream()),
        _ => None,
    })
}

/// What `pick` says to the first token that it says something to, groups included.
fn find(
    tokens: TokenStream,
    pick: &mut impl FnMut(&TokenTree, Option<&TokenTree>) -> Option<TokenStream>,
) -> Option<TokenStream> {
    let trees: Vec<TokenTree> = tokens.into_iter().collect();
    trees.iter().enumerate().find_map(|(index, tree)| match tree {
        TokenTree::Group(group) => find(group.stream(), pick),
        tree => pick(tree, trees.get(index + 1)),
    })
}

/// The tokens with `ty` in the place of `Self`, for where `Self` would mean something else.
pub(crate) fn without_self(tokens: TokenStream, ty: &Type) -> TokenStream {
    let plain = matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.segments.iter().all(|segment| segment.arguments.is_none()));
    let mut replaced = TokenStream::new();
    for tree in tokens {
        match tree {
            TokenTree::Ident(name) if name == "Self" => {
                let named = if plain { quote!(#ty) } else { quote!(<#ty>) };
                replaced.extend(crate::quoting::moved(named, name.span()));
            }
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), without_self(group.stream(), ty));
                inner.set_span(group.span());
                replaced.extend([TokenTree::Group(inner)]);
            }
            tree => replaced.extend([tree]),
        }
    }
    replaced
}

/// The type as one would write it: `Vec<Option<f64>>`.
pub(crate) fn text(ty: &Type) -> String {
    let spaced = ty.to_token_stream().to_string();
    let mut text = String::with_capacity(spaced.len());
    let mut characters = spaced.chars().peekable();
    while let Some(character) = characters.next() {
        if !character.is_whitespace() {
            text.push(character);
            continue;
        }
        let word = |c: char| c.is_alphanumeric() || c == '_';
        let before = text.chars().next_back();
        let after = characters.peek().copied();
        let spells = before.is_some_and(|c| matches!(c, ',' | ';' | '+' | '=') || text.ends_with("->"))
            || after.is_some_and(|c| matches!(c, '+' | '=' | '-'))
            || (before.is_some_and(word) && after.is_some_and(word));
        if spells {
            text.push(' ');
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Type {
        syn::parse_str(text).unwrap()
    }

    #[test]
    fn types_are_written_as_people_write_them() {
        for written in [
            "f64",
            "Vec<Option<f64>>",
            "&'static str",
            "std::collections::HashMap<String, (i64, Bytes)>",
            "[u8; 4]",
            "Box<dyn Fn(u8) -> u8 + Send>",
            "<T as Trait>::Item",
        ] {
            let text = text(&parse(written));
            assert_eq!(text.replace('>', "> ").split_whitespace().collect::<String>(), written.replace(' ', ""));
        }
        assert_eq!(text(&parse("Vec < Option < f64 > >")), "Vec<Option<f64>>");
        assert_eq!(text(&parse("HashMap<String, (i64, Bytes)>")), "HashMap<String, (i64, Bytes)>");
    }

    #[test]
    fn what_borrows_is_found_and_what_is_static_is_not() {
        let found = |text| borrow(&parse(text)).map(|tokens| tokens.to_string());
        assert_eq!(found("Result<&str>").as_deref(), Some("&"));
        assert_eq!(found("Result<(Cow<'a, str>, u8)>").as_deref(), Some("'a"));
        assert_eq!(found("Result<Cow<'static, str>, Box<dyn Error + 'static>>"), None);
    }

    #[test]
    fn what_a_result_holds_is_found_under_any_path() {
        for (written, held) in [
            ("Result<Vec<u8>, Wrong>", "Vec<u8>"),
            ("std::io::Result<()>", "()"),
            ("Outcome<Report>", "Report"),
            ("Option<u8>", "Option<u8>"),
            ("fmt::Result", "fmt::Result"),
        ] {
            assert_eq!(text(success(&parse(written))), held);
        }
    }

    #[test]
    fn what_self_means_is_written_out() {
        let replaced =
            |ty| without_self("fn f(a: Vec<Self>, b: [u8; Self::N])".parse().unwrap(), &parse(ty)).to_string();
        assert_eq!(replaced("Counter").replace(' ', ""), "fnf(a:Vec<Counter>,b:[u8;Counter::N])");
        assert_eq!(replaced("Counter<u8>").replace(' ', ""), "fnf(a:Vec<<Counter<u8>>>,b:[u8;<Counter<u8>>::N])");
    }

    #[test]
    fn a_stream_is_known_by_its_bound_and_says_its_item() {
        let stream = parse("impl futures::Stream<Item = Result<u8>> + Send");
        let item = as_stream(&stream).and_then(stream_item).map(text);
        assert_eq!(item.as_deref(), Some("Result<u8>"));
        assert!(as_stream(&parse("impl Future<Output = u8>")).is_none());
        assert!(as_stream(&parse("impl Stream")).and_then(stream_item).is_none());
    }
}
