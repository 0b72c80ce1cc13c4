//! `rename_all`: the ways of writing a name of several words, called what serde calls them.

/// How the words of a name are written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Case {
    Lower,
    Upper,
    Pascal,
    Camel,
    Snake,
    ScreamingSnake,
    Kebab,
    ScreamingKebab,
}

/// What each is called, which is how it looks.
pub(crate) const CASES: &[&str] = &[
    "lowercase",
    "UPPERCASE",
    "PascalCase",
    "camelCase",
    "snake_case",
    "SCREAMING_SNAKE_CASE",
    "kebab-case",
    "SCREAMING-KEBAB-CASE",
];

impl Case {
    /// The case of that name, one of [`CASES`].
    pub(crate) fn called(name: &str) -> Option<Self> {
        Some(match name {
            "lowercase" => Self::Lower,
            "UPPERCASE" => Self::Upper,
            "PascalCase" => Self::Pascal,
            "camelCase" => Self::Camel,
            "snake_case" => Self::Snake,
            "SCREAMING_SNAKE_CASE" => Self::ScreamingSnake,
            "kebab-case" => Self::Kebab,
            "SCREAMING-KEBAB-CASE" => Self::ScreamingKebab,
            _ => return None,
        })
    }

    /// The name of a Rust method in this case. As in serde, only underscores part words.
    pub(crate) fn apply(self, name: &str) -> String {
        match self {
            Self::Snake | Self::Lower => name.to_owned(),
            Self::Upper | Self::ScreamingSnake => name.to_uppercase(),
            Self::Kebab => name.replace('_', "-"),
            Self::ScreamingKebab => name.to_uppercase().replace('_', "-"),
            Self::Pascal => name.split('_').map(capitalised).collect(),
            Self::Camel => {
                let mut words = name.split('_').filter(|word| !word.is_empty());
                let first = words.next().unwrap_or_default().to_owned();
                words.fold(first, |name, word| name + &capitalised(word))
            }
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut characters = word.chars();
    characters.next().map_or_else(String::new, |first| first.to_uppercase().chain(characters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_case_is_called_what_it_looks_like() {
        let written: Vec<String> = CASES.iter().map(|name| Case::called(name).unwrap().apply("scale_all_by")).collect();
        let expected = [
            "scale_all_by",
            "SCALE_ALL_BY",
            "ScaleAllBy",
            "scaleAllBy",
            "scale_all_by",
            "SCALE_ALL_BY",
            "scale-all-by",
            "SCALE-ALL-BY",
        ];
        assert_eq!(written, expected);
        assert_eq!(Case::called("snakeCase"), None);
    }

    #[test]
    fn odd_underscores_lose_no_letters() {
        assert_eq!(Case::Camel.apply("_hidden__name_"), "hiddenName");
        assert_eq!(Case::Pascal.apply("_"), "");
        assert_eq!(Case::Kebab.apply("a"), "a");
    }
}
