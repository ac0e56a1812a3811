//! What must be true of every cell. Each function checks one property of one cell on many sizes
//! and gives the number of cases.

use std::num::NonZeroUsize;

use burn::module::Module;
use burn::tensor::{Bool, DType, Device, Tensor, TensorData};
use elman::cell::{Cell, Layout, Lengths, Path, Sequence, State, Unrolled};
use elman::random::Seed;
use elman::unroll::{
    LoopStart, LoopTurn, Stream, UnrollOptions, bidirectional_dynamic_rnn, dynamic_rnn, raw_rnn,
    reverse_sequence,
};

use crate::compare::relative_difference;
use crate::leaves::Driver;
use crate::specimen::{Build, Named, Sizes, Specimen, assert_same_bits, row, specimens};

/// `T` calls of `step` give what one call of `sequence` gives, bit for bit.
pub(crate) fn steps_are_the_sequence<C: Cell + Module>(build: impl Build<C>) -> usize {
    steps(build, assert_same_results)
}

/// The same up to roundings: of a cell whose sequence is a scan.
pub(crate) fn steps_are_nearly_the_sequence<C: Cell + Module>(build: impl Build<C>) -> usize {
    steps(build, assert_close_results)
}

fn steps<C: Cell + Module>(build: impl Build<C>, agree: Agree<C>) -> usize {
    let specimens = specimens("steps", build);
    for specimen in &specimens {
        let mut state = specimen.state();
        let mut outputs = Vec::new();
        for time in 0..specimen.sizes.time {
            let input = specimen.inputs().narrow(1, time, 1).squeeze_dim(1);
            let step = specimen.cell.step(input, state).expect("it fits");
            outputs.push(step.output);
            state = step.state;
        }
        agree(specimen, Tensor::stack(outputs, 1), state);
    }
    specimens.len()
}

/// A sequence cut anywhere into chunks gives what the whole gives, bit for bit. Chunks may be
/// empty.
pub(crate) fn chunks_are_the_whole<C: Cell + Module>(build: impl Build<C>) -> usize {
    chunks(build, assert_same_results)
}

/// The same up to roundings: of a cell whose sequence is a scan.
pub(crate) fn chunks_are_nearly_the_whole<C: Cell + Module>(build: impl Build<C>) -> usize {
    chunks(build, assert_close_results)
}

fn chunks<C: Cell + Module>(build: impl Build<C>, agree: Agree<C>) -> usize {
    let specimens = specimens("chunks", build);
    for specimen in &specimens {
        let time = specimen.sizes.time;
        let mut generator = Seed::new(32).generator(&format!("{:?}", specimen.sizes));
        let mut stream = Stream::from_state(&specimen.cell, specimen.state());
        let mut outputs = Vec::new();
        let mut fed = 0;
        while fed < time {
            let chunk = generator.below((time - fed) as u64 + 1) as usize;
            let inputs = match chunk {
                0 => empty(specimen.sizes.batch, specimen),
                _ => specimen.inputs().narrow(1, fed, chunk),
            };
            let output = stream.feed(inputs).expect("it fits");
            assert_eq!(output.dims()[1], chunk);
            if chunk > 0 {
                outputs.push(output);
            }
            fed += chunk;
        }
        let state = stream.state();
        agree(specimen, Tensor::cat(outputs, 1), state);
    }
    specimens.len()
}

/// Each row of a ragged batch gives what its real steps alone give, bit for bit; then come zeros.
/// A row of length 0 keeps its initial state.
pub(crate) fn rows_are_their_own_runs<C: Cell + Module>(build: impl Build<C>) -> usize {
    let mut rows = 0;
    for specimen in specimens("rows", build) {
        let specimen = specimen.ragged();
        let together = specimen.infer();
        for index in 0..specimen.sizes.batch {
            let length = specimen.length(index);
            let inputs = match length {
                0 => empty(1, &specimen),
                _ => specimen.inputs().narrow(0, index, 1).narrow(1, 0, length),
            };
            let state = specimen.state().map(|part| part.narrow(0, index, 1));
            let sequence = Sequence::batch_major(inputs);
            let alone = specimen.cell.sequence(sequence, state).expect("it fits");
            let what = format!("row {index} of {:?}", specimen.setup);
            if length > 0 {
                let outputs = row::<3>(&together[0], index, length);
                assert_same_bits(&outputs, &alone.outputs.into_data(), &what);
            }
            for (part, alone) in together[1..].iter().zip(alone.state.into_parts()) {
                assert_same_bits(&row::<2>(part, index, 1), &alone.into_data(), &what);
            }
            let padding = row::<3>(&together[0], index, specimen.sizes.time);
            let features = padding.shape()[2];
            let past = padding.iter::<f64>().skip(length * features);
            assert!(past.into_iter().all(|it| it == 0.0), "{what}: padding");
            rows += 1;
        }
    }
    rows
}

