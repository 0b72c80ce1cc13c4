//! Machine learning: Python trains, Rust keeps the model, and any worker predicts with it.

use std::path::Path;

use futures::TryStreamExt;
use snakebridge::prelude::*;

use crate::ShowcaseClient;

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let (features, labels) = flowers();

    let folds: Vec<_> = tools.validate(&features, &labels, None).try_collect().await?;
    for fold in &folds {
        println!("  fold {} of {}: {:.0} % right", fold.fold, fold.of, fold.accuracy * 100.0);
    }
    assert_eq!(folds.len(), 5);

    let model = tools.train(&features, &labels).await?;
    println!("trained on {} flowers of {} species", features.len(), model.centres.len());
    let guesses = tools.predict(&model, &features).await?;
    let right = guesses.iter().zip(&labels).filter(|(guess, label)| guess == label).count();
    println!("{right} of {} are told by their measures", labels.len());
    assert!(right * 10 > labels.len() * 8, "four of five at least");

    let error = tools.train(&features, &labels[1..]).await.expect_err("one label is missing");
    println!("refused by Python: {error}");
    Ok(())
}

/// The measures of flowers, and their species.
fn flowers() -> (Vec<Vec<f64>>, Vec<String>) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/iris.csv");
    let mut reader = csv::Reader::from_path(path).expect("the data is beside the examples");
    let rows = reader.records().map(|row| {
        let row = row.expect("every line has its fields");
        let mut fields: Vec<&str> = row.iter().collect();
        let species = fields.pop().expect("the last field is the species").to_owned();
        (fields.iter().map(|field| field.parse().expect("a measure is a number")).collect(), species)
    });
    rows.unzip()
}
