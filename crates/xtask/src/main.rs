//! The project's own checks: `cargo xtask` runs them all, the cheapest first.
//!
//! `cargo xtask NAME` runs one: `format`, `layers`, `lint`, `release`, `test`, `docs`.

use std::process::{Command, ExitCode};

/// One check: its name, what it shows, and how.
struct Check {
    name: &'static str,
    shows: &'static str,
    run: fn() -> Result<(), String>,
}

/// Devices of other processes are off by default and tested here; graphics cards are not to be had
/// everywhere. One set for all checks, so that Burn is built once.
const FEATURES: [&str; 2] = ["--features", "elman-cli/remote"];

const CHECKS: [Check; 6] = [
    Check {
        name: "format",
        shows: "every file is formatted",
        run: || cargo(&["fmt", "--all", "--check"]),
    },
    Check {
        name: "layers",
        shows: "every crate knows only whom it may know",
        run: layers,
    },
    Check {
        name: "lint",
        shows: "clippy has no complaint",
        run: || {
            let lint = ["clippy", "--workspace", "--all-targets", "--locked"];
            cargo(&[&lint[..], &FEATURES, &["--", "--deny", "warnings"]].concat())
        },
    },
    // A compiler's fault in vectorised code showed in the release profile alone.
    Check {
        name: "release",
        shows: "the kernels' tests pass as users build them",
        run: || {
            cargo(&[
                "test",
                "--release",
                "--package",
                "elman-kernels",
                "--locked",
            ])
        },
    },
    Check {
        name: "test",
        shows: "unit, integration, example and documentation tests pass",
        run: || cargo(&[&["test", "--workspace", "--locked"][..], &FEATURES].concat()),
    },
    Check {
        name: "docs",
        shows: "every link in the documentation leads somewhere",
        // The program before the libraries, never beside them: program and library have one name,
        // so one folder, and the library's pages are the ones to keep.
        run: || {
            let docs = ["doc", "--no-deps", "--locked", "--quiet"];
            let program = ["--package", "elman-cli", "--bin", "elman"];
            cargo(&[&docs[..], &program, &FEATURES].concat())?;
            cargo(&[&docs[..], &["--workspace"], &FEATURES].concat())
        },
    },
];

fn main() -> ExitCode {
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    if let Some(unknown) = wanted
        .iter()
        .find(|name| CHECKS.iter().all(|check| check.name != **name))
    {
        let names = CHECKS.map(|check| check.name).join(", ");
        eprintln!("xtask: there is no check `{unknown}`; the checks are {names}");
        return ExitCode::from(2);
    }
    let chosen = CHECKS
        .iter()
        .filter(|check| wanted.is_empty() || wanted.iter().any(|name| name == check.name));
    for check in chosen {
        println!("== {}: {}", check.name, check.shows);
        if let Err(problem) = (check.run)() {
            eprintln!("xtask: {} failed: {problem}", check.name);
            return ExitCode::FAILURE;
        }
    }
    println!("== all is well");
    ExitCode::SUCCESS
}

/// Runs cargo; its output goes where ours goes.
fn cargo(arguments: &[&str]) -> Result<(), String> {
    let status = Command::new(env!("CARGO"))
        .args(arguments)
        .env("RUSTDOCFLAGS", "--deny warnings")
        .status()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("`cargo {}`: {status}", arguments.join(" ")))
    }
}

/// The crates that a crate of ours depends on directly.
fn dependencies(package: &str) -> Result<Vec<String>, String> {
    let tree = [
        "tree",
        "--package",
        package,
        "--edges",
        "normal",
        "--depth",
        "1",
    ];
    let output = Command::new(env!("CARGO"))
        .args(tree)
        .args(["--prefix", "none", "--format", "{p}", "--locked"])
        .output()
        .map_err(|error| format!("cannot start cargo: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    let names = String::from_utf8_lossy(&output.stdout)
        .lines()
        .skip(1)
        .filter_map(|line| line.split_whitespace().next().map(str::to_owned))
        .collect();
    Ok(names)
}

/// The table of ARCHITECTURE.md: who may not know whom.
fn layers() -> Result<(), String> {
    let forbidden: [(&str, &[&str]); 2] = [
        ("elman-kernels", &["burn", "elman", "elman-cli"]),
        ("elman-cli", &["burn", "elman-kernels"]),
    ];
    for (package, unwanted) in forbidden {
        let found = dependencies(package)?;
        if found.is_empty() {
            return Err(format!(
                "{package} has no dependencies: the check sees nothing"
            ));
        }
        if let Some(name) = found.iter().find(|name| unwanted.contains(&name.as_str())) {
            return Err(format!(
                "{package} depends on {name}, which ARCHITECTURE.md rules out"
            ));
        }
    }
    Ok(())
}