/// `[B, 0, F]`: a sequence of no steps is a sequence.
fn empty<C: Cell>(batch: usize, specimen: &Specimen<C>) -> Tensor<3> {
    let options = (&Device::flex(), specimen.setup.dtype);
    Tensor::zeros([batch, 0, specimen.cell.input_size()], options)
}

/// No rows or no steps: no outputs, and the state as it was.
pub(crate) fn nothing_gives_nothing<C: Cell + Module>(build: impl Build<C>) -> usize {
    let device = Device::flex();
    let cell = build(3, 4, DType::F32, &device);
    let sizes = [(0, 3), (2, 0), (0, 0)];
    for (batch, time) in sizes {
        for path in [Path::Auto, Path::Composed] {
            let inputs = Tensor::zeros([batch, time, cell.input_size()], &device);
            let sequence = Sequence::batch_major(inputs).with_path(path);
            let state = cell.zero_state(batch).map(|part| part + 1.5);
            let run = cell.sequence(sequence, state.clone()).expect("it fits");
            assert_eq!(run.outputs.dims(), [batch, time, cell.output_size()]);
            assert_same_state(run.state, state, &format!("B={batch}, T={time}, {path:?}"));
        }
    }
    sizes.len()
}

/// Inference and training run different kernels; they give the same bits.
pub(crate) fn inference_is_training<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("inference", build);
    for specimen in &specimens {
        let specimen = specimen.clone().ragged();
        for (found, (name, expected)) in specimen.infer().iter().zip(specimen.train()) {
            assert_same_bits(found, &expected, &format!("{name} of {:?}", specimen.setup));
        }
    }
    specimens.len()
}

/// Whatever the padding holds, NaN too: outputs, states and gradients are the same bits, and the
/// gradient of the padding is zero.
pub(crate) fn padding_never_matters<C: Cell + Module>(build: impl Build<C>) -> usize {
    let mut cases = 0;
    for specimen in specimens("padding", build) {
        let ragged = specimen.ragged();
        for clean in [
            ragged.with_path(Path::Auto),
            ragged.with_path(Path::Composed),
            ragged.with_driver(Driver::Static),
            ragged.with_driver(Driver::Static).with_path(Path::Composed),
        ] {
            let mut poisoned = clean.clone();
            let shape = clean.leaves[0].data.shape().clone();
            let mut values: Vec<f64> = clean.leaves[0].data.iter().collect();
            let padding = padding(&clean, shape[2]);
            for &index in &padding {
                values[index] = f64::NAN;
            }
            poisoned.leaves[0].data = TensorData::new(values, shape);
            let what = |name: &str| format!("{name} of {:?}", clean.setup);
            for (found, expected) in poisoned.infer().iter().zip(clean.infer()) {
                assert_same_bits(found, &expected, &what("results"));
            }
            for ((name, found), (_, expected)) in poisoned.train().iter().zip(clean.train()) {
                assert!(found.iter::<f64>().all(f64::is_finite), "{}", what(name));
                assert_same_bits(found, &expected, &what(name));
                if name == "gradient of inputs" {
                    let found: Vec<f64> = found.iter().collect();
                    assert!(padding.iter().all(|&it| found[it] == 0.0), "{}", what(name));
                }
            }
            cases += 1;
        }
    }
    cases
}

/// The indices of the padding in `[B, T, features]`.
fn padding<C: Cell + Module>(specimen: &Specimen<C>, features: usize) -> Vec<usize> {
    let time = specimen.sizes.time;
    let rows = 0..specimen.sizes.batch;
    rows.flat_map(|row| (row * time + specimen.length(row)) * features..(row + 1) * time * features)
        .collect()
}

/// The kernels give what plain Burn operations give: outputs, states and all gradients.
pub(crate) fn fused_is_composed<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("paths", build);
    for specimen in &specimens {
        let specimen = specimen.clone().ragged();
        let composed = specimen.with_path(Path::Composed).train();
        assert_close(&specimen, &specimen.train(), &composed);
    }
    specimens.len()
}

