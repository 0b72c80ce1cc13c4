use snakebridge::prelude::*;

#[elixir_style_tool(metadata(
    key_0 = 0,
    key_1 = 1,
    key_2 = 2,
    key_3 = 3,
    key_4 = 4,
    key_5 = 5,
    key_6 = 6,
    key_7 = 7,
    key_8 = 8,
    key_9 = 9,
    key_10 = 10,
    key_11 = 11,
    key_12 = 12,
    key_13 = 13,
    key_14 = 14,
    key_15 = 15,
    key_16 = 16,
    key_17 = 17,
    key_18 = 18,
    key_19 = 19,
    key_20 = 20,
    key_21 = 21,
    key_22 = 22,
    key_23 = 23,
    key_24 = 24,
    key_25 = 25,
    key_26 = 26,
    key_27 = 27,
    key_28 = 28,
    key_29 = 29,
    key_30 = 30,
    key_31 = 31,
    key_32 = 32,
))]
fn count(params: Params) -> usize {
    params.iter().count()
}

fn main() {}
