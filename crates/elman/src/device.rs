//! Devices by name: this machine's, and those that others offer.

#[cfg(feature = "remote")]
mod server;

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

#[cfg(feature = "remote")]
pub use server::{DeviceServer, DeviceServerConfig};

/// The environment variable with the token that remote servers ask for. A token is a secret: it
/// stands in no recipe, because a run's folder keeps the recipe.
pub const TOKEN_VARIABLE: &str = "ELMAN_DEVICE_TOKEN";

/// The name of a device, as a recipe says it: `device = "cpu"`, `"wgpu:0"`,
/// `"remote:ws://HOST:PORT"`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceName {
    /// This machine's processor, with the kernels (`"cpu"`).
    Cpu,
    /// A graphics card of this machine (`"wgpu"`, `"cuda:1"`).
    Graphics {
        /// How it is spoken to.
        interface: Graphics,
        /// Which card, from 0; `None`: the one that the interface prefers.
        index: Option<u16>,
    },
    /// The first device of an `elman device-server` (`"remote:ws://HOST:PORT"`).
    Remote {
        /// `ws://HOST:PORT`.
        url: String,
    },
}

/// How graphics cards are spoken to. Each is a feature of this crate and of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Graphics {
    /// WebGPU, on whatever the machine has below it.
    Wgpu,
    /// Vulkan.
    Vulkan,
    /// Apple's Metal.
    Metal,
    /// NVIDIA's CUDA.
    Cuda,
    /// AMD's ROCm.
    Rocm,
}

impl Graphics {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Wgpu,
        Self::Vulkan,
        Self::Metal,
        Self::Cuda,
        Self::Rocm,
    ];

    /// Its word in a recipe, which is also the name of its feature.
    pub fn word(self) -> &'static str {
        match self {
            Self::Wgpu => "wgpu",
            Self::Vulkan => "vulkan",
            Self::Metal => "metal",
            Self::Cuda => "cuda",
            Self::Rocm => "rocm",
        }
    }

    /// Is it built in?
    pub fn is_built_in(self) -> bool {
        match self {
            Self::Wgpu => cfg!(feature = "wgpu"),
            Self::Vulkan => cfg!(feature = "vulkan"),
            Self::Metal => cfg!(feature = "metal"),
            Self::Cuda => cfg!(feature = "cuda"),
            Self::Rocm => cfg!(feature = "rocm"),
        }
    }

    /// The cards that this machine has; `None` when the interface is not built in.
    #[allow(unreachable_patterns, reason = "which features there are decides")]
    fn cards(self) -> Option<Vec<Device>> {
        #[cfg(any(
            feature = "wgpu",
            feature = "vulkan",
            feature = "metal",
            feature = "cuda",
            feature = "rocm"
        ))]
        use burn::tensor::DeviceType;
        match self {
            #[cfg(feature = "wgpu")]
            Self::Wgpu => Some(Device::enumerate(DeviceType::WebGpu).into_iter().collect()),
            #[cfg(feature = "vulkan")]
            Self::Vulkan => Some(Device::enumerate(DeviceType::Vulkan).into_iter().collect()),
            #[cfg(feature = "metal")]
            Self::Metal => Some(Device::enumerate(DeviceType::Metal).into_iter().collect()),
            #[cfg(feature = "cuda")]
            Self::Cuda => Some(Device::enumerate(DeviceType::Cuda).into_iter().collect()),
            #[cfg(feature = "rocm")]
            Self::Rocm => Some(Device::enumerate(DeviceType::Rocm).into_iter().collect()),
            _ => None,
        }
    }
}

