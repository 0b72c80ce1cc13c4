//! Whether a typed client fits what the workers offer: names, streaming, what tokens show of the types, and the types'
//! JSON Schemas where they have one.

use super::fit::{DEPTH, Steps, Way, fits};
use super::schemas::{Schema, misfit};
use super::{ParameterDeclaration, Schemas, Shape, ToolDeclaration, ToolSchemas};
use crate::error::{Error, ErrorKind, Executed, Result};
use crate::manifest::{Manifest, Parameter, Tool, nearest};
use crate::value::Value;

/// Names everything in which a client differs from the manifest.
pub(super) fn check(manifest: &Manifest, tools: &[ToolDeclaration], schemas: &Schemas, client: &str) -> Result<()> {
    let mut misfits = Vec::new();
    for declared in tools {
        match manifest.tool(declared.name) {
            Some(tool) => {
                let schemas = schemas.tool(declared.name);
                Comparison { declared, tool, schemas, misfits: &mut misfits }.compare();
            }
            None => {
                misfits.push(format!("there is no tool `{}`{}", declared.name, hint(manifest.nearest(declared.name))));
            }
        }
    }
    if misfits.is_empty() {
        return Ok(());
    }
    let message = format!("`{client}` does not fit adapter `{}`: {}", manifest.adapter, misfits.join("; "));
    Err(Error::new(ErrorKind::ManifestMismatch { message }, Executed::Never))
}

/// One tool, as the client declares it and as the workers have it.
struct Comparison<'a> {
    declared: &'a ToolDeclaration,
    tool: &'a Tool,
    schemas: Option<&'a ToolSchemas>,
    misfits: &'a mut Vec<String>,
}

impl Comparison<'_> {
    fn compare(mut self) {
        for parameter in self.declared.parameters {
            let named = |known: &&Parameter| !known.takes_anything() && known.name == parameter.name;
            match self.tool.parameters.iter().find(named) {
                Some(known) => self.argument(parameter, known),
                None if self.takes_anything() => {}
                None => {
                    let near = nearest(parameter.name, self.tool.parameters.iter().map(|known| known.name.as_str()));
                    self.misfit(format_args!("has no parameter `{}`{}", parameter.name, hint(near)));
                }
            }
        }
        match self.schemas.and_then(|schemas| schemas.fields.as_ref()) {
            Some(fields) => self.fields(Schema::whole(fields)),
            None if self.declared.kwargs => {}
            None => self.missing(|_| false),
        }
        self.answer();
    }

    fn misfit(&mut self, what: std::fmt::Arguments<'_>) {
        self.misfits.push(format!("`{}` {what}", self.declared.name));
    }

    fn takes_anything(&self) -> bool {
        self.tool.parameters.iter().any(Parameter::takes_anything)
    }

    fn declares(&self, name: &str) -> bool {
        self.declared.parameters.iter().any(|parameter| parameter.name == name)
    }

    fn argument(&mut self, declared: &ParameterDeclaration, known: &Parameter) {
        let (name, python) = (declared.name, &known.type_name);
        match (declared.stream, known.stream) {
            (true, false) => {
                self.misfit(format_args!("takes one value as `{name}`, which is `{python}` in Python, and no stream"));
            }
            // Python takes a list for a stream of its items; what the items are is known by the shape alone.
            (false, true) => match declared.shape {
                Shape::List(item) if shape_fits(item, known.schema.as_ref(), Way::Argument) => {}
                Shape::Unknown => {}
                shape => {
                    self.misfit(format_args!("takes a stream as `{name}`, which is `{python}` in Python: {shape}"));
                }
            },
            _ if !shape_fits(&declared.shape, known.schema.as_ref(), Way::Argument) => {
                let shape = declared.shape;
                self.misfit(format_args!("takes `{python}` as `{name}` in Python, which {shape} does not fit"));
            }
            _ => {
                let made = self.schemas.and_then(|schemas| schemas.of(name));
                if let Some(why) = made.zip(known.schema.as_ref()).and_then(|(made, taken)| misfit(made, taken)) {
                    self.misfit(format_args!(
                        "takes `{python}` as `{name}` in Python, and the client's is none: {why}"
                    ));
                }
            }
        }
    }

    /// The fields of a struct whose schema is known are arguments like the others.
    fn fields(&mut self, fields: Schema<'_>) {
        for name in fields.required() {
            match self.tool.parameters.iter().find(|known| !known.takes_anything() && known.name == name) {
                Some(known) => {
                    let taken = known.schema.as_ref().map(Schema::whole);
                    let made = fields.property(name);
                    if let Some(why) =
                        made.zip(taken).and_then(|(made, taken)| made.misfit(taken, &Steps::new(), DEPTH))
                    {
                        let python = &known.type_name;
                        self.misfit(format_args!(
                            "takes `{python}` as `{name}` in Python, and the field is none: {why}"
                        ));
                    }
                }
                None if self.takes_anything() => {}
                None => {
                    let near = nearest(name, self.tool.parameters.iter().map(|known| known.name.as_str()));
                    self.misfit(format_args!("has no parameter `{name}`{}", hint(near)));
                }
            }
        }
        self.missing(|name| !fields.is_closed() || fields.property(name).is_some());
    }

    /// Parameters without a default that get nothing, neither from an argument nor otherwise.
    fn missing(&mut self, is_given: impl Fn(&str) -> bool) {
        for known in self.tool.parameters.iter().filter(|known| known.required) {
            if !self.declares(&known.name) && !is_given(&known.name) {
                let (name, python) = (&known.name, &known.type_name);
                self.misfit(format_args!("needs `{name}: {python}`, which the client never gives"));
            }
        }
    }

    fn answer(&mut self) {
        let (name, returns) = (self.declared.name, &self.tool.returns);
        let python = &returns.type_name;
        match (self.declared.streaming, self.tool.streaming) {
            (false, true) => {
                self.misfit(format_args!("is a stream in Python; declare `fn {name}(..) -> impl Stream<..>`"));
            }
            (true, false) => {
                self.misfit(format_args!("is no stream in Python; declare `async fn {name}(..) -> Result<..>`"));
            }
            // Nobody decodes what a notification returns.
            _ if self.declared.notify => {}
            _ if !shape_fits(&self.declared.returns, returns.schema.as_ref(), Way::Result) => {
                let shape = self.declared.returns;
                self.misfit(format_args!("gives `{python}` in Python, which does not fit {shape}"));
            }
            _ => {
                let taken = self.schemas.and_then(|schemas| schemas.returns.as_ref());
                if let Some(why) = returns.schema.as_ref().zip(taken).and_then(|(made, taken)| misfit(made, taken)) {
                    self.misfit(format_args!(
                        "gives `{python}` in Python, which does not fit the client's type: {why}"
                    ));
                }
            }
        }
    }
}

