//! The golden vectors of the wire as inputs, and [`scenarios`] for the peer, so that no target has to find out by itself
//! what a frame looks like and which one fits behind another.

use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use crate::input::WIDE_NUMBERS;
use crate::peer::Step;
use crate::scenarios::scenarios;

/// What the vectors hold, without what is said about it.
#[derive(Debug)]
pub struct Vectors {
    /// Whole frames, those of `frames.json` and the refused ones of `invalid_frames.json`.
    frames: Vec<Vec<u8>>,
    /// Bodies, accepted and refused.
    bodies: Vec<Vec<u8>>,
}

impl Vectors {
    /// Reads `frames.json`, `invalid_frames.json` and `values.json`.
    ///
    /// # Panics
    /// When the files are not there or not of their usual form.
    pub fn read(folder: &Path) -> Self {
        let entries = |file: &str, list: &str, field: &str| -> Vec<Vec<u8>> {
            let path = folder.join(file);
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("`{}`: {error}", path.display()));
            let json: Json = serde_json::from_str(&text).expect("vectors are JSON");
            let list = json[list].as_array().expect("vectors are a list");
            list.iter().map(|entry| unhex(entry[field].as_str().expect("bytes are hexadecimal text"))).collect()
        };
        let mut frames = entries("frames.json", "frames", "frame");
        frames.extend(entries("invalid_frames.json", "invalid", "bytes"));
        let mut bodies = entries("values.json", "values", "bytes");
        bodies.extend(entries("values.json", "meaningless", "bytes"));
        bodies.extend(entries("values.json", "invalid", "bytes"));
        bodies.extend(entries("frames.json", "frames", "body"));
        Self { frames, bodies }
    }

    /// The inputs for a target.
    ///
    /// # Panics
    /// When there is no such target.
    pub fn seeds(&self, target: &str) -> Vec<Vec<u8>> {
        match target {
            "frame_decoder" => self.frame_decoder(),
            // A depth of 64, and more items than there are in any vector.
            "value_decode" => {
                self.bodies.iter().map(|body| [&[64, WIDE_NUMBERS[0], 0xff, 0xff][..], body].concat()).collect()
            }
            "handshake" => self.handshake(),
            "peer" => [self.peer(), scenarios()].concat(),
            unknown => panic!("no target is called `{unknown}`"),
        }
    }

    /// Each frame whole and byte by byte, and all together in chunks of seven.
    fn frame_decoder(&self) -> Vec<Vec<u8>> {
        let whole = self.frames.iter().map(|frame| [&[0, 0][..], frame].concat());
        let bytewise = self.frames.iter().map(|frame| [&[0, 1, 1][..], frame].concat());
        let all = [&[0, 1, 7][..], &self.frames.concat()].concat();
        whole.chain(bytewise).chain([all]).collect()
    }

    /// To a host and to a worker, with either nonce of the vectors: every frame alone, and behind the right HELLO.
    fn handshake(&self) -> Vec<Vec<u8>> {
        let mut seeds = Vec::new();
        for role in [0, 1] {
            for nonce in [0, 1] {
                // Limits are the defaults, and the magic comes without noise.
                let start = [role, nonce, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0];
                let hello = [2, 0, 0, 0, 0, 0];
                // As many bytes of noise as there may be, and one more.
                for more in [1, 2] {
                    let noise = [1, b'x', WIDE_NUMBERS[0], 0xff, 0xff, more, 0, 1, 0];
                    seeds.push([&start[..7], &noise].concat());
                }
                for frame in &self.frames {
                    let step = received(0, frame);
                    seeds.push([&start[..], &step].concat());
                    seeds.push([&start[..], &hello, &step].concat());
                }
            }
        }
        seeds
    }

    /// To a host that has made a plain call or asked for a stream, with the default window and with one that two of the
    /// vectors' items use up: every frame alone, and every four that follow one another.
    fn peer(&self) -> Vec<Vec<u8>> {
        let steps: Vec<Vec<u8>> = self.frames.iter().map(|frame| received(Step::Frame.number(), frame)).collect();
        let mut seeds = Vec::new();
        for window in [0, 128] {
            for stream in [0, 1] {
                // A host, and the limits of both sides.
                let limits = [0, 0, 0, 0, window, 0, 0, 0, 0, 0, 0];
                let call = [Step::Call.number(), stream, 1, 0];
                let start = [&limits[..], &call, &call, &call].concat();
                seeds.extend(steps.iter().map(|step| [&start[..], step].concat()));
                seeds.extend(steps.windows(4).map(|steps| [&start[..], &steps.concat()].concat()));
            }
        }
        seeds
    }
}

/// The step that receives the content of a frame.
fn received(step: u8, frame: &[u8]) -> Vec<u8> {
    let content = frame.get(4..).unwrap_or_default();
    let length = u16::try_from(content.len()).expect("vectors are small");
    [&[step, WIDE_NUMBERS[0]][..], &length.to_le_bytes(), content].concat()
}

fn unhex(text: &str) -> Vec<u8> {
    let digits = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("hexadecimal digits are ASCII");
        u8::from_str_radix(pair, 16).expect("bytes are hexadecimal text")
    };
    text.as_bytes().chunks(2).map(digits).collect()
}