impl DeviceName {
    /// The device of this name, without autodiff. A remote one is connected now, with the token of
    /// [`TOKEN_VARIABLE`] if that is set.
    ///
    /// # Errors
    ///
    /// When this build has no such devices, the machine has no such card, or no server answers, or
    /// it refuses.
    pub fn resolve(&self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Graphics { interface, index } => self.card(*interface, *index),
            Self::Remote { url } => self.connect(url),
        }
    }

    fn card(&self, interface: Graphics, index: Option<u16>) -> Result<Device> {
        let Some(cards) = interface.cards() else {
            return Err(self.not_built_in(interface.word()));
        };
        let wanted = usize::from(index.unwrap_or(0));
        let count = cards.len();
        cards.into_iter().nth(wanted).ok_or_else(|| {
            self.unusable(
                format!("this machine has {count} such devices, counted from 0"),
                "name one that `elman devices` lists",
            )
        })
    }

    #[cfg(not(feature = "remote"))]
    fn connect(&self, _url: &str) -> Result<Device> {
        Err(self.not_built_in("remote"))
    }

    #[cfg(feature = "remote")]
    fn connect(&self, url: &str) -> Result<Device> {
        use crate::fused::{self, remote::Server};
        use burn::remote::{ConnectError, RemoteHost};
        let mut host = RemoteHost::websocket(url);
        if let Ok(token) = std::env::var(TOKEN_VARIABLE) {
            host = host.with_credential(token);
        }
        let device = Device::remote_options(&host).init().map_err(|error| {
            let remedy = match error {
                ConnectError::Unauthorized => {
                    format!("put the token that the server was started with into {TOKEN_VARIABLE}")
                }
                ConnectError::IncompatibleProtocol { .. } => {
                    "run the same version of elman on both machines".to_owned()
                }
                _ => "start `elman device-server` there, or correct the address".to_owned(),
            };
            self.unusable(error.to_string(), remedy)
        })?;
        match fused::remote::ask(&device) {
            Server::Ours => Ok(device),
            Server::OtherVersion => Err(self.unusable(
                "the server is of another version of elman",
                "run the same version of elman on both machines",
            )),
            Server::Foreign => Err(self.unusable(
                "the server is not one of elman's",
                "start `elman device-server` there",
            )),
        }
    }

    fn unusable(&self, problem: impl Into<String>, remedy: impl Into<String>) -> Error {
        Error::argument(format!("device `{self}`"), problem, remedy)
    }

    #[allow(dead_code, reason = "a build with every feature has no use for it")]
    fn not_built_in(&self, feature: &str) -> Error {
        self.unusable(
            "is not in this build",
            format!("build elman with `--features {feature}`"),
        )
    }
}

/// A kind of device and what of it is there.
#[derive(Clone, Debug)]
pub struct DeviceReport {
    /// The name for a recipe; a pattern (`remote:ws://HOST:PORT`) where there is no list.
    pub name: String,
    /// Can a layer be put there, as far as this machine can tell?
    pub available: bool,
    /// What it is, or what is missing.
    pub note: String,
}

