//! Elman's cells on the shapes of the tables, forward and training, in tokens (`T·B`) a second.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use elman::random::Seed;
use elman_bench::case::{Case, SHAPES, shape_text};
use elman_bench::elman_peer::prepare;
use elman_bench_protocol::{CaseRequest, CellKind, Mode};

fn cells(criterion: &mut Criterion) {
    for mode in [Mode::Infer, Mode::Train] {
        for cell in CellKind::ALL {
            let mut group = criterion.benchmark_group(format!("{}/{}", mode.label(), cell.label()));
            for shape in SHAPES {
                let case = Case { cell, mode, shape };
                let request = CaseRequest {
                    cell,
                    mode,
                    shape,
                    question: "question".into(),
                    answer: "answer".into(),
                };
                let question = case.question(Seed::new(42));
                let mut workload = prepare(&request, &question).expect("the case is complete");
                group.throughput(Throughput::Elements((shape.time * shape.batch) as u64));
                let name = BenchmarkId::from_parameter(shape_text(shape));
                group.bench_function(name, |bencher| {
                    bencher.iter(|| workload.run(1).expect("the case runs"));
                });
            }
            group.finish();
        }
    }
}

criterion_group!(benches, cells);
criterion_main!(benches);
