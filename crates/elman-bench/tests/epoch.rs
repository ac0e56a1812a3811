//! Elman's training epoch, through the protocol.

use std::path::Path;
use std::process::Command;

use elman_bench::child::{Child, Limits, Prepared};
use elman_bench_protocol::{CellKind, EpochRequest, Request};

#[test]
fn epochs_through_the_protocol_train() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elman-bench"));
    command.args(["serve", "--threads", "1"]);
    let mut elman = Child::start("elman", command, Limits::default()).unwrap();
    let request = EpochRequest {
        data: Path::new(env!("CARGO_MANIFEST_DIR")).join("../../data/mnist10k"),
        images: 100,
        batch: 50,
        cell: CellKind::Basic,
        layers: 1,
        units: 16,
        learning_rate: 0.01,
    };
    let prepared = elman.prepare(&Request::Epoch(request)).unwrap();
    assert_eq!(prepared, Prepared::Ready);
    let first = elman.run(1).unwrap().loss.unwrap();
    let last = elman.run(20).unwrap().loss.unwrap();
    assert!(last < 0.7 * first, "{first} nats at first, {last} at last");
}

#[test]
fn data_that_is_not_there_is_named() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_elman-bench"));
    command.args(["serve", "--threads", "1"]);
    let mut elman = Child::start("elman", command, Limits::default()).unwrap();
    let request = EpochRequest {
        data: "no-such-folder".into(),
        images: 100,
        batch: 50,
        cell: CellKind::Basic,
        layers: 1,
        units: 16,
        learning_rate: 0.01,
    };
    let error = elman.prepare(&Request::Epoch(request)).unwrap_err();
    assert!(error.to_string().contains("no-such-folder"), "{error}");
}
