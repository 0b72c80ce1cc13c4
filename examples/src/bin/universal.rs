//! Python's own modules, without any adapter: values come back, what cannot travel stays, and a closure goes there.

use snakebridge::prelude::*;

#[tokio::main]
async fn main() -> Result<()> {
    let modules = ["pathlib", "collections", "itertools", "functools", "builtins", "importlib.util", "numpy"];
    let bridge = Bridge::builder().python_modules(modules).workers(1).start().await?;
    // What is to be used together belongs to one session.
    let session = bridge.session("universal").await?;

    let path: Object = session.python("pathlib").call("PurePosixPath", ("/srv", "reports", "may.csv")).await?;
    let (name, stem): (String, String) = (path.get_attribute("name").await?, path.get_attribute("stem").await?);
    let moved: ValueOrObject = path.call_method("with_suffix", (".txt",)).await?;
    println!("{name} is {stem}, and {} as a text", moved.as_value().unwrap_or(&Value::Nil));

    let letters: Object = session.python("collections").call("Counter", ("mississippi",)).await?;
    let most: Vec<(String, u64)> = letters.call_method("most_common", (2,)).await?;
    println!("{} letters, most of them {most:?}; {}", letters.len().await?, letters.repr().await?);

    let count: Object = session.python("itertools").call("count", (10, 5)).await?;
    let mut five = count.iterate::<u64>().take(5);
    while let Some(number) = five.next().await {
        print!("{} ", number?);
    }
    println!("of all numbers");

    let by_length = Callback::new(|word: String| Ok(word.len()));
    let words = args![["three", "of", "them"]].named("key", &by_length);
    let sorted: Vec<String> = session.python("builtins").call("sorted", words).await?;
    println!("sorted by Rust: {sorted:?}");

    let numpy: Option<Object> = session.python("importlib.util").call("find_spec", ("numpy",)).await?;
    if numpy.is_some() {
        let table: Object = session.python("numpy").call("arange", (6,)).await?;
        let table: Object = table.call_method("reshape", (2, 3)).await?;
        let transposed: Vec<Vec<i64>> = table.call_method("T.tolist", ()).await?;
        println!("numpy: {transposed:?} has the sum {}", table.call_method::<Value>("sum", ()).await?);
    } else {
        println!("numpy: not there");
    }

    if let Err(error) = bridge.python("subprocess").call::<Value>("run", ("true",)).await {
        println!("{}", error.kind());
    }
    session.close().await?;
    // What stayed there is gone with its session, and nothing runs.
    if let Err(error) = letters.len().await {
        println!("{}, executed: {}", error.code(), error.executed());
    }
    bridge.shutdown().await
}
