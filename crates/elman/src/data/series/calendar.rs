//! Features that time stamps alone give, for steps that are known and for those to be forecast.

use std::f64::consts::TAU;

use jiff::civil::DateTime;

use super::clock::Clock;
use super::table::Series;
use crate::error::{Error, Result};

/// What of a stamp a network sees (`forecast.calendar`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CalendarFeature {
    /// The time of day, with its minutes (`"hour"`).
    Hour,
    /// The day of the week (`"weekday"`).
    Weekday,
    /// The day of the month (`"day_of_month"`).
    DayOfMonth,
    /// The day of the year (`"day_of_year"`).
    DayOfYear,
    /// The week of the year, after ISO 8601 (`"week"`).
    Week,
    /// The month (`"month"`).
    Month,
    /// The place within the series' own season, by its stamps as
    /// [`Series::place_in_season`] says, without stamps counted from its first step (`"season"`).
    Season,
}

/// How a feature of the calendar is put into numbers (`forecast.encoding`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Encoding {
    /// Sine and cosine of its place on a circle: December is next to January (`"sines"`).
    #[default]
    Sines,
    /// Its place from -0.5 to 0.5, one number (`"number"`).
    Number,
}

impl Encoding {
    /// How many numbers a feature becomes.
    pub fn size(self) -> usize {
        match self {
            Self::Sines => 2,
            Self::Number => 1,
        }
    }

    fn push(self, place: f64, out: &mut Vec<f64>) {
        match self {
            Self::Sines => out.extend([(TAU * place).sin(), (TAU * place).cos()]),
            Self::Number => out.push(place - 0.5),
        }
    }
}

const HOURS: f64 = 24.0;
const MINUTES: f64 = 60.0;
const WEEKDAYS: f64 = 7.0;
const LONGEST_MONTH: f64 = 31.0;
const LONGEST_YEAR: f64 = 366.0;
const MOST_WEEKS: f64 = 53.0;
const MONTHS: f64 = 12.0;

impl CalendarFeature {
    /// The features of one step of `series`, `[features x encoding]`; `step` may lie beyond its end.
    ///
    /// # Errors
    ///
    /// When stamps are needed and the table has none, or the step lies beyond year 9999.
    pub fn encode(
        features: &[Self],
        encoding: Encoding,
        (series, clock): (&Series, &Clock),
        step: usize,
    ) -> Result<Vec<f64>> {
        let stamp = series.frequency.add(clock, series.start, step as i64);
        let civil = stamp.and_then(|stamp| clock.civil(stamp));
        let mut numbers = Vec::new();
        for feature in features {
            let place = match (feature, civil) {
                (Self::Season, _) => {
                    let place = (series.place_in_season(clock) + step) % series.season;
                    place as f64 / series.season as f64
                }
                (feature, Some(civil)) => feature.place(civil),
                (_, None) => return Err(no_stamp(clock, step)),
            };
            encoding.push(place, &mut numbers);
        }
        Ok(numbers)
    }

    /// The place within the feature's own round, from 0 to below 1.
    fn place(self, at: DateTime) -> f64 {
        match self {
            Self::Hour => (f64::from(at.hour()) + f64::from(at.minute()) / MINUTES) / HOURS,
            Self::Weekday => f64::from(at.weekday().to_monday_zero_offset()) / WEEKDAYS,
            Self::DayOfMonth => f64::from(at.day() - 1) / LONGEST_MONTH,
            Self::DayOfYear => f64::from(at.day_of_year() - 1) / LONGEST_YEAR,
            Self::Week => f64::from(at.date().iso_week_date().week() - 1) / MOST_WEEKS,
            Self::Month => f64::from(at.month() - 1) / MONTHS,
            Self::Season => 0.0,
        }
    }
}

fn no_stamp(clock: &Clock, step: usize) -> Error {
    match clock {
        Clock::Counted | Clock::Whole => Error::argument(
            "forecast.calendar",
            "the table has no dates or times",
            "name the column of stamps by `data.time`, set `data.start` and `data.frequency`, or use \
             `season` alone",
        ),
        _ => Error::argument(
            "forecast.calendar",
            format!("step {step} lies beyond the year 9999"),
            "forecast fewer steps",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::series::clock::{Written, read};
    use crate::data::series::frequency::Frequency;

    fn series(start: &str, frequency: Frequency) -> Series {
        let start = match read(start, None) {
            Some(Written::Local(start)) => start,
            _ => 0,
        };
        Series {
            id: "a".to_owned(),
            group: frequency.to_string(),
            start,
            frequency,
            season: frequency.season(),
            targets: vec![vec![0.0; 3]],
            known: Vec::new(),
            past: Vec::new(),
            filled: Vec::new(),
            statics: Vec::new(),
            official_test: None,
        }
    }

    #[test]
    fn places_go_round_once() {
        let hours = series("2024-01-01", Frequency::Seconds(1800));
        let encode = |features: &[CalendarFeature], step| {
            let of = (&hours, &Clock::Local);
            CalendarFeature::encode(features, Encoding::Number, of, step).expect("encoded")
        };
        let both = [CalendarFeature::Hour, CalendarFeature::Weekday];
        assert_eq!(encode(&both, 0), [-0.5, -0.5]);
        assert_eq!(encode(&both, 24), [0.0, -0.5]);
        assert_eq!(encode(&both, 49), [1.0 / 48.0 - 0.5, 1.0 / 7.0 - 0.5]);
        assert_eq!(encode(&[CalendarFeature::Season], 12), [-0.25]);
    }

    #[test]
    fn sines_join_the_ends() {
        let months = series("2023-12-01", Frequency::Months(1));
        let of = (&months, &Clock::Local);
        let encode = |step| {
            CalendarFeature::encode(&[CalendarFeature::Month], Encoding::Sines, of, step)
                .expect("encoded")
        };
        let distance = |one: Vec<f64>, other: Vec<f64>| -> f64 {
            one.iter()
                .zip(&other)
                .map(|(a, b)| (a - b).powi(2))
                .sum::<f64>()
                .sqrt()
        };
        let (december, january, july) = (encode(0), encode(1), encode(7));
        assert_eq!(january, [0.0, 1.0]);
        assert!(distance(december.clone(), january) < 0.53);
        assert!(distance(december, july) > 1.9);
        let twelve = encode(13);
        assert!(distance(twelve, encode(1)) < 1e-12);
    }

    #[test]
    fn without_stamps_there_is_only_the_season() {
        let steps = series("", Frequency::Whole(1));
        let of = (&steps, &Clock::Counted);
        let month = CalendarFeature::encode(&[CalendarFeature::Month], Encoding::Sines, of, 0);
        let message = month.expect_err("no stamps").to_string();
        insta::assert_snapshot!(message, @"forecast.calendar: the table has no dates or times; name the column of stamps by `data.time`, set `data.start` and `data.frequency`, or use `season` alone");
        let last = series("9999-12-01", Frequency::Months(1));
        let beyond = CalendarFeature::encode(
            &[CalendarFeature::Month],
            Encoding::Sines,
            (&last, &Clock::Local),
            1,
        );
        let message = beyond.expect_err("too late").to_string();
        insta::assert_snapshot!(message, @"forecast.calendar: step 1 lies beyond the year 9999; forecast fewer steps");
    }
}
