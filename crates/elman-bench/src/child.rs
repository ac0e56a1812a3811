//! A peer as a child process: questions to its standard input, answers from its standard output,
//! each with a time limit.

use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child as Process, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::Duration;

use elman_bench_protocol::{Reply, Request};
use tempfile::NamedTempFile;

use crate::error::{Error, Result};

/// How long a peer may take.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// To start: libraries load and a slow one takes tens of seconds.
    pub start: Duration,
    /// To answer any request.
    pub answer: Duration,
}

impl Default for Limits {
    /// Two minutes to start, ten to answer.
    fn default() -> Self {
        Self {
            start: Duration::from_secs(120),
            answer: Duration::from_secs(600),
        }
    }
}

/// One round, as the peer measured it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Round {
    /// Of one iteration: the mean over the round.
    pub milliseconds: f64,
    /// Processor time over wall time of the peer's process.
    pub cpu_per_wall: Option<f64>,
    /// Training loss of the last batch, for an epoch.
    pub loss: Option<f64>,
}

/// What a peer made of a case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Prepared {
    /// It can be run.
    Ready,
    /// The library has no such thing, for this reason.
    Unsupported(String),
}

/// A running peer. It is killed when this is dropped.
#[derive(Debug)]
pub struct Child {
    peer: String,
    version: String,
    limits: Limits,
    process: Process,
    questions: ChildStdin,
    answers: Receiver<std::io::Result<String>>,
    diary: NamedTempFile,
}

impl Child {
    /// Starts `command` and waits for its greeting.
    ///
    /// # Errors
    ///
    /// When it cannot be started, ends, or does not greet in time.
    pub fn start(peer: &str, mut command: Command, limits: Limits) -> Result<Self> {
        let text = format!("{command:?}");
        let start = |source| Error::Start {
            peer: peer.to_string(),
            command: text.clone(),
            source,
        };
        // A file and not a pipe: a pipe that nobody reads would fill up and stop the peer.
        let diary = NamedTempFile::new().map_err(start)?;
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(diary.reopen().map_err(start)?)
            .spawn()
            .map_err(start)?;
        let questions = process.stdin.take().expect("standard input is a pipe");
        let output = process.stdout.take().expect("standard output is a pipe");
        let (sender, answers) = channel();
        std::thread::spawn(move || {
            for line in BufReader::new(output).lines() {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        let mut child = Self {
            peer: peer.to_string(),
            version: String::new(),
            limits,
            process,
            questions,
            answers,
            diary,
        };
        match child.reply("start", limits.start)? {
            Reply::Hello { version, .. } => child.version = version,
            other => return Err(child.unexpected("start", &other)),
        }
        Ok(child)
    }

    /// The peer's name.
    pub fn peer(&self) -> &str {
        &self.peer
    }

    /// The version of the library that is measured, as it says itself.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Has the peer prepare a case or an epoch.
    ///
    /// # Errors
    ///
    /// When the peer fails, ends, does not answer in time, or answers something else.
    pub fn prepare(&mut self, request: &Request) -> Result<Prepared> {
        let task = task_of(request);
        match self.ask(request)? {
            Reply::Prepared => Ok(Prepared::Ready),
            Reply::Unsupported { reason } => Ok(Prepared::Unsupported(reason)),
            other => Err(self.unexpected(task, &other)),
        }
    }

    /// Has the peer time `iterations` of what it prepared last.
    ///
    /// # Errors
    ///
    /// When the peer fails, ends, does not answer in time, or answers something else.
    pub fn run(&mut self, iterations: usize) -> Result<Round> {
        let request = Request::Run { iterations };
        let reply = self.ask(&request)?;
        match reply {
            Reply::Round {
                milliseconds,
                cpu_per_wall,
                loss,
            } if milliseconds.is_finite() && milliseconds > 0.0 => Ok(Round {
                milliseconds,
                cpu_per_wall,
                loss,
            }),
            other => Err(self.unexpected(task_of(&request), &other)),
        }
    }

    fn ask(&mut self, request: &Request) -> Result<Reply> {
        let task = task_of(request);
        let line = serde_json::to_string(request).expect("a request is plain data");
        let sent = writeln!(self.questions, "{line}").and_then(|()| self.questions.flush());
        if sent.is_err() {
            return Err(self.died(task));
        }
        self.reply(task, self.limits.answer)
    }

    fn reply(&mut self, task: &str, limit: Duration) -> Result<Reply> {
        let line = match self.answers.recv_timeout(limit) {
            Ok(Ok(line)) => line,
            Ok(Err(error)) => return Err(self.garbage(String::new(), error.to_string())),
            Err(RecvTimeoutError::Disconnected) => return Err(self.died(task)),
            Err(RecvTimeoutError::Timeout) => {
                self.kill();
                return Err(Error::TimedOut {
                    peer: self.peer.clone(),
                    task: task.into(),
                    limit,
                });
            }
        };
        match serde_json::from_str(&line) {
            Ok(Reply::Failed { reason }) => Err(Error::Failed {
                peer: self.peer.clone(),
                task: task.into(),
                reason,
            }),
            Ok(reply) => Ok(reply),
            Err(error) => Err(self.garbage(line, error.to_string())),
        }
    }

    fn unexpected(&self, task: &str, reply: &Reply) -> Error {
        let line = serde_json::to_string(reply).expect("a reply is plain data");
        self.garbage(line, format!("not an answer to a request to {task}"))
    }

    fn garbage(&self, line: String, problem: String) -> Error {
        Error::Garbage {
            peer: self.peer.clone(),
            line,
            problem,
        }
    }

    fn died(&mut self, task: &str) -> Error {
        // It closed its output, so it is ending; one that lingers is not waited for.
        let mut status = None;
        for _ in 0..50 {
            status = self.process.try_wait().ok().flatten();
            if status.is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let status = match status {
            Some(status) => status.to_string(),
            None => {
                self.kill();
                "it closed its output and was stopped".into()
            }
        };
        Error::Died {
            peer: self.peer.clone(),
            status,
            task: task.into(),
            last_words: last_lines(self.diary.path(), 20),
        }
    }

    /// Ends the process; that it has ended already is no error.
    fn kill(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        self.kill();
    }
}

fn task_of(request: &Request) -> &'static str {
    match request {
        Request::Case(_) => "prepare a case",
        Request::Epoch(_) => "prepare an epoch",
        Request::Text(_) => "prepare a language model",
        Request::Series(_) => "prepare a model of series",
        Request::Run { .. } => "run a round",
    }
}

fn last_lines(path: &Path, count: usize) -> String {
    let Ok(file) = File::open(path) else {
        return "(none)".into();
    };
    let lines: Vec<_> = BufReader::new(file).lines().map_while(Result::ok).collect();
    match lines.len() {
        0 => "(none)".into(),
        all => lines[all.saturating_sub(count)..].join("\n"),
    }
}
