//! Lies about the items of a stream.

use snakebridge::wire::Header;
use snakebridge::{Bytes, body};

use crate::frames::{Answer, frame};

pub(crate) fn lies(lie: &str, answer: Answer) -> Option<Vec<u8>> {
    let id = answer.id;
    let item = |sequence| answer.item(sequence, &[1]);
    let large = |length| body::encode(&Bytes::from(vec![0; length])).unwrap_or_default();
    Some(match lie {
        "item for a call" => item(0),
        "nothing but an end" => answer.end(0),
        "gap" => [item(0), item(2)].concat(),
        "repeat" => [item(0), item(0)].concat(),
        "regress" => [item(0), item(1), item(0)].concat(),
        "begins late" => item(1),
        "wrong count" => [item(0), answer.end(2)].concat(),
        "item after the end" => [item(0), answer.end(1), item(1)].concat(),
        "reserved flag of an item" => frame(&Header::Item { id, stream: 0, sequence: 0, flags: 4, total: None }, &[1]),
        "item of an argument" => frame(&Header::Item { id, stream: 1, sequence: 0, flags: 0, total: None }, &[1]),
        "thousand at once" => (0..1000u64)
            .flat_map(|number| answer.item(number, &body::encode(&number).unwrap_or_default()))
            .chain(answer.end(1000))
            .collect(),
        "without credit" => {
            let blob = large(100_000);
            (0..10).flat_map(|number| answer.item(number, &blob)).collect()
        }
        "announced without credit" => {
            let blob = large(300_000);
            let part = |fragment| frame(&Header::Part { id, stream: 0 }, fragment);
            let fragments: Vec<u8> = blob.chunks(65_536).flat_map(part).collect();
            let announced = |number| answer.large_item(number, blob.len() as u64);
            (0..2).flat_map(|number| [announced(number), fragments.clone()].concat()).collect()
        }
        "item that stops" => [item(0), answer.large_item(1, 100_000), answer.part(50_000)].concat(),
        "item inside an item" => [answer.large_item(0, 100_000), answer.part(50_000), item(1)].concat(),
        "end inside an item" => [answer.large_item(0, 100_000), answer.part(50_000), answer.end(1)].concat(),
        "item longer than announced" => [answer.large_item(0, 100_000), answer.part(65_536).repeat(2)].concat(),
        "error inside an item" => {
            let error = Header::Error { id, code: "tool", executed: snakebridge::error::Executed::Yes };
            [item(0), answer.large_item(1, 100_000), answer.part(50_000), frame(&error, &[])].concat()
        }
        _ => return None,
    })
}
