// What a module with tools imports.

export { HostToolError, ToolError } from "./errors.js";
export { Extension, Float } from "./msgpack.js";
export { tool } from "./tools.js";
