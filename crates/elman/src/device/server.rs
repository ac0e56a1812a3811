//! This machine's devices for others.

use std::fmt;
use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use burn::server::{RemoteServer, TokenAuthorizer, WebSocketTransport};

use super::{DeviceName, TOKEN_VARIABLE};
use crate::error::{Error, Result};
use crate::fused;

/// How often a server asks whether it is to stop.
const ASKED_EVERY: Duration = Duration::from_millis(100);

/// What a [`DeviceServer`] offers, where, and to whom.
///
/// Whoever opens a session can run tensor operations: compute and memory of this machine, no files
/// and no programs. The traffic is not encrypted, and neither is the token: it keeps strangers on a
/// trusted network out, not those who read the network (ADR 0014).
#[derive(Clone)]
pub struct DeviceServerConfig {
    address: SocketAddr,
    device: DeviceName,
    token: Option<String>,
}

impl DeviceServerConfig {
    /// The processor, at `address`; port 0 takes any free port.
    pub fn new(address: SocketAddr) -> Self {
        Self {
            address,
            device: DeviceName::Cpu,
            token: None,
        }
    }

    /// Offers `device` in place of the processor.
    #[must_use]
    pub fn with_device(mut self, device: DeviceName) -> Self {
        self.device = device;
        self
    }

    /// Serves only clients that know `token`.
    #[must_use]
    pub fn with_token(mut self, token: impl Into<String>) -> Self {
        self.token = Some(token.into());
        self
    }

    /// Takes the address, before any client is served.
    ///
    /// # Errors
    ///
    /// When the token is empty, or there is none and other machines could reach the address; when
    /// the address cannot be taken; when the device is not there or is itself remote.
    pub fn bind(self) -> Result<DeviceServer> {
        let what = format!("device server at {}", self.address);
        if !self.address.ip().is_loopback() && self.token.is_none() {
            return Err(Error::argument(
                what,
                "other machines can reach this address, and there is no token",
                format!("put a secret word into {TOKEN_VARIABLE}, or use 127.0.0.1"),
            ));
        }
        if matches!(self.device, DeviceName::Remote { .. }) {
            return Err(Error::argument(
                what,
                format!("`{}` is another machine's", self.device),
                "offer a device of this machine",
            ));
        }
        let mut server = self
            .device
            .with_operations(RemoteServer::new([self.device.resolve()?]));
        if let Some(token) = self.token {
            let authorizer = TokenAuthorizer::new(token).map_err(|_| {
                Error::argument(
                    &what,
                    "the token is empty",
                    format!("put a secret word into {TOKEN_VARIABLE}"),
                )
            })?;
            server = server.with_authorizer(authorizer);
        }
        // Burn's own way to a socket takes every interface.
        let listener = TcpListener::bind(self.address);
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) = bound.map_err(|error| {
            Error::argument(
                what,
                error.to_string(),
                "choose an address of this machine and a free port (0: any)",
            )
        })?;
        Ok(DeviceServer {
            server,
            listener,
            address,
            device: self.device,
        })
    }
}

impl DeviceName {
    /// Lets `server`, which offers this device, run elman's own operations on it.
    fn with_operations(&self, server: RemoteServer) -> RemoteServer {
        match self {
            Self::Cpu => fused::remote::with_kernels(server),
            #[cfg(any(
                feature = "wgpu",
                feature = "vulkan",
                feature = "metal",
                feature = "cuda",
                feature = "rocm"
            ))]
            Self::Graphics { .. } => fused::remote::without_kernels::<burn::backend::Cube>(server),
            _ => server,
        }
    }
}

impl fmt::Debug for DeviceServerConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceServerConfig")
            .field("address", &self.address)
            .field("device", &self.device)
            .field("token", &self.token.as_ref().map(|_| "…"))
            .finish()
    }
}

/// A device of this machine that others may use, as `device = "remote:ws://HOST:PORT"`.
pub struct DeviceServer {
    server: RemoteServer,
    listener: TcpListener,
    address: SocketAddr,
    device: DeviceName,
}

