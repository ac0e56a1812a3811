//! `elman devices` and `elman device-server`.

use elman::device;
use serde_json::json;

use crate::Done;
use crate::arguments::{DeviceServerFlags, JsonFlag};
use crate::output;
use crate::reports::table;

pub(crate) fn list(flags: &JsonFlag) -> Done {
    let devices = device::devices();
    if flags.json {
        let objects: Vec<_> = devices
            .iter()
            .map(|device| {
                json!({
                    "name": device.name,
                    "available": device.available,
                    "note": device.note,
                })
            })
            .collect();
        return output::json(&objects);
    }
    let mut table = table(["device", "there", "what it is"]);
    for device in devices {
        let there = if device.available { "yes" } else { "no" };
        table.add_row([device.name, there.to_owned(), device.note]);
    }
    output::results(&table.to_string())
}

#[cfg(not(feature = "remote"))]
pub(crate) fn serve(flags: DeviceServerFlags) -> Done {
    Err(elman::Error::argument(
        format!("device server at {} for `{}`", flags.listen, flags.device),
        "is not in this build",
        "build elman with `--features remote`",
    )
    .into())
}

#[cfg(feature = "remote")]
pub(crate) fn serve(flags: DeviceServerFlags) -> Done {
    use crate::output::talk;
    use crate::signals::Signals;

    if let Some(threads) = flags.threads {
        elman::threads::set(threads);
    }
    let mut config = device::DeviceServerConfig::new(flags.listen).with_device(flags.device);
    if let Some(token) = std::env::var_os(device::TOKEN_VARIABLE) {
        let token = token.into_string().map_err(|_| {
            elman::Error::argument(
                device::TOKEN_VARIABLE,
                "is not UTF-8",
                "choose a token of letters and digits",
            )
        })?;
        config = config.with_token(token);
    }
    let signals = Signals::listen()?;
    let server = config.bind()?;
    let (device, address) = (server.device().to_string(), server.address());
    if flags.json.json {
        output::json(&[json!({"device": device, "address": address.to_string()})])?;
    } else {
        output::results(&format!("serving {device} at ws://{address}"))?;
        talk("Ctrl-C ends it, and the sessions with it");
    }
    server.serve(|| signals.received().is_some())?;
    talk("stopped");
    Ok(())
}
