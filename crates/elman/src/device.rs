//! Devices by name.

use std::fmt;
use std::str::FromStr;

use burn::tensor::Device;

use crate::error::{Error, Result};

/// The name of a device, as a recipe says it (`device = "cpu"`).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DeviceName {
    /// This machine's processor, with the kernels (`"cpu"`).
    Cpu,
}

impl DeviceName {
    /// The device of this name, without autodiff.
    ///
    /// # Errors
    ///
    /// When there is no such device on this machine.
    pub fn resolve(&self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
        }
    }
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu => f.write_str("cpu"),
        }
    }
}

impl FromStr for DeviceName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "cpu" => Ok(Self::Cpu),
            _ => Err(Error::argument(
                format!("device `{text}`"),
                "no device has this name",
                "use `cpu`",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_come_back_as_they_went() {
        let name: DeviceName = "cpu".parse().expect("a device");
        assert_eq!(name.to_string(), "cpu");
        assert_eq!(name.resolve().expect("it is there"), Device::flex());
        assert_eq!(
            "gpu".parse::<DeviceName>().expect_err("none").to_string(),
            "device `gpu`: no device has this name; use `cpu`"
        );
    }
}
