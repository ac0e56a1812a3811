//! The comparison: all peers on all cases, in rounds that alternate.

use std::num::NonZeroUsize;
use std::process::Command;

use elman::random::Seed;
use elman_bench_protocol::{CaseRequest, Request, Tensors};
use tempfile::TempDir;

use crate::agreement;
use crate::case::Case;
use crate::child::{Child, Limits, Prepared, Round};
use crate::error::{Error, Result};
use crate::peers::PeerKind;
use crate::report::{Measured, Outcome, Report, Row};
use crate::stats::iterations_for;

/// Between two peers' turns: idle threads of the one before (onnxruntime's, OpenMP's) spin for a
/// while, on the cores that the next is about to use.
const REST: std::time::Duration = std::time::Duration::from_millis(100);

/// What gives the command that starts a peer, or `None` where there is no such peer.
pub type Launch<'a> = &'a dyn Fn(PeerKind, NonZeroUsize) -> Result<Option<Command>>;

/// How to measure.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One comparison for each.
    pub threads: Vec<NonZeroUsize>,
    /// In this order.
    pub cases: Vec<Case>,
    /// Of each case and peer.
    pub rounds: usize,
    /// About how long a round lasts.
    pub round_ms: f64,
    /// For the peers.
    pub limits: Limits,
    /// Of weights and inputs.
    pub seed: Seed,
}

/// Measures every case on every peer that `launch` starts; `tell` hears what is going on.
///
/// A peer that fails on a case is marked so and, where it is gone, started again.
///
/// # Errors
///
/// When a peer does not start at all, or elman itself fails.
pub fn compare(launch: Launch<'_>, plan: &Plan, tell: &mut dyn FnMut(&str)) -> Result<Report> {
    let mut report = Report {
        versions: [].into(),
        rows: Vec::new(),
    };
    for &threads in &plan.threads {
        let mut team = Team::start(launch, threads, plan.limits)?;
        for member in &team.members {
            report
                .versions
                .insert(member.kind.label().into(), member.version.clone());
        }
        for case in &plan.cases {
            let row = team.measure(case, plan)?;
            tell(&row.summary());
            report.rows.push(row);
        }
    }
    Ok(report)
}

/// A peer that takes part. Its process is gone after it failed, until it is needed again.
struct Member {
    kind: PeerKind,
    version: String,
    child: Option<Child>,
}

/// All peers on one number of threads.
struct Team<'a> {
    launch: Launch<'a>,
    threads: NonZeroUsize,
    limits: Limits,
    members: Vec<Member>,
    files: TempDir,
}

/// A peer that is ready to be timed on a case.
struct Runner {
    /// Which member it is.
    member: usize,
    iterations: usize,
    difference: f64,
    rounds: Vec<Round>,
}

impl<'a> Team<'a> {
    fn start(launch: Launch<'a>, threads: NonZeroUsize, limits: Limits) -> Result<Self> {
        let mut members = Vec::new();
        for kind in PeerKind::ALL {
            if let Some(command) = launch(kind, threads)? {
                let child = Child::start(kind.label(), command, limits)?;
                members.push(Member {
                    kind,
                    version: child.version().into(),
                    child: Some(child),
                });
            }
        }
        let files = TempDir::new().map_err(|error| Error::file(std::env::temp_dir(), error))?;
        Ok(Self {
            launch,
            threads,
            limits,
            members,
            files,
        })
    }

    /// Starts again those that failed before.
    fn complete(&mut self) -> Result<()> {
        for member in &mut self.members {
            if member.child.is_none()
                && let Some(command) = (self.launch)(member.kind, self.threads)?
            {
                member.child = Some(Child::start(member.kind.label(), command, self.limits)?);
            }
        }
        Ok(())
    }