/// `static_rnn` gives what `dynamic_rnn` gives, bit for bit; gradients, summed in another order,
/// within the tolerance of [`fused_is_composed`].
pub(crate) fn static_rnn_is_dynamic_rnn<C: Cell + Module>(build: impl Build<C>) -> usize {
    static_rnn_is_nearly_dynamic_rnn(&build);
    let specimens = specimens("drivers", build);
    for specimen in &specimens {
        let dynamic = specimen.clone().ragged();
        let stepwise = dynamic.with_driver(Driver::Static);
        for (found, expected) in stepwise.infer().iter().zip(dynamic.infer()) {
            assert_same_bits(found, &expected, &format!("{:?}", dynamic.setup));
        }
    }
    specimens.len()
}

/// The same up to roundings, results too: of a cell whose sequence is a scan.
pub(crate) fn static_rnn_is_nearly_dynamic_rnn<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("drivers", build);
    for specimen in &specimens {
        let dynamic = specimen.clone().ragged();
        let stepwise = dynamic.with_driver(Driver::Static);
        assert_close(&stepwise, &stepwise.train(), &dynamic.train());
    }
    specimens.len()
}

/// Time-major is batch-major transposed: the same bits in outputs, states and gradients.
pub(crate) fn time_major_is_batch_major<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("layouts", build);
    for specimen in &specimens {
        let specimen = specimen.clone().ragged();
        let turned = specimen.with_layout(Layout::TimeMajor);
        let what = |name: &str| format!("{name} of {:?}", specimen.setup);
        for (found, expected) in turned.infer().iter().zip(specimen.infer()) {
            assert_same_bits(found, &expected, &what("results"));
        }
        for ((name, found), (_, expected)) in turned.train().iter().zip(specimen.train()) {
            assert_same_bits(found, &expected, &what(name));
        }
    }
    specimens.len()
}

/// The backward cell of a bidirectional layer reads each row's real steps from the last to the
/// first, and its outputs come in the inputs' order.
pub(crate) fn bidirectional_reads_both_ways<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("directions", &build);
    for specimen in &specimens {
        let specimen = specimen.clone().ragged();
        let cells = [
            &specimen.cell,
            &Specimen::new("other", &build, specimen.sizes, specimen.setup.dtype).cell,
        ]
        .map(Clone::clone);
        let lengths = specimen.setup.lengths.clone().expect("it is ragged");
        let options = UnrollOptions::default().with_sequence_length(lengths.clone());
        let run = bidirectional_dynamic_rnn(
            &cells[0],
            &cells[1],
            specimen.inputs(),
            options.clone().with_initial_state(specimen.state()),
            Some(specimen.state()),
        )
        .expect("it fits");
        let what = format!("{:?}", specimen.setup);
        let sequence = Sequence::batch_major(specimen.inputs());
        let sequence = sequence.with_lengths(lengths).expect("they fit");
        let reverse = |tensor| reverse_sequence(tensor, &sequence);
        let options = options.with_initial_state(specimen.state());
        let forward = dynamic_rnn(&cells[0], specimen.inputs(), options.clone()).expect("it fits");
        let inputs = reverse(specimen.inputs());
        check_reversal(&specimen, &inputs);
        let backward = dynamic_rnn(&cells[1], inputs, options).expect("it fits");
        let outputs = Tensor::cat(vec![forward.outputs, reverse(backward.outputs)], 2);
        assert_same_bits(&run.concatenated().into_data(), &outputs.into_data(), &what);
        for (found, expected) in [
            (run.forward.state, forward.state),
            (run.backward.state, backward.state),
        ] {
            assert_same_state(found, expected, &what);
        }
    }
    specimens.len()
}

/// Step `t` of a row of length `l` goes to `l - 1 - t`; the padding stays.
fn check_reversal<C: Cell + Module>(specimen: &Specimen<C>, reversed: &Tensor<3>) {
    let [batch, time, features] = reversed.dims();
    let before: Vec<f64> = specimen.inputs().into_data().iter().collect();
    let after: Vec<f64> = reversed.to_data().iter().collect();
    for row in 0..batch {
        let length = specimen.length(row);
        for step in 0..time {
            let from = if step < length {
                length - 1 - step
            } else {
                step
            };
            for feature in 0..features {
                let at = |step| (row * time + step) * features + feature;
                assert_eq!(after[at(step)], before[at(from)]);
            }
        }
    }
}

