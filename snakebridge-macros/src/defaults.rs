//! Whether a default fits what it is for, as far as tokens show: what they do not is the compiler's.

use syn::{Expr, ExprLit, ExprUnary, Ident, Lit, Type, UnOp};

use crate::diag::Diagnostics;
use crate::types;

/// What a literal is, and what the name of a type says that its values are.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Bool,
    Integer,
    Float,
    Text,
    Character,
}

impl Kind {
    fn of_literal(expression: &Expr) -> Option<Self> {
        match expression {
            Expr::Group(group) => Self::of_literal(&group.expr),
            Expr::Paren(paren) => Self::of_literal(&paren.expr),
            Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => Self::of_literal(expr),
            Expr::Lit(ExprLit { lit, .. }) => match lit {
                Lit::Bool(_) => Some(Self::Bool),
                // `1f64` is one too.
                Lit::Int(number) if matches!(number.suffix(), "f32" | "f64") => Some(Self::Float),
                Lit::Int(_) => Some(Self::Integer),
                Lit::Float(_) => Some(Self::Float),
                Lit::Str(_) => Some(Self::Text),
                Lit::Char(_) => Some(Self::Character),
                _ => None,
            },
            _ => None,
        }
    }

    fn of_type(ty: &Type) -> Option<Self> {
        let Type::Path(path) = types::referenced(ty) else { return None };
        let name = path.path.get_ident()?.to_string();
        match name.as_str() {
            "bool" => Some(Self::Bool),
            "i8" | "i16" | "i32" | "i64" | "i128" | "isize" | "u8" | "u16" | "u32" | "u64" | "u128" | "usize" => {
                Some(Self::Integer)
            }
            "f32" | "f64" => Some(Self::Float),
            "str" | "String" => Some(Self::Text),
            "char" => Some(Self::Character),
            _ => None,
        }
    }

    fn named(self) -> &'static str {
        match self {
            Self::Bool => "a bool",
            Self::Integer => "an integer",
            Self::Float => "a float",
            Self::Text => "a text",
            Self::Character => "a character",
        }
    }
}

/// Reports a literal that is no value of `ty`, the type of the argument `name`.
pub(crate) fn check(default: &Expr, name: &Ident, ty: &Type, diagnostics: &mut Diagnostics) {
    let (Some(given), Some(expected)) = (Kind::of_literal(default), Kind::of_type(ty)) else { return };
    if given == expected {
        return;
    }
    let hint = if (given, expected) == (Kind::Integer, Kind::Float) { "; write it with a point" } else { "" };
    let message = format!("this default is {}, and `{name}` is {}{hint}", given.named(), expected.named());
    diagnostics.report(default, message);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(default: &str, ty: &str) -> Option<String> {
        let mut diagnostics = Diagnostics::default();
        let (default, ty) = (syn::parse_str(default).unwrap(), syn::parse_str(ty).unwrap());
        check(&default, &quote::format_ident!("b"), &ty, &mut diagnostics);
        (!diagnostics.is_empty()).then(|| diagnostics.into_tokens().to_string())
    }

    #[test]
    fn a_literal_of_another_kind_is_refused() {
        for (default, ty, said) in [
            ("true", "f64", "this default is a bool, and `b` is a float"),
            ("1", "f32", "this default is an integer, and `b` is a float; write it with a point"),
            ("-1.5", "i64", "this default is a float, and `b` is an integer"),
            ("\"one\"", "u8", "this default is a text, and `b` is an integer"),
            ("'a'", "&str", "this default is a character, and `b` is a text"),
        ] {
            let message = refused(default, ty).unwrap_or_default();
            assert!(message.contains(said), "{default}: {ty}: {message}");
        }
    }

    #[test]
    fn what_fits_and_what_tokens_do_not_show_is_let_pass() {
        for (default, ty) in [
            ("1", "usize"),
            ("-(1.5)", "f64"),
            ("1f64", "f64"),
            ("\"en\"", "&str"),
            ("\"en\"", "Language"),
            ("LIMIT", "f64"),
            ("1", "Option<f64>"),
            ("1 + 1", "f64"),
        ] {
            assert_eq!(refused(default, ty), None, "{default}: {ty}");
        }
    }
}
