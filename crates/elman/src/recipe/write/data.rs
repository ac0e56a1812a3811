//! The table `[data]`.

use super::Writer;
use crate::recipe::vocabulary::{FORMATS, FormatKind, word};
use crate::recipe::{AddingSettings, DataSettings, IdxSettings, ReberSettings};

pub(super) fn data(out: &mut Writer, data: &DataSettings) {
    let format = match data {
        DataSettings::Idx(_) => FormatKind::Idx,
        DataSettings::Reber(_) => FormatKind::Reber,
        DataSettings::Adding(_) => FormatKind::Adding,
    };
    out.table("data");
    out.text("format", word(FORMATS, format));
    // No `..`: a new setting must be written here.
    match data {
        DataSettings::Idx(IdxSettings {
            folder,
            classes,
            hold_out,
        }) => {
            out.text("folder", folder);
            out.set("classes", classes);
            out.set("hold_out", hold_out);
        }
        DataSettings::Reber(ReberSettings {
            numpy_seed,
            train,
            valid,
            test,
        }) => {
            out.set("numpy_seed", numpy_seed);
            counts(out, [train, valid, test]);
        }
        DataSettings::Adding(AddingSettings {
            time,
            train,
            valid,
            test,
        }) => {
            out.set("time", time);
            counts(out, [train, valid, test]);
        }
    }
}

fn counts(out: &mut Writer, [train, valid, test]: [&usize; 3]) {
    out.set("train", train);
    out.set("valid", valid);
    out.set("test", test);
}