/// `raw_rnn` with a loop function that replays the inputs is `dynamic_rnn`, bit for bit; it ends
/// when the longest row does.
pub(crate) fn raw_rnn_is_dynamic_rnn<C: Cell + Module>(build: impl Build<C>) -> usize {
    raw(build, assert_same_results)
}

/// The same up to roundings: of a cell whose sequence is a scan.
pub(crate) fn raw_rnn_is_nearly_dynamic_rnn<C: Cell + Module>(build: impl Build<C>) -> usize {
    raw(build, assert_close_results)
}

fn raw<C: Cell + Module>(build: impl Build<C>, agree: Agree<C>) -> usize {
    let specimens = specimens("raw", build);
    for specimen in &specimens {
        let specimen = specimen.clone().ragged();
        let time = specimen.sizes.time;
        let finished = |at: usize| -> Tensor<1, Bool> {
            let rows = (0..specimen.sizes.batch).map(|row| at >= specimen.length(row));
            let rows: Vec<bool> = rows.collect();
            Tensor::from_data(
                TensorData::new(rows, [specimen.sizes.batch]),
                &Device::flex(),
            )
        };
        let input = |at: usize| {
            let inputs = specimen.inputs();
            inputs.narrow(1, at.min(time - 1), 1).squeeze_dim::<2>(1)
        };
        let start = LoopStart {
            finished: finished(0),
            input: input(0),
            state: specimen.state(),
            emit_size: specimen.cell.output_size(),
            loop_state: 0,
        };
        let run = raw_rnn(&specimen.cell, start, |at, step, turns: usize| {
            Ok(LoopTurn {
                finished: finished(at),
                next_input: input(at),
                next_state: step.state,
                emit: step.output,
                loop_state: turns + 1,
            })
        })
        .expect("it fits");
        assert_eq!((run.emissions.len(), run.loop_state), (time, time));
        agree(&specimen, Tensor::stack(run.emissions, 1), run.state);
    }
    specimens.len()
}

/// A cell that was saved and loaded into a newly built one is the same cell.
pub(crate) fn saved_is_loaded<C: Cell + Module>(build: impl Build<C>) -> usize {
    let specimens = specimens("records", &build);
    let folder = tempfile::tempdir().expect("a folder");
    for specimen in &specimens {
        let path = folder.path().join("cell");
        let device = Device::flex();
        let cell = specimen.cell.clone();
        cell.save_file(&path).expect("it can be written");
        let (features, units) = (specimen.sizes.features, specimen.sizes.units);
        let fresh = build(features, units, specimen.setup.dtype, &device);
        let cell = fresh.load_file(&path);
        let sequence = Sequence::batch_major(specimen.inputs());
        let run = cell.sequence(sequence, specimen.state()).expect("it fits");
        assert_same_results(specimen, run.outputs, run.state);
    }
    specimens.len()
}

/// One, two, three and eight threads give the same bits, gradients included; also where the work is
/// large enough to be split, by rows and by units. Nothing else may use the threads meanwhile: who
/// finds them busy works alone.
pub(crate) fn threads_never_matter<C: Cell + Module>(build: impl Build<C>) -> usize {
    let before = elman::threads::get();
    let mut cases = 0;
    let mut specimens = specimens("threads", &build);
    for dtype in [DType::F32, DType::F64] {
        for (batch, time, features, units) in [(33, 9, 31, 65), (1, 9, 65, 130), (4, 7, 33, 130)] {
            let sizes = Sizes {
                batch,
                time,
                features,
                units,
            };
            specimens.push(Specimen::new("threads", &build, sizes, dtype));
        }
    }
    for specimen in specimens {
        let specimen = specimen.ragged();
        let mut expected = None;
        for count in [1, 2, 3, 8] {
            elman::threads::set(NonZeroUsize::new(count).expect("not zero"));
            let found = specimen.train();
            let expected = expected.get_or_insert_with(|| found.clone());
            for ((name, found), (_, expected)) in found.iter().zip(expected.iter()) {
                let what = format!("{name} of {:?} on {count} threads", specimen.setup);
                assert_same_bits(found, expected, &what);
            }
            cases += 1;
        }
    }
    elman::threads::set(before);
    cases
}