/// What this build knows of, and what of it is on this machine.
pub fn devices() -> Vec<DeviceReport> {
    let mut found = vec![DeviceReport {
        name: DeviceName::Cpu.to_string(),
        available: true,
        note: format!("processor, {} threads", crate::threads::get()),
    }];
    let missing = |name: String, feature: &str| DeviceReport {
        name,
        available: false,
        note: format!("not in this build; build with --features {feature}"),
    };
    for interface in Graphics::ALL {
        let word = interface.word();
        match interface.cards() {
            None => found.push(missing(word.to_owned(), word)),
            Some(cards) if cards.is_empty() => found.push(DeviceReport {
                name: word.to_owned(),
                available: false,
                note: "no such device on this machine".to_owned(),
            }),
            Some(cards) => {
                found.extend(cards.iter().enumerate().map(|(index, card)| DeviceReport {
                    name: format!("{word}:{index}"),
                    available: true,
                    note: format!("{card:?}"),
                }));
            }
        }
    }
    let pattern = "remote:ws://HOST:PORT".to_owned();
    found.push(if cfg!(feature = "remote") {
        DeviceReport {
            name: pattern,
            available: true,
            note: "another machine's, where `elman device-server` runs".to_owned(),
        }
    } else {
        missing(pattern, "remote")
    });
    found
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
            Self::Graphics { interface, index } => {
                f.write_str(interface.word())?;
                match index {
                    Some(index) => write!(f, ":{index}"),
                    None => Ok(()),
                }
            }
            Self::Remote { url } => write!(f, "remote:{url}"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refuse = |problem: &str, remedy: &str| {
            Err(Error::argument(format!("device `{text}`"), problem, remedy))
        };
        if text == "cpu" {
            return Ok(Self::Cpu);
        }
        if let Some(url) = text.strip_prefix("remote:") {
            return match url
                .strip_prefix("ws://")
                .and_then(|rest| rest.rsplit_once(':'))
            {
                Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => {
                    Ok(Self::Remote {
                        url: url.to_owned(),
                    })
                }
                _ => refuse(
                    "is not the address of a device server",
                    "write `remote:ws://HOST:PORT`",
                ),
            };
        }
        let (word, index) = match text.split_once(':') {
            Some((word, index)) => (word, Some(index)),
            None => (text, None),
        };
        let Some(interface) = Graphics::ALL
            .into_iter()
            .find(|interface| interface.word() == word)
        else {
            return refuse(
                "no device has this name",
                "use `cpu`, `wgpu`, `vulkan`, `metal`, `cuda`, `rocm` (each with `:0`, `:1`, … for \
                 one of several) or `remote:ws://HOST:PORT`",
            );
        };
        match index.map(str::parse) {
            None => Ok(Self::Graphics {
                interface,
                index: None,
            }),
            Some(Ok(index)) => Ok(Self::Graphics {
                interface,
                index: Some(index),
            }),
            Some(Err(_)) => refuse(
                "its number is not one from 0 to 65535",
                "count the devices from 0, as `elman devices` does",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        for text in [
            "cpu",
            "wgpu",
            "wgpu:0",
            "vulkan:2",
            "metal",
            "cuda:65535",
            "rocm",
            "remote:ws://127.0.0.1:3000",
            "remote:ws://[::1]:3000",
        ] {
            let name: DeviceName = text.parse().expect("a device");
            assert_eq!(name.to_string(), text);
        }
        let cpu: DeviceName = "cpu".parse().expect("a device");
        assert_eq!(cpu.resolve().expect("it is there"), Device::flex());
    }

    #[test]
    fn other_names_are_refused_with_what_to_write() {
        let refusal = |text: &str| text.parse::<DeviceName>().expect_err("none").to_string();
        assert_eq!(
            refusal("gpu"),
            "device `gpu`: no device has this name; use `cpu`, `wgpu`, `vulkan`, `metal`, `cuda`, \
             `rocm` (each with `:0`, `:1`, … for one of several) or `remote:ws://HOST:PORT`"
        );
        for text in ["wgpu:", "cuda:-1", "cuda:65536", "cuda:one"] {
            assert_eq!(
                refusal(text),
                format!(
                    "device `{text}`: its number is not one from 0 to 65535; count the devices \
                     from 0, as `elman devices` does"
                )
            );
        }
        for text in [
            "remote:",
            "remote:127.0.0.1:3000",
            "remote:ws://127.0.0.1",
            "remote:ws://:3000",
            "remote:ws://host:70000",
        ] {
            assert_eq!(
                refusal(text),
                format!(
                    "device `{text}`: is not the address of a device server; write \
                     `remote:ws://HOST:PORT`"
                )
            );
        }
    }

    #[test]
    fn what_is_not_built_in_names_its_feature() {
        let mut missing: Vec<(String, &str)> = Graphics::ALL
            .into_iter()
            .filter(|interface| !interface.is_built_in())
            .map(|interface| (format!("{}:0", interface.word()), interface.word()))
            .collect();
        if !cfg!(feature = "remote") {
            missing.push(("remote:ws://127.0.0.1:3000".to_owned(), "remote"));
        }
        assert!(!missing.is_empty(), "no build has both Metal and ROCm");
        for (text, feature) in missing {
            let name: DeviceName = text.parse().expect("a device");
            assert_eq!(
                name.resolve().expect_err("not there").to_string(),
                format!(
                    "device `{text}`: is not in this build; build elman with `--features {feature}`"
                )
            );
            let reports = devices();
            let report = reports
                .iter()
                .find(|report| report.name.starts_with(feature))
                .expect("listed");
            assert!(!report.available);
            assert!(report.note.ends_with(&format!("--features {feature}")));
        }
    }
}
