//! The tools a bridge offers, by name.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use serde::Serialize;

use super::running::Running;
use super::{Descriptor, HostTool, States, Tools};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::manifest::nearest;
use crate::value::Value;
use crate::wire::limits::is_tool_name;

/// The system target that lists the tools.
pub(super) const LIST: &str = "$tools.list";

/// The tools of a bridge.
pub struct Registry {
    tools: HashMap<Cow<'static, str>, Registered>,
    pub(super) states: Arc<States>,
    /// What workers asked for and is not answered.
    pub(super) running: Mutex<Running>,
}

impl std::fmt::Debug for Registry {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Registry").field("tools", &self.tools.keys()).finish_non_exhaustive()
    }
}

/// A tool, and what it said about itself when it was registered.
pub(super) struct Registered {
    pub(super) descriptor: Descriptor,
    pub(super) tool: Arc<dyn HostTool>,
}

/// The answer to [`LIST`].
#[derive(Serialize)]
pub(super) struct Listing {
    generation: u64,
    tools: Vec<ListedTool>,
}

#[derive(Serialize)]
struct ListedTool {
    name: Cow<'static, str>,
    description: Cow<'static, str>,
    streaming: bool,
    parameters: Vec<ListedParameter>,
}

#[derive(Serialize)]
struct ListedParameter {
    name: Cow<'static, str>,
    #[serde(rename = "type")]
    type_name: Cow<'static, str>,
    description: Cow<'static, str>,
    required: bool,
    default: Option<Value>,
}

impl Registry {
    /// Takes tools in; refuses bad names and doubles.
    pub fn new(tools: Tools, states: States) -> Result<Self> {
        let mut by_name = HashMap::new();
        for tool in tools.tools {
            let descriptor = tool.descriptor();
            let name = descriptor.name.clone();
            if !is_tool_name(&name) {
                return Err(Error::invalid_argument(format!(
                    "`{}` is no tool name; a letter or `_` comes first, then letters, digits, `_`, `.` and `-`, at most 128",
                    name.escape_debug()
                )));
            }
            if let Some(missing) = tool.missing_states(&states).first() {
                return Err(Error::invalid_argument(format!(
                    "tool `{name}` needs a state of type `{missing}`; give the builder one with `.state(..)`"
                )));
            }
            if by_name.insert(name.clone(), Registered { descriptor, tool }).is_some() {
                return Err(Error::invalid_argument(format!(
                    "two host tools are called `{name}`; rename one with `#[tool(name = \"..\")]`"
                )));
            }
        }
        Ok(Self { tools: by_name, states: Arc::new(states), running: Mutex::default() })
    }

    /// The tool of that name, if Python may call it.
    pub(super) fn find(&self, name: &str) -> Result<&Registered> {
        let registered = self.tools.get(name).filter(|registered| registered.descriptor.exposed);
        registered.ok_or_else(|| self.not_found(name))
    }

    fn not_found(&self, name: &str) -> Error {
        let exposed = self.tools.values().filter(|registered| registered.descriptor.exposed);
        let mut known: Vec<&str> = exposed.map(|registered| &*registered.descriptor.name).collect();
        known.sort_unstable();
        let hint = match nearest(name, known.iter().copied()) {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => "the host offers no tools; give it some with `.tools(tools![..])`".to_owned(),
            None => format!("there are `{}`", known.join("`, `")),
        };
        let message = format!("no host tool `{}`; {hint}", name.escape_debug());
        Error::new(ErrorKind::ToolNotFound { message }, Executed::Never)
    }

    /// What there is, for Python.
    pub(super) fn listing(&self) -> Listing {
        let descriptors = self.tools.values().map(|registered| &registered.descriptor);
        let mut descriptors: Vec<Descriptor> = descriptors.filter(|descriptor| descriptor.exposed).cloned().collect();
        descriptors.sort_by(|one, other| one.name.cmp(&other.name));
        let tools = descriptors
            .into_iter()
            .map(|descriptor| ListedTool {
                name: descriptor.name,
                description: descriptor.description,
                streaming: descriptor.streaming,
                parameters: descriptor
                    .parameters
                    .into_iter()
                    .map(|parameter| ListedParameter {
                        name: parameter.name,
                        type_name: parameter.type_name,
                        description: parameter.description,
                        required: parameter.required,
                        default: parameter.default,
                    })
                    .collect(),
            })
            .collect();
        Listing { generation: 0, tools }
    }
}
