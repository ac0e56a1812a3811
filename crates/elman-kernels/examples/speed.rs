//! scratch
use elman_kernels::*;
use std::time::Instant;
fn main() {
    let mut args = std::env::args().skip(1);
    let kind = args.next().unwrap();
    let a: Vec<usize> = args.map(|x| x.parse().unwrap()).collect();
    let (t, b, f, h, n) = (a[0], a[1], a[2], a[3], a[4]);
    threads::set(std::num::NonZeroUsize::new(n).unwrap());
    let rnd = |n: usize, s: f32| {
        (0..n)
            .map(|i| (((i * 7919 + 13) % 1009) as f32 / 1009.0 - 0.5) * s)
            .collect::<Vec<f32>>()
    };
    let kernel = rnd((f + h) * 4 * h, 0.2);
    let bias = rnd(4 * h, 0.1);
    let x = rnd(t * b * f, 1.0);
    let plan = Plan::full(Layout::BatchMajor, b, t);
    let gates = match kind.as_str() {
        "lstm" => 4,
        "basic" => 1,
        _ => 3,
    };
    let sw = if kind == "lstm" { 2 * h } else { h };
    let s = rnd(b * sw, 0.1);
    let mut out = vec![0f32; t * b * h];
    let mut fs = vec![0f32; b * sw];
    let d_out = rnd(t * b * h, 1.0);
    let d_fs = rnd(b * sw, 1.0);
    let flops = 2.0 * (t * b * gates * h * (f + h)) as f64;
    let mut all: [Vec<f64>; 4] = Default::default();
    macro_rules! go {
        ($pack:expr, $w:expr) => {{
            for _ in 0..a.get(5).copied().unwrap_or(30) {
                let w = $w;
                let t0 = Instant::now();
                let cell = $pack;
                let t1 = Instant::now();
                let tape = cell.forward_training(Forward {
                    plan: &plan,
                    inputs: &x,
                    state: &s,
                    outputs: &mut out,
                    final_state: &mut fs,
                });
                let t2 = Instant::now();
                let run = Backward {
                    plan: &plan,
                    inputs: &x,
                    state: &s,
                    outputs: &out,
                    d_outputs: &d_out,
                    d_final_state: &d_fs,
                    wanted: Wanted::Parameters,
                };
                let g = cell.backward(&run, w, tape);
                let t3 = Instant::now();
                cell.forward(Forward {
                    plan: &plan,
                    inputs: &x,
                    state: &s,
                    outputs: &mut out,
                    final_state: &mut fs,
                });
                let t4 = Instant::now();
                std::hint::black_box(g);
                for (b, v) in all.iter_mut().zip([t1 - t0, t2 - t1, t3 - t2, t4 - t3]) {
                    b.push(v.as_secs_f64() * 1e3)
                }
            }
        }};
    }
    match kind.as_str() {
        "lstm" => {
            let spec = LstmSpec {
                inputs: f,
                units: h,
                projection: None,
                activation: Activation::Tanh,
                forget_bias: 1.0,
                cell_clip: None,
                proj_clip: None,
            };
            let w = LstmWeights {
                kernel: &kernel,
                bias: &bias,
                peepholes: None,
                projection: None,
            };
            go!(Lstm::pack(spec, &w, Isa::detect()), &w)
        }
        "basic" => {
            let spec = BasicSpec {
                inputs: f,
                units: h,
                activation: Activation::Tanh,
            };
            let w = BasicWeights {
                kernel: &kernel[..(f + h) * h],
                bias: &bias[..h],
            };
            go!(Basic::pack(spec, &w, Isa::detect()), &w)
        }
        k => {
            let spec = GruSpec {
                inputs: f,
                units: h,
                activation: Activation::Tanh,
            };
            let w = GruWeights {
                gates_kernel: &kernel[..(f + h) * 2 * h],
                gates_bias: &bias[..2 * h],
                candidate_kernel: &kernel[..(f + h) * h],
                candidate_bias: &bias[..h],
                recurrent_bias: (k == "gru-after").then_some(&bias[..h]),
            };
            if k == "gru-after" {
                go!(GruAfter::pack(spec, &w, Isa::detect()), &w)
            } else {
                go!(GruBefore::pack(spec, &w, Isa::detect()), &w)
            }
        }
    }
    let best: Vec<f64> = all
        .iter_mut()
        .map(|v| {
            v.sort_by(f64::total_cmp);
            v[v.len() / 2]
        })
        .collect();
    println!(
        "{kind:9} pack {:.3} fwd {:.3} ms ({:.1} GF/s) bwd {:.3} ms ({:.1} GF/s) infer {:.3} ({:.1}); train total {:.3}",
        best[0],
        best[1],
        flops / best[1] / 1e6,
        best[2],
        2.0 * flops / best[2] / 1e6,
        best[3],
        flops / best[3] / 1e6,
        best[0] + best[1] + best[2]
    );
}