    fn measure(&mut self, case: &Case, plan: &Plan) -> Result<Row> {
        self.complete()?;
        let question = self.files.path().join("question.safetensors");
        case.question(plan.seed)
            .write(&question)
            .map_err(|error| Error::file(&question, error))?;
        let mut row = Row::new(case, self.threads.get());
        let mut reference: Option<Tensors> = None;
        let mut runners = Vec::new();
        for (index, member) in self.members.iter_mut().enumerate() {
            let request = CaseRequest {
                cell: case.cell,
                mode: case.mode,
                shape: case.shape,
                question: question.clone(),
                answer: self.files.path().join("answer.safetensors"),
            };
            match member.prepare(request, reference.as_ref(), plan.round_ms) {
                Ok(Readiness::Ready(ready)) => {
                    runners.push(Runner {
                        member: index,
                        iterations: ready.iterations,
                        difference: ready.difference,
                        rounds: Vec::new(),
                    });
                    reference.get_or_insert(ready.answer);
                }
                Ok(Readiness::Unsupported(reason)) => {
                    row.set(member.kind, Outcome::Unsupported { reason });
                }
                Err(error) => member.fail(error, &mut row)?,
            }
        }
        for _ in 0..plan.rounds {
            for runner in &mut runners {
                let member = &mut self.members[runner.member];
                let Some(child) = &mut member.child else {
                    continue;
                };
                if row.outcome(member.kind).is_some() {
                    continue; // It failed in an earlier round.
                }
                std::thread::sleep(REST);
                match child.run(runner.iterations) {
                    Ok(round) => runner.rounds.push(round),
                    Err(error) => member.fail(error, &mut row)?,
                }
            }
        }
        for runner in runners {
            let member = &self.members[runner.member];
            let times = runner.rounds.iter().map(|round| round.milliseconds);
            let shares: Vec<_> = runner
                .rounds
                .iter()
                .filter_map(|round| round.cpu_per_wall)
                .collect();
            if row.outcome(member.kind).is_none()
                && let Some(measured) = Measured::new(times.collect(), &shares, runner.difference)
            {
                row.set(member.kind, Outcome::Measured(measured));
            }
        }
        Ok(row)
    }
}

/// What a peer made of a case.
enum Readiness {
    Ready(Ready),
    Unsupported(String),
}

/// A peer answered a case as elman did.
struct Ready {
    iterations: usize,
    difference: f64,
    answer: Tensors,
}

impl Member {
    /// Has the peer answer a case, checks the answer, and finds out how many iterations make a
    /// round.
    fn prepare(
        &mut self,
        request: CaseRequest,
        reference: Option<&Tensors>,
        round_ms: f64,
    ) -> Result<Readiness> {
        let name = self.kind.label();
        let path = request.answer.clone();
        let child = self.child.as_mut().ok_or_else(|| Error::Failed {
            peer: name.into(),
            task: "prepare a case".into(),
            reason: "it is not running".into(),
        })?;
        if let Prepared::Unsupported(reason) = child.prepare(&Request::Case(request))? {
            return Ok(Readiness::Unsupported(reason));
        }
        let answer = Tensors::read(&path).map_err(|error| Error::file(&path, error))?;
        std::fs::remove_file(&path).map_err(|error| Error::file(&path, error))?;
        // The first is elman: it is checked against itself, for numbers that are not finite.
        let difference = agreement::check(name, reference.unwrap_or(&answer), &answer)?;
        let once = child.run(1)?;
        Ok(Readiness::Ready(Ready {
            iterations: iterations_for(round_ms, once.milliseconds),
            difference,
            answer,
        }))
    }

    /// Notes a failure. A process that may be out of step with the protocol is given up; elman's
    /// own failures end the comparison, as the others are compared with it.
    fn fail(&mut self, error: Error, row: &mut Row) -> Result<()> {
        if self.kind == PeerKind::Elman {
            return Err(error);
        }
        let in_step = matches!(
            error,
            Error::Disagrees { .. } | Error::Answer { .. } | Error::Failed { .. }
        );
        if !in_step {
            self.child = None;
        }
        row.set(
            self.kind,
            Outcome::Failed {
                reason: error.to_string(),
            },
        );
        Ok(())
    }
}
