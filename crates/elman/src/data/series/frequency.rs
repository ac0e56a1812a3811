//! How far two steps of a series are apart.

use std::fmt;

use jiff::civil::{Date, DateTime, Weekday};

use super::clock::{self, Clock, Moment};

/// How far two neighbouring steps are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Frequency {
    /// So much in whole numbers.
    Whole(i64),
    /// So many seconds.
    Seconds(i64),
    /// So many days, however long those are where clocks are set.
    Days(i64),
    /// One day, without Saturdays and Sundays.
    BusinessDays,
    /// So many months.
    Months(i64),
}

const MINUTE: i64 = 60;
const HOUR: i64 = 60 * MINUTE;
const DAY: i64 = 24 * HOUR;
const WEEK_DAYS: i64 = 7;
const WORK_DAYS: i64 = 5;
const YEAR_WEEKS: usize = 52;
const YEAR_MONTHS: i64 = 12;
const QUARTER_MONTHS: i64 = 3;
/// No month is shorter.
const SHORTEST_MONTH: i64 = 28 * DAY;

/// The words for frequencies, as recipes and reports spell them.
pub const WORDS: [(&str, Frequency); 12] = [
    ("year", Frequency::Months(YEAR_MONTHS)),
    ("quarter", Frequency::Months(QUARTER_MONTHS)),
    ("month", Frequency::Months(1)),
    ("week", Frequency::Days(WEEK_DAYS)),
    ("day", Frequency::Days(1)),
    ("business_day", Frequency::BusinessDays),
    ("hour", Frequency::Seconds(HOUR)),
    ("half_hour", Frequency::Seconds(30 * MINUTE)),
    ("quarter_hour", Frequency::Seconds(15 * MINUTE)),
    ("minute", Frequency::Seconds(MINUTE)),
    ("second", Frequency::Seconds(1)),
    ("step", Frequency::Whole(1)),
];

impl fmt::Display for Frequency {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some((word, _)) = WORDS.iter().find(|(_, frequency)| frequency == self) {
            return f.write_str(word);
        }
        match *self {
            Self::Whole(step) => write!(f, "{step} steps"),
            Self::Seconds(seconds) if seconds % HOUR == 0 => write!(f, "{} hours", seconds / HOUR),
            Self::Seconds(seconds) if seconds % MINUTE == 0 => {
                write!(f, "{} minutes", seconds / MINUTE)
            }
            Self::Seconds(seconds) => write!(f, "{seconds} seconds"),
            Self::Days(days) => write!(f, "{days} days"),
            Self::BusinessDays => f.write_str("business_day"),
            Self::Months(months) => write!(f, "{months} months"),
        }
    }
}

impl Frequency {
    /// How many steps the usual season has: 12 months, 4 quarters, 7 days, 24 hours; 1 where there
    /// is none.
    pub fn season(self) -> usize {
        let within = |whole: i64, part: i64| match whole % part {
            0 if part < whole => (whole / part) as usize,
            _ => 1,
        };
        match self {
            Self::Whole(_) => 1,
            Self::Seconds(seconds) => within(DAY, seconds),
            Self::Days(WEEK_DAYS) => YEAR_WEEKS,
            Self::Days(days) => within(WEEK_DAYS, days),
            Self::BusinessDays => WORK_DAYS as usize,
            Self::Months(months) => within(YEAR_MONTHS, months),
        }
    }

    /// The frequency of `stamps`, which rise; none when there are fewer than two, or they are on no
    /// grid.
    ///
    /// The step is the commonest difference; every other must be a multiple of it. Where no stamp of
    /// daily data is on a weekend, the step is a business day.
    pub fn of(stamps: &[i64], clock: &Clock) -> Option<Self> {
        let differences: Vec<i64> = stamps.windows(2).map(|pair| pair[1] - pair[0]).collect();
        let common = commonest(&differences)?;
        let candidates = match clock {
            Clock::Counted | Clock::Whole => vec![Self::Whole(common)],
            Clock::Local | Clock::Zoned(_) => Self::of_times(stamps, common, clock),
        };
        let fits = |frequency: &Self| {
            let mut pairs = stamps.windows(2);
            pairs.all(|pair| frequency.between(clock, pair[0], pair[1]).is_some())
        };
        candidates.into_iter().find(fits)
    }

