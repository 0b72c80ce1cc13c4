use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};

use snakebridge::client::{ParameterDeclaration, PythonTools, Shape};
use snakebridge::prelude::*;

type Alias<T> = Result<T>;

#[python_tool]
trait Tools {
    async fn plain(&self, yes: bool, n: &u64, x: f32, text: &str, letter: char, data: &Bytes) -> Result<()>;

    async fn containers(
        &self,
        values: &[f64],
        names: HashSet<String>,
        counts: &HashMap<Cow<'_, str>, Option<u8>>,
    ) -> Result<BTreeMap<String, Vec<f64>>>;

    async fn optional(&self, by: Option<f64>, #[py(default = "m")] unit: Option<&str>) -> Result<Option<String>>;

    async fn others(&self, value: &Value, pair: (u8, u8)) -> Alias<f64>;

    fn streams(&self, words: impl Stream<Item = String>) -> impl Stream<Item = Result<Bytes>>;

    async fn fields(&self, first: u8, #[py(kwargs)] rest: &Value) -> Result<u8>;
}

fn shapes(parameters: &[ParameterDeclaration]) -> Vec<Shape> {
    parameters.iter().map(|parameter| parameter.shape).collect()
}

fn main() {
    let [plain, containers, optional, others, streams, fields] = ToolsClient::TOOLS else { panic!("six tools") };
    let all = [Shape::Bool, Shape::Int, Shape::Float, Shape::Text, Shape::Text, Shape::Bytes];
    assert_eq!(shapes(plain.parameters), all);
    assert_eq!(plain.returns, Shape::Nil);

    let counts = Shape::Map(&Shape::Text, &Shape::Optional(&Shape::Int));
    assert_eq!(shapes(containers.parameters), [Shape::List(&Shape::Float), Shape::List(&Shape::Text), counts]);
    assert_eq!(containers.returns, Shape::Map(&Shape::Text, &Shape::List(&Shape::Float)));

    // Of an argument that may be left out: what it is when it is given.
    assert_eq!(shapes(optional.parameters), [Shape::Float, Shape::Text]);
    assert_eq!(optional.parameters.iter().map(|parameter| parameter.optional).collect::<Vec<_>>(), [true, false]);
    assert_eq!(optional.returns, Shape::Optional(&Shape::Text));

    assert_eq!(shapes(others.parameters), [Shape::Unknown, Shape::Unknown]);
    assert_eq!(others.returns, Shape::Unknown);

    assert_eq!(shapes(streams.parameters), [Shape::Text]);
    assert!(streams.parameters[0].stream);
    assert_eq!(streams.returns, Shape::Bytes);

    assert_eq!(shapes(fields.parameters), [Shape::Int]);
    assert!(fields.kwargs);
}
