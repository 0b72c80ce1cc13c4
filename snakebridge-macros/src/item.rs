//! Reading the item that an attribute is on.

use proc_macro2::TokenStream;
use syn::visit_mut::{VisitMut, visit_item_mut};
use syn::{AttrStyle, Attribute, Block, Item, Result};

/// The item, with all its attributes in front of what they are about: those that are written inside of it, `#![doc = ".."]`,
/// would have no place on what is made from it.
pub(crate) fn read(tokens: &TokenStream) -> Result<Item> {
    let mut item = syn::parse2(tokens.clone())?;
    visit_item_mut(&mut Outside, &mut item);
    Ok(item)
}

struct Outside;

impl VisitMut for Outside {
    fn visit_attribute_mut(&mut self, attribute: &mut Attribute) {
        attribute.style = AttrStyle::Outer;
    }

    // What is inside of a body stays there.
    fn visit_block_mut(&mut self, _: &mut Block) {}
}

#[cfg(test)]
mod tests {
    use quote::{ToTokens, quote};

    use super::*;

    #[test]
    fn attributes_inside_of_an_item_come_to_stand_before_it_and_those_in_bodies_stay() {
        let item = read(&quote!(
            trait Tools {
                #![doc = "Tools."]                fn f() {
                    #![doc = "f"]
                    {
                        #![allow(unused)]
                    }
                }
            }
        ))
        .unwrap();
        let expected = quote!(
            #[doc = "Tools."]
            trait Tools {
                #[doc = "f"]
                fn f() {
                    {
                        #![allow(unused)]
                    }
                }
            }
        );
        assert_eq!(item.to_token_stream().to_string(), expected.to_string());
    }
}
