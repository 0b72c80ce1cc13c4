//! Which tools there are: those for everybody, and those of each session.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use super::limited::limited;
use super::{Descriptor, HostTool, States, Tools};
use crate::error::{Error, ErrorKind, Executed, Result, shown};
use crate::manifest::nearest;
use crate::wire::limits::is_tool_name;

/// How many names of tools a message lists at most.
const LISTED: usize = 20;

/// A tool, and what it said about itself when it was registered.
#[derive(Clone)]
pub(super) struct Registered {
    pub(super) descriptor: Arc<Descriptor>,
    pub(super) tool: Arc<dyn HostTool>,
}

/// The tools of one owner.
#[derive(Default)]
struct Shelf {
    tools: BTreeMap<Cow<'static, str>, Registered>,
    /// The generation in which the first came.
    opened: u64,
    /// The generation of the last change.
    generation: u64,
}

/// The tools that a bridge offers, to everybody and to each of its sessions.
///
/// A session's tool hides a global one of the same name. Every change counts up one generation, so that a session's id
/// and the generation that applies to it name one list of tools for good: whoever has that list need not ask for it.
#[derive(Default)]
pub(super) struct Catalogue {
    global: Shelf,
    sessions: HashMap<Arc<str>, Shelf>,
    generation: u64,
}

impl Catalogue {
    /// Adds tools for everybody: all of them, or none and the reason.
    pub(super) fn register_global(&mut self, tools: Tools, states: &States) -> Result<()> {
        let added = Addition::check(tools, &self.global.tools, states)?;
        if let Some(name) = added.of_session() {
            return Err(Error::invalid_argument(format!(
                "tool `{name}` belongs to a session; register it with `session.register(tools![..])`"
            )));
        }
        if !added.0.is_empty() {
            self.generation += 1;
            self.global.add(added, self.generation);
        }
        Ok(())
    }

    /// Adds tools for one session: all of them, or none and the reason.
    pub(super) fn register(&mut self, session: &str, tools: Tools, states: &States) -> Result<()> {
        let none = BTreeMap::new();
        let present = self.sessions.get(session).map_or(&none, |shelf| &shelf.tools);
        let added = Addition::check(tools, present, states)?;
        if !added.0.is_empty() {
            self.generation += 1;
            self.sessions.entry(session.into()).or_default().add(added, self.generation);
        }
        Ok(())
    }

    /// Takes a tool away from a session; returns whether it was there. A global one that it hid is seen again.
    pub(super) fn unregister(&mut self, session: &str, name: &str) -> bool {
        let Some(shelf) = self.sessions.get_mut(session) else { return false };
        let removed = shelf.tools.remove(name).is_some();
        if removed {
            self.generation += 1;
            // An empty shelf stays: its generation tells the session's lists apart.
            shelf.generation = self.generation;
        }
        removed
    }

    /// A session has ended, and its tools with it.
    pub(super) fn forget(&mut self, session: &str) {
        let opened = self.sessions.remove(session).map(|shelf| shelf.opened);
        if opened.is_some_and(|opened| opened < self.global.generation) {
            // A later session of that name would see global tools alone in a generation in which this one saw both.
            self.generation += 1;
            self.global.generation = self.generation;
        }
    }

    /// The generation of what a session sees; 0 when nothing was ever registered for it.
    pub(super) fn generation(&self, session: Option<&str>) -> u64 {
        self.shelf(session).map_or(0, |shelf| shelf.generation).max(self.global.generation)
    }

    /// The tool of that name, whether Python sees it or not.
    pub(super) fn find(&self, session: Option<&str>, name: &str) -> Result<&Registered> {
        self.lookup(session, name).ok_or_else(|| self.not_found(session, name, |_| true))
    }

    /// The tool of that name, if Python may call it. A hidden one is, to Python, not there.
    pub(super) fn find_exposed(&self, session: Option<&str>, name: &str) -> Result<&Registered> {
        let found = self.lookup(session, name).filter(|found| is_exposed(found));
        found.ok_or_else(|| self.not_found(session, name, is_exposed))
    }

