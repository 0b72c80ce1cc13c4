//! What `tools![..]` finds where a name is no tool: see the macro's source, which says in which order.

use crate::tools::{HostTool, Tools};

/// What the name of a tool stands for.
#[diagnostic::on_unimplemented(
    message = "this is a module, and no tool",
    label = "`tools![..]` takes functions with `#[tool]`",
    note = "a module hides the tool of a function that has its name: rename one of them"
)]
pub trait NamedTool: HostTool {}

#[diagnostic::do_not_recommend]
impl<T: HostTool> NamedTool for T {}

/// What a function beside which no tool is found would have to be. Nothing is.
#[diagnostic::on_unimplemented(
    message = "this function is no tool",
    label = "put `#[tool]` on this function",
    note = "`tools![..]` takes functions with the `#[tool]` attribute"
)]
pub trait FunctionWithTool {}

/// What the name of a type would have to be.
#[diagnostic::on_unimplemented(
    message = "this type is no tool",
    label = "`tools![..]` takes functions with `#[tool]`",
    note = "a value whose methods are tools is given as it is: `.tools(value)`"
)]
pub trait TypeWithTool: HostTool {}

#[diagnostic::do_not_recommend]
impl<T: HostTool> TypeWithTool for T {}

/// What is found where nothing is a tool.
#[derive(Debug)]
pub struct NoTool;

/// What is found around a module.
#[expect(non_upper_case_globals, reason = "it stands in for the variant of a tool's enum")]
pub const Tool: NoTool = NoTool;

/// What is found in any type.
pub trait AnyType {
    /// Found where the type is not that of a tool.
    #[expect(non_upper_case_globals, reason = "it stands in for the variant of a tool's enum")]
    const Tool: NoTool = NoTool;
}

impl<T: ?Sized> AnyType for T {}

/// The tool that a name stands for, and the function beside it.
pub fn snakebridge_tool<F, T: NamedTool>(_function: F, tool: T) -> Tools {
    Tools::new().with(tool)
}

/// The tool that a name which looks like a type's stands for.
pub fn snakebridge_type<T: TypeWithTool>(tool: T) -> Tools {
    Tools::new().with(tool)
}

/// What is found where there is no function of a name.
pub fn plain() {}

/// What is found through the name of a function that has nothing beside it.
pub mod plain {
    pub use super::Tool;
    use super::{FunctionWithTool, NoTool};
    use crate::tools::Tools;

    /// Refuses the function.
    pub fn snakebridge_tool<F: FunctionWithTool>(_function: F, _tool: NoTool) -> Tools {
        Tools::new()
    }
}
