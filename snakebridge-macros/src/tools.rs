//! `tools![..]`: functions with `#[tool]`, by their paths.
//!
//! A name may be that of a tool, of a function without `#[tool]`, of a module that hides a tool, or of a type. No macro can
//! see which; name resolution can. So the name is imported under another one, over names of ours that are found where it has
//! none of its own:
//!
//! - A tool's function has an enum of its name beside it, in the namespace of types. Its one variant is the tool.
//! - A plain function has nothing there, and a module of ours shows through, whose contents are refused as a function.
//! - A module has other things in it, and what lies around it is found and refused as a module.
//!
//! Types cannot be asked like that: they have nothing that could be imported from them. They are told by their first letter.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Ident, Path, Token, bracketed};

use crate::diag::Diagnostics;
use crate::quoting::{moved, place_of};

/// The variant of a tool's enum.
pub(crate) const VARIANT: &str = "Tool";

/// Expands `[path of the crate] path, path, ..`.
pub(crate) fn tools(tokens: TokenStream) -> TokenStream {
    let mut diagnostics = Diagnostics::default();
    let parser = |input: ParseStream<'_>| {
        let krate;
        bracketed!(krate in input);
        let krate = Path::parse_mod_style(&krate)?;
        let mut named = Vec::new();
        while !input.is_empty() {
            match Path::parse_mod_style(input) {
                Ok(path) if input.is_empty() || input.peek(Token![,]) => named.push(path),
                Ok(path) => {
                    let name = path.segments.last().map(|last| last.ident.unraw().to_string()).unwrap_or_default();
                    let message = format!("a tool is named by its path alone: `tools![{name}]`");
                    diagnostics.push(input.error(message));
                    skip_to_comma(input)?;
                }
                Err(_) => {
                    diagnostics.push(input.error("expected the path of a function with `#[tool]`"));
                    skip_to_comma(input)?;
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok((krate, named))
    };
    match parser.parse2(tokens) {
        Ok((krate, named)) => {
            let each = named.iter().map(|path| one(&krate, path));
            let errors = diagnostics.into_tokens();
            quote!({
                #errors
                #krate::tools::Tools::new()#(.and(#each))*
            })
        }
        Err(error) => error.into_compile_error(),
    }
}

fn skip_to_comma(input: ParseStream<'_>) -> syn::Result<()> {
    while !input.is_empty() && !input.peek(Token![,]) {
        input.parse::<proc_macro2::TokenTree>()?;
    }
    Ok(())
}

/// The tools that one path names; what is wrong with it is reported at its last segment.
fn one(krate: &Path, path: &Path) -> TokenStream {
    let last = path.segments.last().map(|segment| &segment.ident);
    let place = last.map_or_else(|| place_of(path), place_of);
    let (named, variant) = (format_ident!("snakebridge_named", span = place), Ident::new(VARIANT, place));
    let (near, in_its_place) = (moved(krate, place), quote_spanned!(place=> plain as #named));
    if last.is_some_and(is_type) {
        return quote_spanned! {place=>
            {
                #[allow(unused_imports)]
                use #near::tools::generated::naming::{#in_its_place, AnyType as _, snakebridge_type};
                {
                    #[allow(deprecated, unused_imports)]
                    use #path as #named;
                    snakebridge_type(#named::#variant)
                }
            }
        };
    }
    quote_spanned! {place=>
        {
            #[allow(unused_imports)]
            use #near::tools::generated::naming::{#in_its_place, #variant, snakebridge_tool};
            {
                #[allow(deprecated, unused_imports)]
                use #path as #named;
                {
                    #[allow(unused_imports)]
                    use #named::*;
                    #[allow(deprecated)]
                    let tools = snakebridge_tool(#named, #variant);
                    tools
                }
            }
        }
    }
}

/// Whether a name is written as those of types are.
fn is_type(name: &Ident) -> bool {
    name.unraw().to_string().starts_with(char::is_uppercase)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(tokens: &TokenStream) -> String {
        tools(quote!([::snakebridge] #tokens)).to_string()
    }

    #[test]
    fn every_path_is_taken_and_a_comma_may_come_last() {
        let tokens = expanded(&quote!(add, crate::text::shout,));
        assert_eq!(tokens.matches("and").count(), 2);
        assert!(tokens.contains("use crate :: text :: shout as snakebridge_named"), "{tokens}");
        assert!(!tokens.contains("compile_error"), "{tokens}");
    }

    #[test]
    fn what_is_no_path_is_reported_and_the_others_are_still_taken() {
        let tokens = expanded(&quote!(add(), 7, shout));
        assert_eq!((tokens.matches("compile_error").count(), tokens.matches("and").count()), (2, 1), "{tokens}");
    }
}
