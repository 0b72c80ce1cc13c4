//! What a pool loads: an adapter, or nothing where it may use modules; and which objects and modules it lets the host use.

use super::PoolBuilder;
use super::settings::configuration;
use crate::error::{Result, shown};
use crate::worker::Objects;

impl PoolBuilder {
    /// The adapter that was named, if one has to be.
    pub(super) fn one_adapter(&self) -> Result<Option<String>> {
        let Some(adapter) = self.adapters.first() else {
            if self.command.is_some() || self.objects.has_modules() {
                if self.preload {
                    return Err(configuration("`.preload(true)` without an adapter: there is nothing to import"));
                }
                return Ok(None);
            }
            return Err(configuration(
                "no adapter: name one with `.adapter(\"module:Class\")`, or `.client::<..>()` of a trait that names one; to use \
                 modules without one, allow some with `.python_modules([..])`",
            ));
        };
        if let Some(other) = self.adapters.iter().find(|other| *other != adapter) {
            return Err(configuration(&format!(
                "a pool loads one adapter, and `{adapter}` and `{other}` were named; give each a pool of its own: \
                 `.pool(\"..\", |pool| pool.adapter(\"{other}\"))`"
            )));
        }
        if !is_adapter(adapter) {
            return Err(configuration(&format!(
                "adapter `{}`: expected `module:Class` or `module`, with dots between packages",
                shown(adapter)
            )));
        }
        Ok(Some(adapter.clone()))
    }
}

/// `ident(.ident)*(:ident)?`, nothing else: what is named here becomes an import.
fn is_adapter(adapter: &str) -> bool {
    let (module, class) = adapter.split_once(':').map_or((adapter, None), |(module, class)| (module, Some(class)));
    is_module(module) && class.is_none_or(is_identifier)
}

/// What workers keep and may use for the host, if anything.
pub(super) fn checked_objects(references: bool, objects: &Objects) -> Result<Option<Objects>> {
    if !references && !objects.has_modules() {
        return Ok(None);
    }
    if objects.maximum == 0 {
        return Err(configuration("`.max_references(0)`: expected at least 1"));
    }
    match objects.modules.iter().find(|module| !is_module(module)) {
        Some(module) => Err(configuration(&format!(
            "`.python_modules([\"{}\"])`: expected the name of a module, with dots between packages",
            module.escape_debug()
        ))),
        None => Ok(Some(objects.clone())),
    }
}

fn is_module(module: &str) -> bool {
    module.split('.').all(is_identifier)
}

fn is_identifier(part: &str) -> bool {
    part.chars().next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && part.chars().all(|character| character.is_alphanumeric() || character == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_adapter_is_a_module_path_and_perhaps_a_class() {
        for good in ["text_tools", "a.b.c", "a.b:C", "_x:_Y"] {
            assert!(is_adapter(good), "{good}");
        }
        for bad in ["", "../x", "os;system", "a.b:c; import", "/etc/x", "a..b", "a:b:c", "a:b.c", "1a", "a\0"] {
            assert!(!is_adapter(bad), "{bad}");
        }
    }
}
