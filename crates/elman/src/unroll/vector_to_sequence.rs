//! One vector in, a sequence out.

use burn::tensor::Tensor;

use crate::cell::{Cell, Layout, Unrolled};
use crate::error::{Error, Result};
use crate::unroll::{UnrollOptions, dynamic_rnn};

/// Unrolls `cell` over `time` steps, of which the first reads `input` `[B, F]` and all others read
/// zeros: a vector-to-sequence network, such as one that captions an image.
///
/// Outputs are `[B, T, H]`, or `[T, B, H]` as the options say.
///
/// Source: Géron (2017), chapter 14, figure 14-4 (bottom left).
///
/// ```
/// use burn::tensor::{Device, Tensor};
/// use elman::cell::GruCellConfig;
/// use elman::random::Seed;
/// use elman::unroll::{UnrollOptions, vector_to_sequence};
///
/// let device = Device::flex();
/// let cell = GruCellConfig::new(16, 5).init(Seed::new(42), &device);
/// let image = Tensor::<2>::ones([4, 16], &device);
/// let run = vector_to_sequence(&cell, image, 7, UnrollOptions::default())?;
/// assert_eq!(run.outputs.dims(), [4, 7, 5]);
/// # Ok::<(), elman::Error>(())
/// ```
///
/// # Errors
///
/// When there is no step, `input` does not fit the cell, or a length is larger than `time`.
pub fn vector_to_sequence<C: Cell>(
    cell: &C,
    input: Tensor<2>,
    time: usize,
    options: UnrollOptions<C::State>,
) -> Result<Unrolled<C::State>> {
    let [batch, features] = input.dims();
    Error::ensure_axis("input", 'F', features, cell.input_size())?;
    if time == 0 {
        return Err(Error::argument(
            "time",
            "it is 0: there is no step that could read the input",
            "give at least 1",
        ));
    }
    let (time_axis, rest) = match options.layout() {
        Layout::BatchMajor => (1, [batch, time - 1, features]),
        Layout::TimeMajor => (0, [time - 1, batch, features]),
    };
    let zeros = Tensor::<3>::zeros(rest, (&input.device(), input.dtype()));
    let first: Tensor<3> = input.unsqueeze_dim(time_axis);
    let inputs = match time {
        1 => first,
        _ => Tensor::cat(vec![first, zeros], time_axis),
    };
    dynamic_rnn(cell, inputs, options)
}

#[cfg(test)]
mod tests {
    use burn::tensor::{Device, TensorData};

    use super::*;
    use crate::cell::{Lengths, LstmCellConfig};
    use crate::random::Seed;

    #[test]
    fn the_first_step_reads_the_input_and_the_others_zeros() {
        let device = Device::flex();
        let cell = LstmCellConfig::new(3, 4).init(Seed::new(1), &device);
        let input = Tensor::<2>::from_data([[1.0_f32, -2.0, 0.5], [0.25, 3.0, -1.0]], &device);
        let run = vector_to_sequence(&cell, input.clone(), 3, UnrollOptions::default());
        let run = run.expect("the shapes fit");
        let mut state = cell.zero_state(2);
        let mut outputs: Vec<Tensor<3>> = Vec::new();
        for step in 0..3 {
            let read = match step {
                0 => input.clone(),
                _ => input.zeros_like(),
            };
            let step = cell.step(read, state).expect("the shapes fit");
            outputs.push(step.output.unsqueeze_dim(1));
            state = step.state;
        }
        let outputs: Tensor<3> = Tensor::cat(outputs, 1);
        assert_eq!(run.outputs.to_data(), outputs.to_data());
        assert_eq!(run.state.hidden.to_data(), state.hidden.to_data());
        let options = UnrollOptions::default().with_layout(Layout::TimeMajor);
        let by_time = vector_to_sequence(&cell, input, 3, options).expect("the shapes fit");
        assert_eq!(by_time.outputs.swap_dims(0, 1).to_data(), outputs.to_data());
    }

    #[test]
    fn lengths_end_the_sequences() {
        let device = Device::flex();
        let cell = LstmCellConfig::new(2, 3).init(Seed::new(1), &device);
        let input = Tensor::<2>::ones([2, 2], &device);
        let options = UnrollOptions::default().with_sequence_length(Lengths::new([1, 2]));
        let run = vector_to_sequence(&cell, input, 2, options).expect("the shapes fit");
        let after = run.outputs.slice([0..1, 1..2]).into_data();
        assert_eq!(after, TensorData::from([[[0.0_f32; 3]]]));
    }

    #[test]
    fn no_step_and_another_width_are_refused() {
        let device = Device::flex();
        let cell = LstmCellConfig::new(2, 3).init(Seed::new(1), &device);
        let refused = |width, time| {
            let input = Tensor::<2>::ones([1, width], &device);
            let run = vector_to_sequence(&cell, input, time, UnrollOptions::default());
            run.expect_err("it is refused").to_string()
        };
        assert!(refused(2, 0).contains("no step"), "{}", refused(2, 0));
        assert!(refused(5, 1).contains("F"), "{}", refused(5, 1));
    }
}