fn shape_fits(shape: &Shape, schema: Option<&Value>, way: Way) -> bool {
    schema.is_none_or(|schema| fits(shape, schema, way))
}

fn hint(near: Option<&str>) -> String {
    near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    /// A manifest with one tool `draw`.
    fn manifest(parameters: &Json, returns: &Json, streaming: bool) -> Manifest {
        let json = json!({
            "format": 1, "adapter": "tools:Tools", "name": "Tools",
            "tools": [{"name": "draw", "streaming": streaming, "parameters": parameters, "returns": returns}],
        });
        serde_json::from_value(json).unwrap()
    }

    fn given(name: &str, schema: &Json) -> Json {
        json!({"name": name, "type": "T", "schema": schema, "required": true, "kind": "positional_or_keyword"})
    }

    fn number() -> Json {
        json!({"type": "number"})
    }

    /// The declaration of a call of `draw`. Tests may leak.
    fn draw<const N: usize>(parameters: [ParameterDeclaration; N]) -> ToolDeclaration {
        ToolDeclaration::call("draw").parameters(Box::leak(Box::new(parameters)))
    }

    fn value(json: &Json) -> Value {
        Value::from_serialize(json).unwrap()
    }

    /// What is said of a client that declares `draw` so.
    fn told(manifest: &Manifest, tool: ToolDeclaration, schemas: ToolSchemas) -> String {
        let mut all = Schemas::new();
        all.add(schemas);
        let told = check(manifest, &[tool], &all, "DrawClient").err().map(|error| error.to_string());
        let told = told.unwrap_or_default();
        told.split_once("`tools:Tools`: ").map_or(told.clone(), |(_, misfits)| misfits.to_owned())
    }

    fn told_of_shapes(manifest: &Manifest, tool: ToolDeclaration) -> String {
        told(manifest, tool, ToolSchemas::new("draw"))
    }

    #[test]
    fn what_fits_passes() {
        let width = json!([given("width", &number()), {"name": "dashed", "required": false}]);
        let manifest = manifest(&width, &json!({"schema": number()}), false);
        let tool = draw([ParameterDeclaration::new("width", Shape::Int)]).returns(Shape::Float);
        assert_eq!(told_of_shapes(&manifest, tool), "");
    }

    #[test]
    fn parameters_that_are_missing_unknown_or_of_another_type_are_named_together() {
        let manifest =
            manifest(&json!([given("width", &number()), given("name", &json!({"type": "string"}))]), &json!({}), false);
        let tool = draw([
            ParameterDeclaration::new("nam", Shape::Text),
            ParameterDeclaration::new("width", Shape::List(&Shape::Float)),
        ]);
        assert_eq!(
            told_of_shapes(&manifest, tool),
            "`draw` has no parameter `nam`; did you mean `name`?; `draw` takes `T` as `width` in Python, which list of \
             float does not fit; `draw` needs `name: T`, which the client never gives"
        );
        let with_kwargs = draw([]).kwargs();
        assert_eq!(told_of_shapes(&manifest, with_kwargs), "", "keyword arguments may be anything");
    }

    #[test]
    fn results_and_items_of_another_type_are_named_except_where_nobody_decodes_them() {
        let manifest = manifest(&json!([]), &json!({"type": "str", "schema": {"type": "string"}}), false);
        let tool = draw([]).returns(Shape::Nil);
        assert_eq!(told_of_shapes(&manifest, tool), "`draw` gives `str` in Python, which does not fit nothing");
        assert_eq!(told_of_shapes(&manifest, tool.notify()), "");
        let stream = ToolDeclaration::stream("draw");
        assert!(told_of_shapes(&manifest, stream).starts_with("`draw` is no stream in Python"));
    }

    #[test]
    fn a_stream_parameter_takes_a_stream_or_a_list_and_no_other_one_takes_a_stream() {
        let stream = json!({"name": "lines", "type": "Iterator[str]", "schema": {"type": "string"}, "stream": true});
        let manifest = manifest(&json!([stream, {"name": "width", "type": "float"}]), &json!({}), false);
        let stream = draw([ParameterDeclaration::new("lines", Shape::Text).stream()]);
        let list = draw([ParameterDeclaration::new("lines", Shape::List(&Shape::Text))]);
        let other_items = draw([ParameterDeclaration::new("lines", Shape::Int).stream()]);
        let text = draw([ParameterDeclaration::new("lines", Shape::Text)]);
        let no_stream = draw([ParameterDeclaration::new("width", Shape::Float).stream()]);
        assert_eq!(told_of_shapes(&manifest, stream), "");
        assert_eq!(told_of_shapes(&manifest, list), "");
        assert!(told_of_shapes(&manifest, other_items).contains("which integer does not fit"));
        assert!(told_of_shapes(&manifest, text).contains("takes a stream as `lines`"));
        assert!(told_of_shapes(&manifest, no_stream).contains("and no stream"));
    }

    #[test]
    fn schemas_tell_what_shapes_do_not() {
        let point = json!({"type": "object", "properties": {"x": number(), "y": number()}, "required": ["x", "y"]});
        let manifest = manifest(&json!([given("at", &point)]), &json!({"type": "Point", "schema": point}), false);
        let tool = draw([ParameterDeclaration::new("at", Shape::Unknown)]);
        let flat = value(&json!({"type": "object", "properties": {"x": number()}, "required": ["x"]}));
        let of_text = value(&json!({"type": "object", "properties": {"x": {"type": "string"}}, "required": ["x"]}));
        let told = |parameter: &Value, returns: &Value| {
            let schemas = ToolSchemas::new("draw").parameter("at", Some(parameter.clone()));
            told(&manifest, tool, schemas.returns(Some(returns.clone())))
        };
        assert_eq!(told(&value(&point), &flat), "", "what is not needed may come");
        assert_eq!(
            told(&flat, &of_text),
            "`draw` takes `T` as `at` in Python, and the client's is none: `y` is missing; `draw` gives `Point` in \
             Python, which does not fit the client's type: at `x`: number for string"
        );
    }

    #[test]
    fn the_fields_of_keyword_arguments_are_compared_where_their_schema_is_known() {
        let manifest = manifest(&json!([given("width", &number()), given("name", &json!({}))]), &json!({}), false);
        let fields = |json: Json| ToolSchemas::new("draw").fields(Some(value(&json)));
        let tool = draw([]).kwargs();
        let style = json!({"properties": {"width": number(), "name": {}}, "required": ["width", "name"]});
        assert_eq!(told(&manifest, tool, fields(style)), "");
        let other = json!({"properties": {"width": {"type": "string"}, "nme": {}}, "required": ["width", "nme"]});
        assert_eq!(
            told(&manifest, tool, fields(other)),
            "`draw` takes `T` as `width` in Python, and the field is none: string for number; `draw` has no parameter \
             `nme`; did you mean `name`?; `draw` needs `name: T`, which the client never gives"
        );
        assert_eq!(told(&manifest, tool, fields(json!({"type": "object"}))), "", "a map may have any key");
    }
}
