//! What of a trait does not fit a manifest, each at the token that does not.

use syn::Attribute;
use syn::spanned::Spanned;

use super::fit::{Way, fits};
use super::{Manifest, Parameter, Tool};
use crate::diag::{Diagnostics, did_you_mean, nearest};
use crate::python_tool::model::{Answer, Argument, Method, Passing, ToolTrait};
use crate::python_tool::shape::Shape;
use crate::types;

/// Reports everything in which the trait differs from the manifest.
pub(in crate::python_tool) fn compare(tools: &ToolTrait, manifest: &Manifest, diagnostics: &mut Diagnostics) {
    compare_adapter(tools, manifest, diagnostics);
    // A method that is there only sometimes may have its tool only sometimes: that is seen when a client is made.
    let methods = tools.methods.iter().filter(|method| !method.attributes.iter().any(is_condition));
    for method in methods {
        let name = &method.name;
        if let Some(tool) = manifest.tools.iter().find(|tool| tool.name == name.text) {
            Comparison { tool, method, file: &manifest.file }.report(diagnostics);
        } else {
            let hint = did_you_mean(&name.text, manifest.tools.iter().map(|tool| tool.name.as_str()));
            diagnostics.report_at(name.span, format!("there is no tool `{}` in `{}`{hint}", name.text, manifest.file));
        }
    }
}

fn is_condition(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg")
}

/// The modules have to be the same; the class only where both name one, since a module may have one adapter alone.
fn compare_adapter(tools: &ToolTrait, manifest: &Manifest, diagnostics: &mut Diagnostics) {
    let (Some(named), Some(described)) = (&tools.adapter, &manifest.adapter) else { return };
    let (named_parts, described_parts) = (parts(&named.text), parts(described));
    let same_class = named_parts.1.is_none() || described_parts.1.is_none() || named_parts.1 == described_parts.1;
    if named_parts.0 != described_parts.0 || !same_class {
        let message = format!("the trait is of adapter `{}`, and `{}` of `{described}`", named.text, manifest.file);
        diagnostics.report_at(named.span, message);
    }
}

fn parts(adapter: &str) -> (&str, Option<&str>) {
    adapter.split_once(':').map_or((adapter, None), |(module, class)| (module, Some(class)))
}

fn is_list_of(shape: &Shape, parameter: &Parameter) -> bool {
    match shape {
        Shape::List(item) => fits(item, &parameter.ty.schema, Way::Argument),
        shape => *shape == Shape::Unknown,
    }
}

/// One method beside its tool.
struct Comparison<'a> {
    tool: &'a Tool,
    method: &'a Method,
    file: &'a str,
}

