//! Time series from tables: files to series on a regular grid, to scaled windows.

mod build;
mod calendar;
mod clock;
mod columns;
mod csv;
mod describe;
mod frequency;
mod grid;
mod m3;
mod missing;
mod parquet;
mod roles;
mod scaling;
mod seasonal;
mod stamps;
mod statics;
mod table;
#[cfg(test)]
mod tests;

pub(super) use clock::{Exact, exact};
pub(super) use columns::{Columns, NotANumber};

pub use calendar::{CalendarFeature, Encoding};
pub use clock::Clock;
pub use frequency::{Frequency, WORDS as FREQUENCIES};
pub use missing::Missing;
pub use scaling::{FittedScaling, Scaling};
pub use seasonal::season_indices;
pub use table::{Schema, Series, SeriesFile, SeriesTable, StaticColumn};