    /// What a session sees, by name.
    pub(super) fn visible(&self, session: Option<&str>) -> Vec<&Registered> {
        let mut seen: BTreeMap<&str, &Registered> = BTreeMap::new();
        for shelf in [Some(&self.global), self.shelf(session)].into_iter().flatten() {
            seen.extend(shelf.tools.iter().map(|(name, registered)| (&**name, registered)));
        }
        seen.into_values().collect()
    }

    fn shelf(&self, session: Option<&str>) -> Option<&Shelf> {
        self.sessions.get(session?)
    }

    fn lookup(&self, session: Option<&str>, name: &str) -> Option<&Registered> {
        let own = self.shelf(session).and_then(|shelf| shelf.tools.get(name));
        own.or_else(|| self.global.tools.get(name))
    }

    fn not_found(&self, session: Option<&str>, name: &str, seen: impl Fn(&Registered) -> bool) -> Error {
        let visible = self.visible(session).into_iter().filter(|registered| seen(registered));
        let known: Vec<&str> = visible.map(|registered| &*registered.descriptor.name).collect();
        let listed = known[..known.len().min(LISTED)].join("`, `");
        let more =
            known.len().checked_sub(LISTED + 1).map(|more| format!(" and {} more", more + 1)).unwrap_or_default();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`? (known: `{listed}`{more})"),
            None if known.is_empty() => "the host offers no tools; give it some with `.tools(tools![..])`".to_owned(),
            None => format!("there are `{listed}`{more}"),
        };
        let message = format!("no host tool `{}`; {hint}", shown(name));
        Error::new(ErrorKind::ToolNotFound { message }, Executed::Never)
    }
}

pub(super) fn is_exposed(registered: &Registered) -> bool {
    registered.descriptor.exposed
}

impl Shelf {
    fn add(&mut self, Addition(added): Addition, generation: u64) {
        if self.opened == 0 {
            self.opened = generation;
        }
        self.tools.extend(added);
        self.generation = generation;
    }
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let sessions = self.sessions.iter().map(|(session, shelf)| (session, shelf.tools.keys().collect::<Vec<_>>()));
        f.debug_struct("Catalogue")
            .field("global", &self.global.tools.keys().collect::<Vec<_>>())
            .field("sessions", &sessions.collect::<HashMap<_, _>>())
            .finish_non_exhaustive()
    }
}

/// Tools that fit together and to those that are there.
struct Addition(BTreeMap<Cow<'static, str>, Registered>);

impl Addition {
    fn check(tools: Tools, present: &BTreeMap<Cow<'static, str>, Registered>, states: &States) -> Result<Self> {
        let mut added = BTreeMap::new();
        for tool in tools.tools {
            let descriptor = Arc::new(tool.descriptor());
            let name = descriptor.name.clone();
            if !is_tool_name(&name) {
                return Err(Error::invalid_argument(format!(
                    "`{}` is no tool name; a letter or `_` comes first, then letters, digits, `_`, `.` and `-`, at most 128",
                    shown(&name)
                )));
            }
            if let Some(limit) = descriptor.metadata_limit.filter(|&limit| descriptor.metadata_bytes() > limit) {
                return Err(Error::invalid_argument(format!(
                    "tool `{name}` has {} bytes of metadata, and at most {limit} are allowed; say less about it",
                    descriptor.metadata_bytes()
                )));
            }
            if let Some(missing) = tool.missing_states(states).first() {
                return Err(Error::invalid_argument(format!(
                    "tool `{name}` needs a state of type `{missing}`; give the builder one with `.state(..)`"
                )));
            }
            if present.contains_key(&name) {
                return Err(Error::invalid_argument(format!(
                    "there is a host tool `{name}` already; unregister it first, or rename one with `#[tool(name = \"..\")]`"
                )));
            }
            let tool = limited(tool, &descriptor);
            if added.insert(name.clone(), Registered { descriptor, tool }).is_some() {
                return Err(Error::invalid_argument(format!(
                    "two host tools are called `{name}`; rename one with `#[tool(name = \"..\")]`"
                )));
            }
        }
        Ok(Self(added))
    }

    /// One that cannot be for everybody.
    fn of_session(&self) -> Option<&str> {
        self.0.values().find(|added| added.descriptor.session).map(|added| &*added.descriptor.name)
    }
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
