//! What the chapter's notebook printed.

/// One row of a printed tensor: five neurons.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) tensor: &'static str,
    /// Where in the tensor: all axes but the last.
    pub(super) index: &'static [usize],
    pub(super) values: [f64; 5],
}

impl Row {
    /// As `outputs[1][0]`.
    pub(super) fn name(&self) -> String {
        let mut name = self.tensor.to_owned();
        for position in self.index {
            name += &format!("[{position}]");
        }
        name
    }
}

const fn row(tensor: &'static str, index: &'static [usize], values: [f64; 5]) -> Row {
    Row {
        tensor,
        index,
        values,
    }
}

pub(super) const MANUAL: &[Row] = &[
    row(
        "Y0",
        &[0],
        [-0.0664006, 0.9625767, 0.68105793, 0.7091854, -0.898216],
    ),
    row(
        "Y1",
        &[1],
        [-0.12210419, 0.62805265, 0.9671843, -0.9937122, -0.2583937],
    ),
];

pub(super) const STATIC: &[Row] = &[
    row(
        "Y0",
        &[0],
        [0.30741334, -0.32884315, -0.6542847, -0.9385059, 0.52089024],
    ),
    row(
        "Y1",
        &[1],
        [
            -0.6524943,
            -0.51520866,
            -0.37968948,
            -0.5922594,
            -0.08968379,
        ],
    ),
];

pub(super) const PACKED: &[Row] = &[row(
    "outputs",
    &[0, 0],
    [
        -0.45652324,
        -0.68064123,
        0.40938237,
        0.63104504,
        -0.45732826,
    ],
)];

pub(super) const DYNAMIC: &[Row] = &[row(
    "outputs",
    &[0, 0],
    [-0.85115266, 0.87358344, 0.5802911, 0.8954789, -0.0557505],
)];

pub(super) const LENGTHS: &[Row] = &[
    row(
        "outputs",
        &[0, 0],
        [-0.9123188, 0.16516446, 0.5548655, -0.39159346, 0.20846416],
    ),
    row(
        "outputs",
        &[1, 0],
        [-0.9998612, 0.6702289, 0.9723653, 0.6631046, 0.74457586],
    ),
    row("outputs", &[1, 1], [0.0; 5]),
    row(
        "state",
        &[1],
        [-0.9998612, 0.6702289, 0.9723653, 0.6631046, 0.74457586],
    ),
];
