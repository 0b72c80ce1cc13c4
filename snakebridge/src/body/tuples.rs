//! Tuples as the positional arguments of a call: `(16.0,)`.

use serde::Serialize;

use super::Arguments;

impl From<()> for Arguments {
    fn from((): ()) -> Self {
        Self::new()
    }
}

macro_rules! from_tuples {
    ($($($name:ident)+;)+) => {
        $(
            #[allow(non_snake_case, reason = "each value is named as its type")]
            impl<$($name: Serialize),+> From<($($name,)+)> for Arguments {
                fn from(($($name,)+): ($($name,)+)) -> Self {
                    Self::new()$(.positional(&$name))+
                }
            }
        )+
    };
}
from_tuples! {
    A;
    A B;
    A B C;
    A B C D;
    A B C D E;
    A B C D E F;
    A B C D E F G;
    A B C D E F G H;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tuple_is_positional_arguments() {
        let encoded = |arguments: Arguments| arguments.finish().unwrap().body;
        assert_eq!(encoded((1, "a").into()), encoded(Arguments::new().positional(&1).positional("a")));
        assert_eq!(encoded(().into()), encoded(Arguments::new()));
    }
}
