//! Peers that misbehave: each gets an error with its name, and none makes the bench wait.
#![cfg(unix)]

use std::num::NonZeroUsize;
use std::process::Command;
use std::time::{Duration, Instant};

use elman::random::Seed;
use elman_bench::Error;
use elman_bench::case::{Case, shape};
use elman_bench::child::{Child, Limits};
use elman_bench::compare::{Plan, compare};
use elman_bench::peers::PeerKind;
use elman_bench::report::{Outcome, Report};
use elman_bench_protocol::{Array, CellKind, Mode, Tensors};

const HELLO: &str = r#"echo '{"is":"hello","name":"x","version":"7"}'"#;
const LIMITS: Limits = Limits {
    start: Duration::from_secs(20),
    answer: Duration::from_millis(300),
};

fn shell(script: &str) -> Command {
    let mut command = Command::new("sh");
    command.args(["-c", script]);
    command
}

/// What a peer that greets and then does `script` comes to when it is asked for a round.
fn round_of(script: &str) -> Error {
    let mut child = Child::start("x", shell(&format!("{HELLO}\n{script}")), LIMITS).unwrap();
    assert_eq!((child.peer(), child.version()), ("x", "7"));
    child.run(1).unwrap_err()
}

#[test]
fn one_that_is_not_there_is_named_with_its_command() {
    let error = Child::start("x", Command::new("no-such-program"), LIMITS).unwrap_err();
    assert!(matches!(error, Error::Start { .. }), "{error}");
    assert!(error.to_string().contains("no-such-program"), "{error}");
}

#[test]
fn one_that_dies_before_it_greets_leaves_its_last_words() {
    let error = Child::start("x", shell("echo no such module >&2; exit 3"), LIMITS).unwrap_err();
    assert!(matches!(error, Error::Died { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("no such module") && text.contains('3'),
        "{text}"
    );
}

#[test]
fn one_that_dies_at_work_is_not_waited_for() {
    let error = round_of("read line; echo burst >&2; kill -9 $$");
    assert!(matches!(error, Error::Died { .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("burst") && text.contains("run a round"),
        "{text}"
    );
}

#[test]
fn one_that_says_nothing_is_stopped_at_its_limit() {
    let start = Instant::now();
    let error = round_of("read line; exec sleep 60");
    assert!(matches!(error, Error::TimedOut { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_that_closes_its_output_but_lingers_is_stopped() {
    let start = Instant::now();
    let error = round_of("read line; exec sleep 60 >&-");
    assert!(matches!(error, Error::Died { .. }), "{error}");
    assert!(start.elapsed() < Duration::from_secs(10));
}

#[test]
fn one_that_writes_garbage_is_quoted() {
    for script in [
        "read line; echo Segmentation fault; exec sleep 60",
        r#"read line; echo '{"is":"tea"}'; exec sleep 60"#,
        r#"read line; echo '{"is":"round","cpu_per_wall":1}'; exec sleep 60"#,
        r#"read line; printf '\377\n'; exec sleep 60"#,
        // A reply, but to another request; a round that took no time.
        r#"read line; echo '{"is":"prepared"}'; exec sleep 60"#,
        r#"read line; echo '{"is":"round","milliseconds":0}'; exec sleep 60"#,
    ] {
        let error = round_of(script);
        assert!(matches!(error, Error::Garbage { .. }), "{script}: {error}");
    }
}

#[test]
fn one_that_fails_gives_its_reason() {
    let error =
        round_of(r#"read line; echo '{"is":"failed","reason":"out of memory"}'; read line"#);
    assert_eq!(error.to_string(), "x: failed to run a round: out of memory");
}

/// Compares elman with a peer that does `script`; `$ANSWER` is a file with zeros for outputs.
fn compare_with(script: &str) -> Report {
    let folder = tempfile::tempdir().unwrap();
    let zeros = folder.path().join("zeros.safetensors");
    let mut tensors = Tensors::default();
    tensors.insert("outputs", Array::new([2, 3, 5], vec![0.0; 30]));
    tensors.write(&zeros).unwrap();
    let launch = |kind: PeerKind, threads: NonZeroUsize| {
        Ok(match kind {
            PeerKind::Elman => {
                let mut command = Command::new(env!("CARGO_BIN_EXE_elman-bench"));
                command.args(["serve", "--threads", &threads.to_string()]);
                Some(command)
            }
            PeerKind::Candle => {
                let mut command = shell(&format!("{HELLO}\n{script}"));
                command.env("ANSWER", &zeros);
                Some(command)
            }
            _ => None,
        })
    };
    let mode = Mode::Infer;
    let case = |cell| Case {
        cell,
        mode,
        shape: shape(2, 3, 4, 5),
    };
    let plan = Plan {
        threads: vec![NonZeroUsize::MIN],
        cases: vec![case(CellKind::Basic), case(CellKind::Lstm)],
        rounds: 3,
        round_ms: 0.1,
        limits: Limits {
            answer: Duration::from_secs(20),
            ..LIMITS
        },
        seed: Seed::new(1),
    };
    compare(&launch, &plan, &mut |_| ()).unwrap()
}

/// Why the peer of [`compare_with`] failed on both cells, while elman was measured.
fn failures(report: &Report) -> Vec<&str> {
    let both = report.rows.iter().map(|row| {
        let ours = row.measured(PeerKind::Elman).unwrap();
        assert_eq!(ours.rounds_ms.len(), 3);
        match row.outcome(PeerKind::Candle) {
            Some(Outcome::Failed { reason }) => reason.as_str(),
            other => panic!("{other:?}"),
        }
    });
    both.collect()
}

#[test]
fn one_that_disagrees_is_not_timed() {
    let report = compare_with(
        r#"while read -r line; do
            path=$(echo "$line" | sed -n 's/.*"answer":"\([^"]*\)".*/\1/p')
            cp "$ANSWER" "$path"
            echo '{"is":"prepared"}'
        done"#,
    );
    for reason in failures(&report) {
        assert!(
            reason.contains("candle disagrees with elman on `outputs`"),
            "{reason}"
        );
    }
    assert_eq!(report.failures().len(), 2);
}

#[test]
fn one_that_dies_is_started_again_for_the_next_case() {
    let report = compare_with("read line; exit 9");
    for reason in failures(&report) {
        assert!(
            reason.contains("candle: ended (exit status: 9)"),
            "{reason}"
        );
    }
}

#[test]
fn one_that_writes_no_answer_is_an_error_about_the_file() {
    let report = compare_with(r#"while read -r line; do echo '{"is":"prepared"}'; done"#);
    for reason in failures(&report) {
        assert!(reason.contains("answer.safetensors"), "{reason}");
    }
}
