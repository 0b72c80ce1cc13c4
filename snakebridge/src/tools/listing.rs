//! The tools as the other side lists them: for Python as `$tools.list` answers, for language models as JSON Schema.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::Serialize;

use super::catalogue::{Catalogue, is_exposed};
use super::{Descriptor, ToolParameter};
use crate::value::Value;

/// The answer to `$tools.list`.
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
    returns: ListedReturns,
    metadata: BTreeMap<Cow<'static, str>, Value>,
}

#[derive(Serialize)]
struct ListedParameter {
    name: Cow<'static, str>,
    #[serde(rename = "type")]
    type_name: Cow<'static, str>,
    description: Cow<'static, str>,
    required: bool,
    default: Option<Value>,
    schema: Option<Value>,
}

#[derive(Serialize)]
struct ListedReturns {
    #[serde(rename = "type")]
    type_name: Cow<'static, str>,
    schema: Option<Value>,
}

impl Catalogue {
    /// What Python sees in a session, by name.
    pub(super) fn listing(&self, session: Option<&str>) -> Listing {
        let exposed = self.visible(session).into_iter().filter(|registered| is_exposed(registered));
        let tools = exposed.map(|registered| listed((*registered.descriptor).clone())).collect();
        Listing { generation: self.generation(session), tools }
    }
}

fn listed(descriptor: Descriptor) -> ListedTool {
    ListedTool {
        name: descriptor.name,
        description: descriptor.description,
        streaming: descriptor.streaming,
        parameters: descriptor.parameters.into_iter().map(listed_parameter).collect(),
        returns: ListedReturns { type_name: descriptor.returns, schema: descriptor.returns_schema },
        metadata: descriptor.metadata.into_iter().collect(),
    }
}

fn listed_parameter(parameter: ToolParameter) -> ListedParameter {
    ListedParameter {
        name: parameter.name,
        type_name: parameter.type_name,
        description: parameter.description,
        required: parameter.required,
        default: parameter.default,
        schema: parameter.schema,
    }
}