impl Comparison<'_> {
    fn report(&self, diagnostics: &mut Diagnostics) {
        let missing = self.missing();
        let mut meant = Vec::new();
        for argument in self.named() {
            let named = |parameter: &&Parameter| !parameter.takes_anything && parameter.name == argument.name.text;
            match self.tool.parameters.iter().find(named) {
                Some(parameter) => compare_argument(argument, parameter, diagnostics),
                None if self.tool.parameters.iter().any(|parameter| parameter.takes_anything) => {}
                None => meant.extend(self.unknown(argument, &missing, diagnostics)),
            }
        }
        for parameter in missing.iter().filter(|parameter| !meant.contains(&parameter.name.as_str())) {
            let (name, python) = (&parameter.name, &parameter.ty.text);
            let message = format!(
                "`{}` needs `{name}: {python}`, which has no default in Python; add an argument",
                self.tool.name
            );
            diagnostics.report_at(self.method.name.span, message);
        }
        self.answer(diagnostics);
    }

    /// The arguments that have a name of their own in Python.
    fn named(&self) -> impl Iterator<Item = &Argument> {
        self.method.arguments.iter().filter(|argument| argument.passing != Passing::Fields)
    }

    /// Parameters that have no default and get no argument.
    fn missing(&self) -> Vec<&Parameter> {
        if self.method.arguments.iter().any(|argument| argument.passing == Passing::Fields) {
            return Vec::new();
        }
        let required = self.tool.parameters.iter().filter(|parameter| parameter.required);
        required.filter(|parameter| self.is_free(&parameter.name)).collect()
    }

    fn is_free(&self, name: &str) -> bool {
        self.named().all(|argument| argument.name.text != name)
    }

    /// Reports an argument that Python does not know, and returns the name that was meant.
    fn unknown(&self, argument: &Argument, missing: &[&Parameter], diagnostics: &mut Diagnostics) -> Option<&str> {
        let known = || self.tool.parameters.iter().map(|parameter| parameter.name.as_str());
        // A name that another argument has already is not what this one meant.
        let near = nearest(&argument.name.text, known().filter(|name| self.is_free(name)));
        let hint = match near {
            Some(near) => format!("; did you mean `{near}`?"),
            None if known().next().is_none() => "; it takes no arguments".to_owned(),
            None => format!("; it takes `{}`", known().collect::<Vec<_>>().join("`, `")),
        };
        let (tool, name) = (&self.tool.name, &argument.name.text);
        diagnostics
            .report_at(argument.name.span, format!("`{tool}` has no parameter `{name}` in `{}`{hint}", self.file));
        // Where one is missing and one is too many, they are the same.
        let strangers = self.named().filter(|argument| known().all(|name| name != argument.name.text)).count();
        let only = if let ([only], 1) = (missing, strangers) { Some(only.name.as_str()) } else { None };
        near.or(only.and_then(|only| known().find(|name| *name == only)))
    }

    fn answer(&self, diagnostics: &mut Diagnostics) {
        let (name, ident) = (&self.tool.name, &self.method.signature.ident);
        match (&self.method.answer, self.tool.streaming) {
            (Answer::Unary(_), true) => {
                let span = self.method.signature.asyncness.map_or_else(|| ident.span(), |keyword| keyword.span());
                let message =
                    format!("`{name}` is a stream in Python: write `fn {ident}(..) -> impl Stream<Item = Result<T>>`");
                diagnostics.report_at(span, message);
            }
            (Answer::Stream { stream, .. }, false) => {
                let message = format!("`{name}` is no stream in Python: write `async fn {ident}(..) -> Result<T>`");
                diagnostics.report(stream, message);
            }
            // Nobody decodes what a notification returns.
            (Answer::Unary(_), false) if self.method.options.notify => {}
            (answer, _) if fits(&answer.shape(), &self.tool.returns.schema, Way::Result) => {}
            (answer, _) => {
                let verb = if self.tool.streaming { "yields" } else { "returns" };
                let (python, value) = (&self.tool.returns.text, answer.value());
                let rust = types::text(value);
                diagnostics.report(value, format!("`{name}` {verb} `{python}` in Python, which does not fit `{rust}`"));
            }
        }
    }
}

fn compare_argument(argument: &Argument, parameter: &Parameter, diagnostics: &mut Diagnostics) {
    let name = &argument.name.text;
    let python = &parameter.ty.text;
    match (argument.passing == Passing::Stream, parameter.stream) {
        (true, false) => {
            let message = format!("`{name}` is `{python}` in Python and takes one value, no stream of them");
            diagnostics.report(&argument.ty, message);
        }
        // Python takes a list for a stream of its items.
        (false, true) if is_list_of(&argument.shape(), parameter) => {}
        (false, true) => {
            let rust = types::text(&argument.ty);
            let message =
                format!("`{name}` is `{python}` in Python, which `{rust}` does not fit: write `impl Stream<Item = T>`");
            diagnostics.report(&argument.ty, message);
        }
        _ if fits(&argument.shape(), &parameter.ty.schema, Way::Argument) => {}
        _ => {
            let rust = types::text(&argument.ty);
            let message = format!("`{name}` is `{python}` in Python, which `{rust}` does not fit");
            diagnostics.report(&argument.ty, message);
        }
    }
}
