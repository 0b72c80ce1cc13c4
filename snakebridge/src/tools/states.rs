//! What tools share, by its type.

use std::any::{Any, TypeId};
use std::collections::HashMap;
use std::sync::Arc;

/// The values that a builder was given by `.state(..)`: at most one of each type.
#[derive(Clone, Default)]
pub struct States {
    values: HashMap<TypeId, (&'static str, Arc<dyn Any + Send + Sync>)>,
}

impl States {
    /// Nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a value, and returns false when it takes the place of another of its type.
    pub fn insert<T: Send + Sync + 'static>(&mut self, value: T) -> bool {
        let entry = (std::any::type_name::<T>(), Arc::new(value) as Arc<dyn Any + Send + Sync>);
        self.values.insert(TypeId::of::<T>(), entry).is_none()
    }

    /// The value of this type.
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let (_, value) = self.values.get(&TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok()
    }

    /// Whether there is a value of this type.
    pub fn has<T: Send + Sync + 'static>(&self) -> bool {
        self.values.contains_key(&TypeId::of::<T>())
    }
}

impl std::fmt::Debug for States {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.values.values().map(|(name, _)| name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_one_value_of_a_type() {
        let mut states = States::new();
        assert!(states.insert(1_u8) && states.insert("text".to_owned()));
        assert!(!states.insert(2_u8), "the first gives way");
        assert_eq!(states.get::<u8>().as_deref(), Some(&2));
        assert!(states.has::<String>() && !states.has::<u16>());
        assert_eq!(states.get::<u16>(), None);
    }
}