    fn of_times(stamps: &[i64], common: i64, clock: &Clock) -> Vec<Self> {
        let civil: Vec<DateTime> = stamps.iter().filter_map(|&it| clock.civil(it)).collect();
        let mut candidates = Vec::new();
        if common >= SHORTEST_MONTH {
            let months =
                |pair: &[DateTime]| month_index(pair[1].date()) - month_index(pair[0].date());
            let months: Vec<i64> = civil.windows(2).map(months).collect();
            candidates.extend(commonest(&months).filter(|&it| it > 0).map(Self::Months));
        }
        let days = |pair: &[DateTime]| days_between(pair[0].date(), pair[1].date());
        let days: Vec<i64> = civil.windows(2).map(days).collect();
        let at_one_time = civil
            .windows(2)
            .all(|pair| pair[0].time() == pair[1].time());
        if at_one_time && let Some(common) = commonest(&days).filter(|&it| it > 0) {
            let works = civil.iter().all(|it| is_business_day(it.date()));
            if common == 1 && works && civil.len() as i64 > WORK_DAYS {
                candidates.push(Self::BusinessDays);
            }
            candidates.push(Self::Days(common));
        }
        candidates.push(Self::Seconds(common));
        candidates
    }

    /// The number of the step at `stamp`, so counted that a usual season begins at a multiple of its
    /// length: with January, a Monday, midnight (in UTC, of moments). Whole numbers count from 0. None
    /// beyond the years 1 to 9999.
    pub(super) fn number(self, clock: &Clock, stamp: i64) -> Option<i64> {
        Some(match self {
            Self::Whole(step) | Self::Seconds(step) => stamp.div_euclid(step),
            Self::Days(step) => days_between(MONDAY, clock.civil(stamp)?.date()).div_euclid(step),
            Self::BusinessDays => business_index(clock.civil(stamp)?.date()),
            Self::Months(step) => month_index(clock.civil(stamp)?.date()).div_euclid(step),
        })
    }

    /// How many steps lie between two stamps; none when `to` is not on the grid of `from`.
    pub fn between(self, clock: &Clock, from: i64, to: i64) -> Option<i64> {
        let whole = |distance: i64, step: i64| (distance % step == 0).then(|| distance / step);
        match self {
            Self::Whole(step) | Self::Seconds(step) => whole(to - from, step),
            Self::Days(step) => {
                let (from, to) = (clock.civil(from)?, clock.civil(to)?);
                let days = whole(days_between(from.date(), to.date()), step)?;
                (from.time() == to.time()).then_some(days)
            }
            Self::BusinessDays => {
                let (from, to) = (clock.civil(from)?, clock.civil(to)?);
                let on_grid = from.time() == to.time()
                    && is_business_day(from.date())
                    && is_business_day(to.date());
                on_grid.then(|| business_index(to.date()) - business_index(from.date()))
            }
            Self::Months(step) => {
                let (first, second) = (clock.civil(from)?, clock.civil(to)?);
                let months = month_index(second.date()) - month_index(first.date());
                let steps = whole(months, step)?;
                (same_day(first.date(), second.date()) && first.time() == second.time())
                    .then_some(steps)
            }
        }
    }

    /// The stamp `steps` after `from` (before, if negative); none beyond the years 1 to 9999.
    pub fn add(self, clock: &Clock, from: i64, steps: i64) -> Option<i64> {
        let civil = || clock.civil(from);
        let local = match self {
            Self::Whole(step) | Self::Seconds(step) => {
                let to = from.checked_add(step.checked_mul(steps)?)?;
                let is_time = matches!(clock, Clock::Local | Clock::Zoned(_));
                return (!is_time || clock.civil(to).is_some()).then_some(to);
            }
            Self::Days(step) => civil()?
                .checked_add(steps.checked_mul(step)?.days_span()?)
                .ok()?,
            Self::BusinessDays => {
                let at = business_index(civil()?.date()).checked_add(steps)?;
                let days = at.div_euclid(WORK_DAYS) * WEEK_DAYS + at.rem_euclid(WORK_DAYS);
                let date = MONDAY.checked_add(days.days_span()?).ok()?;
                date.to_datetime(civil()?.time())
            }
            Self::Months(step) => add_months(civil()?, steps.checked_mul(step)?)?,
        };
        let seconds = clock::seconds(local);
        match clock {
            Clock::Zoned(zone) => match clock::moment(seconds, zone)? {
                Moment::Once(moment) | Moment::Twice(moment, _) => Some(moment),
                // Midnight that a clock skips: the day begins when the clock goes on.
                Moment::Never => {
                    let ambiguous = zone.to_ambiguous_timestamp(local);
                    Some(ambiguous.compatible().ok()?.as_second())
                }
            },
            _ => Some(seconds),
        }
    }
}