/// What does not fit is refused with a message that says where, what and what to do.
pub(crate) fn wrong_shapes_are_refused<C: Cell + Module>(build: impl Build<C>) -> usize {
    let device = Device::flex();
    let cell = build(3, 4, DType::F32, &device);
    let inputs = |batch, features| Tensor::<3>::ones([batch, 5, features], &device);
    let options = UnrollOptions::default;
    let mut refused = Vec::new();
    let mut refuse = |run: elman::Result<Unrolled<C::State>>, message: String| {
        let Err(error) = run else {
            panic!("not refused: {message}");
        };
        refused.push((error.to_string(), message));
    };
    let remedy = "give a tensor of that size or build the cell for this one";
    let axis = |tensor: &str, axis, expected: usize, found: usize| {
        format!("{tensor}: axis {axis} must be {expected}, found {found}; {remedy}")
    };
    let features = cell.input_size();
    refuse(
        dynamic_rnn(&cell, inputs(2, features + 1), options()),
        axis("inputs", 'F', features, features + 1),
    );
    let narrow = cell.zero_state(2).map(|part| part.narrow(1, 0, 1));
    let wrong = dynamic_rnn(
        &cell,
        inputs(2, features),
        options().with_initial_state(narrow),
    );
    let width = cell.zero_state(1).into_parts()[0].dims()[1];
    let of_the_cell = wrong
        .as_ref()
        .is_err_and(|error| error.to_string().starts_with("state.cell"));
    let part = match of_the_cell {
        true => "state.cell",
        false => "state.hidden",
    };
    refuse(wrong, axis(part, 'H', width, 1));
    let state = cell.zero_state(3);
    let wrong = dynamic_rnn(
        &cell,
        inputs(2, features),
        options().with_initial_state(state),
    );
    refuse(wrong, axis("state", 'B', 2, 3));
    let with_lengths = |lengths: &[usize]| {
        let options = options().with_sequence_length(Lengths::new(lengths));
        dynamic_rnn(&cell, inputs(2, features), options)
    };
    refuse(with_lengths(&[1, 2, 3]), axis("lengths", 'B', 2, 3));
    refuse(
        with_lengths(&[5, 6]),
        "lengths[1]: is 6, but the inputs have T = 5 steps; \
         give a length between 0 and T, or inputs with more steps"
            .to_owned(),
    );
    for (found, expected) in &refused {
        assert_eq!(found, expected);
    }
    refused.len()
}

/// Equal but for the order of sums of up to 130 terms over up to 65 steps: 2e-5 is 170 roundings
/// of one unit in f32, 1e-12 is 4,500 in f64.
#[track_caller]
fn assert_close<C>(specimen: &Specimen<C>, found: &[Named], expected: &[Named]) {
    let tolerance = match specimen.setup.dtype {
        DType::F32 => 2e-5,
        _ => 1e-12,
    };
    for ((name, found), (_, expected)) in found.iter().zip(expected) {
        let difference = relative_difference(found, expected).expect("one shape");
        assert!(
            difference <= tolerance,
            "{name} of {:?} differs by {difference:.1e}",
            specimen.setup
        );
    }
}

/// Compares outputs and final state with those of the specimen's own run.
type Agree<C> = fn(&Specimen<C>, Tensor<3>, <C as Cell>::State);

/// The specimen's own run gives these numbers up to roundings.
#[track_caller]
fn assert_close_results<C: Cell + Module>(
    specimen: &Specimen<C>,
    outputs: Tensor<3>,
    state: C::State,
) {
    let named = |data| ("results".to_owned(), data);
    let mut found = vec![named(outputs.into_data())];
    found.extend(
        state
            .into_parts()
            .into_iter()
            .map(|it| named(it.into_data())),
    );
    let expected: Vec<Named> = specimen.infer().into_iter().map(named).collect();
    assert_close(specimen, &found, &expected);
}

/// The specimen's own run gives these bits.
#[track_caller]
fn assert_same_results<C: Cell + Module>(
    specimen: &Specimen<C>,
    outputs: Tensor<3>,
    state: C::State,
) {
    let what = format!("{:?}", specimen.setup);
    let expected = specimen.infer();
    assert_same_bits(&outputs.into_data(), &expected[0], &what);
    for (part, expected) in state.into_parts().into_iter().zip(&expected[1..]) {
        assert_same_bits(&part.into_data(), expected, &what);
    }
}

#[track_caller]
fn assert_same_state<S: State>(found: S, expected: S, what: &str) {
    for (found, expected) in found.into_parts().into_iter().zip(expected.into_parts()) {
        assert_same_bits(&found.into_data(), &expected.into_data(), what);
    }
}
