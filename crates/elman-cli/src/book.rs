//! `elman book`.

use comfy_table::Table;
use comfy_table::presets::NOTHING;
use serde_json::json;

use crate::Done;
use crate::arguments::BookFlags;
use crate::output::{self, Failure};

pub(crate) fn run(flags: &BookFlags) -> Done {
    let numbers = elman::book::run(flags.example.as_deref())?;
    let hold = numbers.iter().filter(|number| number.holds()).count();
    if flags.json.json {
        let objects: Vec<_> = numbers
            .iter()
            .map(|number| {
                json!({
                    "example": number.example,
                    "name": number.name,
                    "book": number.book,
                    "here": number.here,
                    "holds": number.holds(),
                })
            })
            .collect();
        output::json(&objects)?;
    } else {
        let mut table = Table::new();
        table.load_style(NOTHING).set_header([
            "example",
            "number",
            "book",
            "here",
            "difference",
            "",
        ]);
        for number in &numbers {
            table.add_row([
                number.example.to_string(),
                number.name.to_string(),
                number.book.to_string(),
                number.here.to_string(),
                format!("{:.1e}", number.difference()),
                if number.holds() { "holds" } else { "DIFFERS" }.to_owned(),
            ]);
        }
        output::results(&format!("{table}\n\n{hold} of {} hold", numbers.len()))?;
    }
    if hold == numbers.len() {
        Ok(())
    } else {
        Err(Failure::Verdict)
    }
}
