//! Devices by name, and a server of them, as the program has them.

mod support;

#[cfg(not(feature = "remote"))]
use support::fail;
use support::{Workplace, succeed};

#[test]
fn the_list_has_the_processor_and_says_how_to_get_the_rest() {
    let place = Workplace::new();
    let table = succeed(&mut place.elman(&["devices"]));
    assert!(table.contains("processor, "), "{table}");
    let lines = succeed(&mut place.elman(&["devices", "--json"]));
    let devices: Vec<serde_json::Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!(devices[0]["name"], "cpu");
    assert_eq!(devices[0]["available"], true);
    for name in ["wgpu", "vulkan", "metal", "cuda", "rocm", "remote"] {
        let device = devices.iter().find(|device| {
            device["name"]
                .as_str()
                .is_some_and(|found| found.starts_with(name))
        });
        let device = device.unwrap_or_else(|| panic!("{name} is not listed: {lines}"));
        if device["available"] == false {
            let note = device["note"].as_str().expect("a note");
            assert!(
                note.ends_with(&format!("--features {name}")) || note.starts_with("no such device"),
                "{note}"
            );
        }
    }
}

#[cfg(not(feature = "remote"))]
#[test]
fn without_the_feature_remote_devices_are_refused() {
    let place = Workplace::new();
    let message = fail(&mut place.elman(&["device-server"]), 1);
    insta::assert_snapshot!(message, @"elman: device server at 127.0.0.1:3000 for `cpu`: is not in this build; build elman with `--features remote`");
    let device = ["--set", "model.device=remote:ws://127.0.0.1:3000"];
    let message = fail(&mut place.fit("run", &device), 1);
    insta::assert_snapshot!(message, @"elman: device `remote:ws://127.0.0.1:3000`: is not in this build; build elman with `--features remote`");
}

#[cfg(feature = "remote")]
mod remote {
    use std::io::{BufRead, BufReader, Read};
    use std::process::{Child, Command, Stdio};
    use std::thread::sleep;
    use std::time::{Duration, Instant};

    use crate::support::{Workplace, fail, read, succeed, text};

    const TOKEN: &str = "ELMAN_DEVICE_TOKEN";

    /// A running `elman device-server`; killed when a test fails.
    struct Server {
        child: Child,
        address: String,
    }

    impl Server {
        fn start(place: &Workplace, token: Option<&str>) -> Self {
            let mut command = place.elman(&["device-server", "--listen", "127.0.0.1:0", "--json"]);
            match token {
                Some(token) => command.env(TOKEN, token),
                None => command.env_remove(TOKEN),
            };
            let mut child = command
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .expect("the program starts");
            let stdout = child.stdout.as_mut().expect("piped");
            let mut line = String::new();
            BufReader::new(stdout).read_line(&mut line).expect("a line");
            let said: serde_json::Value = serde_json::from_str(&line).expect("JSON");
            assert_eq!(said["device"], "cpu");
            let address = said["address"].as_str().expect("an address").to_owned();
            Self { child, address }
        }

        fn device(&self) -> String {
            format!("remote:ws://{}", self.address)
        }

        /// Ends by `signal`; what it wrote to stderr.
        fn stop(mut self, signal: &str) -> String {
            send(&self.child, signal);
            let status = self.child.wait().expect("it ends");
            let mut said = String::new();
            let stderr = self.child.stderr.as_mut().expect("piped");
            stderr.read_to_string(&mut said).expect("UTF-8");
            assert!(status.success(), "{status}: {said}");
            said
        }
    }

    fn send(child: &Child, signal: &str) {
        let sent = Command::new("kill")
            .args(["-s", signal, &child.id().to_string()])
            .status()
            .expect("kill is there");
        assert!(sent.success());
    }

    impl Drop for Server {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    /// Three layers, the middle one on `device`.
    fn recipe(device: &str) -> String {
        format!(
            r#"
title = "three layers"
task = "classifier"
seed = 7

[data]
format = "idx"
folder = "data"
classes = 4
hold_out = 0

[[model.layer]]
cell = "gru"
units = 9

[[model.layer]]
cell = "lstm"
units = 8
device = "{device}"

[[model.layer]]
cell = "basic"
units = 7

[train]
epochs = 3
batch = 20

[train.optimiser]
name = "adam"
learning_rate = 0.005
"#
        )
    }

    fn fit(place: &Workplace, name: &str, device: &str) -> Command {
        let file = format!("{name}.toml");
        std::fs::write(place.path(&file), recipe(device)).expect("written");
        place.elman(&["fit", &format!("./{file}"), "--out", name])
    }