/// A number of days as jiff counts them.
trait DaysSpan {
    fn days_span(self) -> Option<jiff::Span>;
}

impl DaysSpan for i64 {
    fn days_span(self) -> Option<jiff::Span> {
        jiff::Span::new().try_days(self).ok()
    }
}

/// The Monday from which business days are counted.
const MONDAY: Date = Date::constant(1970, 1, 5);

fn is_business_day(date: Date) -> bool {
    !matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday)
}

/// Business days since [`MONDAY`], of a business day.
fn business_index(date: Date) -> i64 {
    let days = days_between(MONDAY, date);
    days.div_euclid(WEEK_DAYS) * WORK_DAYS + days.rem_euclid(WEEK_DAYS)
}

fn days_between(from: Date, to: Date) -> i64 {
    to.duration_since(from).as_secs() / DAY
}

fn month_index(date: Date) -> i64 {
    i64::from(date.year()) * YEAR_MONTHS + i64::from(date.month()) - 1
}

/// The same day of a month, or both a month's last.
fn same_day(one: Date, other: Date) -> bool {
    let is_last = |date: Date| date.day() == date.days_in_month();
    let shorter = one.days_in_month().min(other.days_in_month());
    one.day() == other.day()
        || (is_last(one) && is_last(other))
        || (one.day().min(shorter) == other.day().min(shorter) && (is_last(one) || is_last(other)))
}

/// The same day `months` later; the last of a month stays the last.
fn add_months(from: DateTime, months: i64) -> Option<DateTime> {
    let months = i32::try_from(months).ok()?;
    let to = from
        .checked_add(jiff::Span::new().try_months(months).ok()?)
        .ok()?;
    let was_last = from.day() == from.days_in_month();
    Some(if was_last { to.last_of_month() } else { to })
}

