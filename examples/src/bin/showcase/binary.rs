//! Bytes travel as they are, large ones in pieces that let small calls pass.

use std::time::Instant;

use snakebridge::prelude::*;

use crate::ShowcaseClient;

const WIDTH: usize = 64;
const HEIGHT: usize = 48;

pub(crate) async fn run(bridge: &Bridge) -> Result<()> {
    let tools: ShowcaseClient = bridge.client()?;
    let picture: Bytes = (0..WIDTH * HEIGHT).map(|pixel| (pixel % 251).to_le_bytes()[0]).collect();

    let inverted = tools.invert(picture.clone()).await?;
    assert!(picture.iter().zip(&inverted).all(|(before, after)| before + after == 255));
    let small = tools.halve(inverted, WIDTH).await?;
    assert_eq!(small.len(), (WIDTH / 2) * (HEIGHT / 2));
    println!("a picture of {} bytes became one of {}", picture.len(), small.len());

    let large = Bytes::from(vec![7; 8 << 20]);
    let begun = Instant::now();
    let (digest, pong) = tokio::try_join!(tools.checksum(large.clone()), tools.ping())?;
    println!(
        "{} bytes have the digest {}.., in {:.0?}; meanwhile: {pong}",
        large.len(),
        &digest[..16],
        begun.elapsed()
    );
    assert_eq!(digest.len(), 64);
    Ok(())
}