    /// The figures of the epochs, row by row.
    fn figures(place: &Workplace, run: &str) -> Vec<Vec<f64>> {
        let table = text(&read(place.path(run).join("metrics.csv")));
        let mut lines = table.lines();
        let names: Vec<&str> = lines.next().expect("a header").split(',').collect();
        let losses: Vec<usize> = (0..names.len())
            .filter(|&at| names[at].contains("loss"))
            .collect();
        assert!(!losses.is_empty(), "{names:?}");
        let rows = lines.map(|line| {
            let cells: Vec<&str> = line.split(',').collect();
            let numbers = losses.iter().filter_map(|&at| cells[at].parse().ok());
            numbers.collect::<Vec<f64>>()
        });
        rows.collect()
    }

    #[test]
    fn three_layers_on_two_devices_train_as_on_one() {
        let place = Workplace::new();
        let server = Server::start(&place, Some("secret"));
        succeed(&mut fit(&place, "one", "cpu"));
        succeed(fit(&place, "two", &server.device()).env(TOKEN, "secret"));
        let (one, two) = (figures(&place, "one"), figures(&place, "two"));
        assert_eq!((one.len(), two.len()), (3, 3));
        assert!(one[2][0] < 0.9 * one[0][0], "it learns nothing: {one:?}");
        for (one, two) in one.iter().flatten().zip(two.iter().flatten()) {
            assert!(
                (one - two).abs() < 1e-4,
                "{one} on one device, {two} on two"
            );
        }
        // The model is loaded back onto the device of its layer.
        let evaluate = |run: &str| {
            let mut command = place.elman(&["evaluate", run, "--json"]);
            let lines = succeed(command.env(TOKEN, "secret"));
            let found: serde_json::Value = serde_json::from_str(&lines).expect("JSON");
            found["loss_nats"].as_f64().expect("a loss")
        };
        assert!((evaluate("one") - evaluate("two")).abs() < 1e-4);
        let said = server.stop("TERM");
        assert!(said.ends_with("stopped\n"), "{said}");
        let message = fail(place.elman(&["evaluate", "two"]).env(TOKEN, "secret"), 1);
        assert!(
            message.contains("start `elman device-server` there, or correct the address"),
            "{message}"
        );
    }

    #[test]
    fn resumed_across_devices_a_run_ends_as_if_it_had_not_stopped() {
        let place = Workplace::new();
        let server = Server::start(&place, None);
        succeed(&mut fit(&place, "straight", &server.device()));
        let mut first = fit(&place, "parted", &server.device())
            .args(["--checkpoint-every", "0"])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program starts");
        let model = place.path("parted").join("model.safetensors");
        let started = Instant::now();
        while !model.exists() {
            assert!(started.elapsed() < Duration::from_secs(60), "no checkpoint");
            sleep(Duration::from_millis(2));
        }
        send(&first, "TERM");
        let status = first.wait().expect("it ends");
        assert_eq!(
            status.code(),
            Some(143),
            "it was over before the signal came"
        );
        succeed(&mut place.elman(&["fit", "--resume", "parted"]));
        let file = |run: &str| read(place.path(run).join("model.safetensors"));
        assert!(file("straight") == file("parted"), "other weights");
        server.stop("INT");
    }

    #[test]
    fn who_does_not_know_the_token_is_refused() {
        let place = Workplace::new();
        let server = Server::start(&place, Some("secret"));
        for token in ["", "wrong"] {
            let mut command = fit(&place, &format!("run-{token}"), &server.device());
            let message = fail(command.env(TOKEN, token), 1);
            assert_eq!(
                message.trim_end().lines().last(),
                Some(
                    format!(
                        "elman: device `{}`: the server's authorizer rejected the credential; put \
                         the token that the server was started with into ELMAN_DEVICE_TOKEN",
                        server.device()
                    )
                    .as_str()
                )
            );
        }
        server.stop("INT");
    }

    #[test]
    fn a_server_for_other_machines_needs_a_token() {
        let place = Workplace::new();
        let mut command = place.elman(&["device-server", "--listen", "0.0.0.0:0"]);
        let message = fail(command.env_remove(TOKEN), 1);
        insta::assert_snapshot!(message, @"elman: device server at 0.0.0.0:0: other machines can reach this address, and there is no token; put a secret word into ELMAN_DEVICE_TOKEN, or use 127.0.0.1");
    }
}