impl DeviceServer {
    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What it offers.
    pub fn device(&self) -> &DeviceName {
        &self.device
    }

    /// Serves until `stop` says so, which is asked ten times a second; then ends the sessions and
    /// returns.
    ///
    /// # Errors
    ///
    /// When the system gives no threads, or the network breaks.
    pub fn serve(self, stop: impl Fn() -> bool) -> Result<()> {
        let failed = |problem: String| {
            let what = format!("device server at {}", self.address);
            Error::argument(what, problem, "start it again")
        };
        // Not Burn's blocking `serve`: it takes the signals, and writes a log to stdout.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|error| failed(error.to_string()))?;
        let transport = WebSocketTransport::from_listener(self.listener);
        let serving = self.server.serve_async(transport);
        let served = runtime.block_on(async move {
            let mut serving = Box::pin(serving);
            while !stop() {
                let served = tokio::time::timeout(ASKED_EVERY, &mut serving).await;
                if let Ok(ended) = served {
                    return ended;
                }
            }
            Ok(())
        });
        // What a session computes just now may take its time; nobody waits for it.
        runtime.shutdown_background();
        served.map_err(|error| failed(error.to_string()))
    }
}

impl fmt::Debug for DeviceServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceServer")
            .field("address", &self.address)
            .field("device", &self.device)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use burn::tensor::Device;

    use super::*;

    fn config(address: &str) -> DeviceServerConfig {
        DeviceServerConfig::new(address.parse().expect("an address"))
    }

    fn refusal(config: DeviceServerConfig) -> String {
        config.bind().expect_err("refused").to_string()
    }

    #[test]
    fn without_a_token_only_this_machine_is_served() {
        for address in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
            assert_eq!(
                refusal(config(address)),
                format!(
                    "device server at {address}: other machines can reach this address, and there \
                     is no token; put a secret word into ELMAN_DEVICE_TOKEN, or use 127.0.0.1"
                )
            );
        }
        let server = config("127.0.0.1:0").bind().expect("loopback");
        assert!(server.address().ip().is_loopback());
        assert_ne!(server.address().port(), 0);
        let server = config("0.0.0.0:0").with_token("secret").bind();
        assert!(server.expect("a token").address().ip().is_unspecified());
    }

    #[test]
    fn what_cannot_be_offered_is_refused() {
        assert_eq!(
            refusal(config("127.0.0.1:0").with_token("")),
            "device server at 127.0.0.1:0: the token is empty; put a secret word into \
             ELMAN_DEVICE_TOKEN"
        );
        let remote = "remote:ws://127.0.0.1:3000".parse().expect("a device");
        assert_eq!(
            refusal(config("127.0.0.1:0").with_device(remote)),
            "device server at 127.0.0.1:0: `remote:ws://127.0.0.1:3000` is another machine's; \
             offer a device of this machine"
        );
        let taken = config("127.0.0.1:0").bind().expect("free").address();
        let holder = TcpListener::bind(taken).expect("free again");
        let message = refusal(config(&taken.to_string()));
        assert!(
            message.contains("choose an address of this machine and a free port (0: any)"),
            "{message}"
        );
        drop(holder);
    }

    #[test]
    fn a_server_without_our_operations_is_refused() {
        let mut server = config("127.0.0.1:0").bind().expect("a free port");
        server.server = RemoteServer::new([Device::flex()]);
        let name = format!("remote:ws://{}", server.address());
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| server.serve(|| stop.load(Ordering::Relaxed)));
            let name: DeviceName = name.parse().expect("a device");
            let refused = name.resolve();
            stop.store(true, Ordering::Relaxed);
            assert_eq!(
                refused.expect_err("not ours").to_string(),
                format!(
                    "device `{name}`: the server is not one of elman's; start `elman \
                     device-server` there"
                )
            );
            serving.join().expect("no panic").expect("served");
        });
    }

    #[test]
    fn a_token_is_not_shown() {
        let shown = format!("{:?}", config("127.0.0.1:0").with_token("secret"));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