/// The commonest of `differences`; of equally common ones the smallest.
fn commonest(differences: &[i64]) -> Option<i64> {
    let mut sorted = differences.to_vec();
    sorted.sort_unstable();
    let runs = sorted.chunk_by(|one, other| one == other);
    let (_, step) = runs.map(|run| (run.len(), run[0])).fold(
        (0, None),
        |best: (usize, Option<i64>), (count, step)| {
            if count > best.0 {
                (count, Some(step))
            } else {
                best
            }
        },
    );
    step
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::series::clock::{Written, read};

    fn stamps(texts: &[&str]) -> Vec<i64> {
        let stamp = |text: &&str| match read(text, None) {
            Some(Written::Local(stamp) | Written::Whole(stamp) | Written::Moment(stamp)) => stamp,
            None => panic!("{text}"),
        };
        texts.iter().map(stamp).collect()
    }

    fn of(texts: &[&str]) -> String {
        let found = Frequency::of(&stamps(texts), &Clock::Local);
        found.map_or("none".to_owned(), |found| found.to_string())
    }

    #[test]
    fn a_frequency_is_found() {
        assert_eq!(of(&["2024-01-01", "2024-02-01", "2024-03-01"]), "month");
        assert_eq!(of(&["2024-01-31", "2024-02-29", "2024-03-31"]), "month");
        assert_eq!(of(&["2024-01-01", "2024-04-01", "2024-10-01"]), "quarter");
        assert_eq!(of(&["2020-01-01", "2021-01-01", "2022-01-01"]), "year");
        assert_eq!(of(&["2024-01-01", "2024-01-08", "2024-01-22"]), "week");
        assert_eq!(of(&["2024-01-01", "2024-01-02", "2024-01-06"]), "day");
        assert_eq!(of(&["2024-01-01 00:00", "2024-01-01 00:30"]), "half_hour");
        assert_eq!(of(&["2024-01-01 00:00", "2024-01-01 00:10"]), "10 minutes");
        assert_eq!(
            of(&["2024-01-01", "2024-01-02", "2024-01-03 12:00"]),
            "none"
        );
        assert_eq!(of(&["2024-01-01"]), "none");
        let week = ["2024-01-04", "2024-01-05", "2024-01-08", "2024-01-09"];
        let week = [&week[..], &["2024-01-10", "2024-01-12"]].concat();
        assert_eq!(of(&week), "business_day");
    }

    #[test]
    fn steps_are_counted_and_taken_back() {
        let cases = [
            (Frequency::Months(1), "2024-01-31", 1, "2024-02-29"),
            (Frequency::Months(1), "2024-02-29", 1, "2024-03-31"),
            (Frequency::Months(3), "2024-01-01", 5, "2025-04-01"),
            (Frequency::Days(7), "2024-02-26", 1, "2024-03-04"),
            (Frequency::BusinessDays, "2024-01-05", 1, "2024-01-08"),
            (Frequency::BusinessDays, "2024-01-08", -1, "2024-01-05"),
            (Frequency::BusinessDays, "1969-12-31", 3, "1970-01-05"),
            (
                Frequency::Seconds(1800),
                "2024-01-01 23:30",
                1,
                "2024-01-02",
            ),
        ];
        for (frequency, from, steps, to) in cases {
            let [from, to] = [stamps(&[from])[0], stamps(&[to])[0]];
            assert_eq!(
                frequency.add(&Clock::Local, from, steps),
                Some(to),
                "{frequency}"
            );
            assert_eq!(
                frequency.between(&Clock::Local, from, to),
                Some(steps),
                "{frequency}"
            );
        }
    }

    #[test]
    fn beyond_the_year_9999_there_is_nothing() {
        let last = stamps(&["9999-12-01"])[0];
        for frequency in [
            Frequency::Months(1),
            Frequency::Days(31),
            Frequency::Seconds(31 * DAY),
        ] {
            assert_eq!(frequency.add(&Clock::Local, last, 1), None, "{frequency}");
        }
        let first = stamps(&["0001-01-01"])[0];
        assert!(
            Frequency::Months(12)
                .add(&Clock::Local, first, 9998)
                .is_some()
        );
        assert_eq!(Frequency::Whole(2).add(&Clock::Whole, i64::MAX, 1), None);
    }

    #[test]
    fn days_go_on_where_clocks_are_set() {
        let berlin = Clock::Zoned(jiff::tz::TimeZone::get("Europe/Berlin").expect("a zone"));
        let noon = stamps(&["2024-03-30T11:00:00Z"])[0];
        let next = Frequency::Days(1)
            .add(&berlin, noon, 1)
            .expect("a day later");
        assert_eq!(next - noon, 23 * HOUR);
        let times = [
            noon,
            next,
            Frequency::Days(1).add(&berlin, noon, 2).expect("two"),
        ];
        assert_eq!(Frequency::of(&times, &berlin), Some(Frequency::Days(1)));
        let hours: Vec<i64> = (0..30).map(|hour| noon + hour * HOUR).collect();
        assert_eq!(
            Frequency::of(&hours, &berlin),
            Some(Frequency::Seconds(HOUR))
        );
    }

    #[test]
    fn steps_are_numbered_from_the_beginning_of_a_season() {
        let number = |frequency: Frequency, text| {
            let found = frequency.number(&Clock::Local, stamps(&[text])[0]);
            let season = frequency.season().max(1) as i64;
            found.map(|number| number.rem_euclid(season))
        };
        assert_eq!(number(Frequency::Months(1), "1949-01-31"), Some(0));
        assert_eq!(number(Frequency::Months(1), "2024-12-01"), Some(11));
        assert_eq!(number(Frequency::Months(3), "2024-04-01"), Some(1));
        assert_eq!(number(Frequency::Days(1), "2024-03-03"), Some(6));
        assert_eq!(number(Frequency::BusinessDays, "1969-12-30"), Some(1));
        let hour = Frequency::Seconds(3600);
        assert_eq!(number(hour, "1960-02-29 23:00"), Some(23));
        let week = Frequency::Days(7).number(&Clock::Local, stamps(&["2024-01-09"])[0]);
        let next = Frequency::Days(7).number(&Clock::Local, stamps(&["2024-01-16"])[0]);
        assert_eq!(week.map(|week| week + 1), next);
        assert_eq!(Frequency::Whole(1).number(&Clock::Whole, 1949), Some(1949));
    }

    #[test]
    fn seasons_are_the_usual_ones() {
        let found: Vec<usize> = WORDS
            .iter()
            .map(|(_, frequency)| frequency.season())
            .collect();
        assert_eq!(found, [1, 4, 12, 52, 7, 5, 24, 48, 96, 1440, 86400, 1]);
    }
}
