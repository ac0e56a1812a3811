//! The dense layer against plain loops, forward and backward.

use std::num::NonZeroUsize;

use elman_kernels::{Backward, DenseSpec, Forward, Isa, Layout, Plan, Spec, Wanted};

/// Numbers between -1 and 1 without a pattern that a sum could hide.
fn numbers(count: usize, seed: usize) -> Vec<f64> {
    let number = |at: usize| ((at + 1) * (seed + 7) * 7919 % 2003) as f64 / 1001.5 - 1.0;
    (0..count).map(number).collect()
}

/// Outputs, and the gradients of inputs, kernel and bias for the cotangent.
fn plain(
    [rows, inputs, outputs]: [usize; 3],
    (x, kernel, bias): (&[f64], &[f64], &[f64]),
    d_y: &[f64],
) -> [Vec<f64>; 4] {
    let mut y = bias.repeat(rows);
    let mut d_x = vec![0.0; rows * inputs];
    let mut d_kernel = vec![0.0; inputs * outputs];
    let mut d_bias = vec![0.0; outputs];
    for row in 0..rows {
        for output in 0..outputs {
            let d_sum = d_y[row * outputs + output];
            d_bias[output] += d_sum;
            for input in 0..inputs {
                let weight = input * outputs + output;
                y[row * outputs + output] += x[row * inputs + input] * kernel[weight];
                d_x[row * inputs + input] += d_sum * kernel[weight];
                d_kernel[weight] += d_sum * x[row * inputs + input];
            }
        }
    }
    [y, d_x, d_kernel, d_bias]
}

#[test]
fn it_is_the_plain_loop_whatever_the_threads() {
    for (rows, inputs, outputs) in [
        (1, 1, 1),
        (5, 3, 2),
        (2, 300, 310),
        (130, 64, 33),
        (700, 16, 65),
    ] {
        let shape = [rows, inputs, outputs];
        let (x, kernel) = (numbers(rows * inputs, 1), numbers(inputs * outputs, 2));
        let (bias, d_y) = (numbers(outputs, 3), numbers(rows * outputs, 4));
        let expected = plain(shape, (&x, &kernel, &bias), &d_y);
        let spec = Spec::Dense(DenseSpec { inputs, outputs });
        let parameters = [&kernel[..], &bias];
        let plan = Plan::full(Layout::BatchMajor, rows, 1);
        let mut first = None;
        for isa in Isa::available() {
            first = None;
            for threads in [1, 2, 3, 8] {
                elman_kernels::threads::set(NonZeroUsize::new(threads).expect("it is not zero"));
                let forward = || Forward {
                    plan: &plan,
                    inputs: &x,
                    state: &[],
                    mask: None,
                };
                let (outputs, tape) = spec.pack(&parameters, isa).forward_training(forward());
                assert_eq!(outputs, spec.pack(&parameters, isa).forward(forward()));
                let run = Backward {
                    plan: &plan,
                    inputs: &x,
                    state: &[],
                    outputs: &outputs,
                    mask: None,
                    d_outputs: Some(&d_y),
                    d_final_state: &[],
                    later: &[],
                    unfinished: false,
                    wanted: Wanted::Everything,
                };
                let gradients = tape.backward(&run, &parameters);
                let mut found = vec![outputs.clone(), gradients.inputs.expect("wanted")];
                found.extend(gradients.parameters);
                for (found, expected) in found.iter().zip(&expected) {
                    assert_eq!(found.len(), expected.len());
                    for (found, expected) in found.iter().zip(expected) {
                        let error = (found - expected).abs();
                        assert!(
                            error < 1e-11,
                            "{shape:?} {isa:?}: {found} is not {expected}"
                        );
                    }
                }
                let expected = first.get_or_insert_with(|| found.clone());
                assert!(found == *expected, "{shape:?} {threads} threads");
            }
        }
        assert!(first.is_some());
    }
}
