//! What the time stamps of a table are, and how they are read and written.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};

/// What the numbers that stand for time stamps count.
///
/// Every stamp is one `i64`, so that series of any kind are worked on alike.
#[derive(Clone, Debug, PartialEq)]
pub enum Clock {
    /// The table has no stamps: steps are counted from 0.
    Counted,
    /// The stamps are whole numbers.
    Whole,
    /// Dates or times of day of no zone: seconds since 1970-01-01 00:00 on that clock.
    Local,
    /// Moments: seconds since 1970-01-01 00:00 UTC, shown in a zone.
    Zoned(TimeZone),
}

/// A stamp as it was written, before it is known what stands in its column.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// A whole number.
    Whole(i64),
    /// A date or time of day, in seconds as [`Clock::Local`] counts.
    Local(i64),
    /// A moment, with its own offset from UTC: in seconds as [`Clock::Zoned`] counts.
    Moment(i64),
}

/// A stamp as it was written, with parts of a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::data) enum Exact {
    /// A whole number.
    Whole(i64),
    /// A date or time of day.
    Local(DateTime),
    /// A moment, with its own offset from UTC.
    Moment(Timestamp),
}

impl From<Exact> for Written {
    fn from(exact: Exact) -> Self {
        match exact {
            Exact::Whole(whole) => Self::Whole(whole),
            Exact::Local(local) => Self::Local(seconds(local)),
            Exact::Moment(moment) => Self::Moment(moment.as_second()),
        }
    }
}

/// What stamps of no zone count from.
const EPOCH: DateTime = DateTime::constant(1970, 1, 1, 0, 0, 0, 0);
const SECONDS_IN_A_MINUTE: i32 = 60;

/// Larger whole numbers are no stamps: differences of these are far from overflowing.
const LARGEST_WHOLE: u64 = 1 << 53;

/// Forms that are read besides ISO 8601, with what is missing in them.
const FORMS: [&str; 4] = [
    "%Y/%m/%d",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
];

/// Reads `text` as a stamp; `form` is a form of `strptime`, if the user has named one.
///
/// Without a form: ISO 8601 (`2024-03-31`, `2024-03-31T02:30`, with an offset or `Z` a moment),
/// the same with slashes, a month (`2024-03`), a quarter (`2024Q1`), a whole number.
pub(super) fn read(text: &str, form: Option<&str>) -> Option<Written> {
    exact(text, form).map(Written::from)
}

/// The same with parts of a second.
pub(in crate::data) fn exact(text: &str, form: Option<&str>) -> Option<Exact> {
    let text = text.trim();
    if let Some(form) = form {
        return with_form(text, form);
    }
    if let Ok(whole) = text.parse::<i64>() {
        let fits = whole.unsigned_abs() <= LARGEST_WHOLE;
        return fits.then_some(Exact::Whole(whole));
    }
    if let Ok(moment) = text.parse::<Timestamp>() {
        return Some(Exact::Moment(moment));
    }
    let local = quarter(text)
        .or_else(|| month(text))
        .or_else(|| text.parse::<DateTime>().ok())
        .or_else(|| FORMS.iter().find_map(|form| parse_local(text, form)));
    local.map(Exact::Local)
}

/// The date that eight digits are, `20240131`, in the years 1800 to 2199.
pub(super) fn compact_date(digits: i64) -> Option<i64> {
    let year = i16::try_from(digits / 10_000).ok()?;
    let [month, day] = [digits / 100 % 100, digits % 100].map(|it| it as i8);
    let date = Date::new(year, month, day).ok()?;
    (1800..2200).contains(&year).then(|| seconds(date.into()))
}

fn with_form(text: &str, form: &str) -> Option<Exact> {
    if let Ok(moment) = Timestamp::strptime(form, text) {
        return Some(Exact::Moment(moment));
    }
    parse_local(text, form).map(Exact::Local)
}

fn parse_local(text: &str, form: &str) -> Option<DateTime> {
    let date = || Date::strptime(form, text).ok().map(DateTime::from);
    DateTime::strptime(form, text).ok().or_else(date)
}

/// `2024-03`: the first day of the month.
fn month(text: &str) -> Option<DateTime> {
    let (year, month) = text.split_once(['-', '/'])?;
    let fits = year.len() == 4 && (1..=2).contains(&month.len());
    let date = Date::new(year.parse().ok()?, month.parse().ok()?, 1).ok()?;
    fits.then(|| date.into())
}

/// `2024Q1`, `2024-Q1`: the first day of the quarter.
fn quarter(text: &str) -> Option<DateTime> {
    const MONTHS: i8 = 3;
    let (year, quarter) = text.split_once(['Q', 'q'])?;
    let quarter: i8 = quarter.parse().ok().filter(|it| (1..=4).contains(it))?;
    let year = year.trim_end_matches('-').parse().ok()?;
    let date = Date::new(year, (quarter - 1) * MONTHS + 1, 1).ok()?;
    Some(date.into())
}

/// Seconds since 1970-01-01 00:00 on the clock that shows `local`.
pub(super) fn seconds(local: DateTime) -> i64 {
    local.duration_since(EPOCH).as_secs()
}

/// The date and time of day that a clock shows at `seconds` since 1970-01-01 00:00.
pub(super) fn local(seconds: i64) -> Option<DateTime> {
    EPOCH
        .checked_add(jiff::SignedDuration::from_secs(seconds))
        .ok()
}

/// What a local time is in a zone whose clocks are set forward and back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    /// One moment.
    Once(i64),
    /// The clocks were set back: two moments, the earlier first.
    Twice(i64, i64),
    /// The clocks were set forward over it: there is no such time.
    Never,
}

/// The moment at which clocks in `zone` show `seconds`; none beyond the years that can be held.
pub(super) fn moment(seconds: i64, zone: &TimeZone) -> Option<Moment> {
    let ambiguous = zone.to_ambiguous_timestamp(local(seconds)?);
    Some(match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } => {
            Moment::Once(ambiguous.unambiguous().ok()?.as_second())
        }
        AmbiguousOffset::Gap { .. } => Moment::Never,
        AmbiguousOffset::Fold { .. } => Moment::Twice(
            ambiguous.earlier().ok()?.as_second(),
            ambiguous.later().ok()?.as_second(),
        ),
    })
}

impl Clock {
    /// The date and time of day at a stamp; none for numbers, and beyond year 9999.
    pub fn civil(&self, stamp: i64) -> Option<DateTime> {
        match self {
            Self::Counted | Self::Whole => None,
            Self::Local => local(stamp),
            Self::Zoned(zone) => {
                let moment = Timestamp::from_second(stamp).ok()?;
                Some(zone.to_datetime(moment))
            }
        }
    }

    /// A stamp as a person reads it: a date alone where the time of day is midnight.
    pub fn label(&self, stamp: i64) -> String {
        const MIDNIGHT: jiff::civil::Time = jiff::civil::Time::midnight();
        match (self, self.civil(stamp)) {
            (Self::Local, Some(local)) if local.time() == MIDNIGHT => local.date().to_string(),
            (Self::Local, Some(local)) => local.strftime("%Y-%m-%dT%H:%M:%S").to_string(),
            (Self::Zoned(zone), Some(local)) => {
                let moment = Timestamp::from_second(stamp).unwrap_or(Timestamp::UNIX_EPOCH);
                let minutes = zone.to_offset(moment).seconds() / SECONDS_IN_A_MINUTE;
                let sign = if minutes < 0 { '-' } else { '+' };
                let (hours, minutes) = (minutes.abs() / 60, minutes.abs() % 60);
                let local = local.strftime("%Y-%m-%dT%H:%M:%S");
                format!("{local}{sign}{hours:02}:{minutes:02}")
            }
            _ => stamp.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn label(text: &str) -> String {
        match read(text, None) {
            Some(Written::Whole(whole)) => Clock::Whole.label(whole),
            Some(Written::Local(local)) => Clock::Local.label(local),
            Some(Written::Moment(moment)) => Clock::Zoned(TimeZone::UTC).label(moment),
            None => "none".to_owned(),
        }
    }

    #[test]
    fn stamps_are_read_in_the_usual_forms() {
        for (text, expected) in [
            ("2024-03-31", "2024-03-31"),
            (" 2024/03/31 ", "2024-03-31"),
            ("2024-03-31 02:30", "2024-03-31T02:30:00"),
            ("2024/03/31 02:30:15", "2024-03-31T02:30:15"),
            ("2024-03-31T02:30:15", "2024-03-31T02:30:15"),
            ("2024-03", "2024-03-01"),
            ("2024Q2", "2024-04-01"),
            ("2024-Q4", "2024-10-01"),
            ("1949", "1949"),
            ("-3", "-3"),
            ("0001-01-01", "0001-01-01"),
            ("9999-12-31", "9999-12-31"),
            ("2024-02-30", "none"),
            ("31/03/2024", "none"),
            ("2024Q5", "none"),
            ("2024-13", "none"),
            ("", "none"),
        ] {
            assert_eq!(label(text), expected, "{text}");
        }
    }

    #[test]
    fn a_moment_has_an_offset_and_is_shown_in_a_zone() {
        let Some(Written::Moment(moment)) = read("2024-07-01T12:00:00+02:00", None) else {
            panic!("a moment");
        };
        assert_eq!(
            read("2024-07-01T10:00:00Z", None),
            Some(Written::Moment(moment))
        );
        let paris = TimeZone::get("Europe/Paris").expect("a zone");
        assert_eq!(
            Clock::Zoned(paris).label(moment),
            "2024-07-01T12:00:00+02:00"
        );
    }

    #[test]
    fn a_form_of_the_users_own_is_followed() {
        let expected = read("2024-03-31", None);
        assert_eq!(read("31.03.2024", Some("%d.%m.%Y")), expected);
        assert_eq!(read("2024-03-31", Some("%d.%m.%Y")), None);
        let time = read("2024-03-31 02:30", None);
        assert_eq!(read("31.03.2024 02:30", Some("%d.%m.%Y %H:%M")), time);
    }

    #[test]
    fn clocks_that_are_set_forward_and_back_are_seen() {
        let berlin = TimeZone::get("Europe/Berlin").expect("a zone");
        let at = |text: &str| match read(text, None) {
            Some(Written::Local(local)) => moment(local, &berlin),
            _ => None,
        };
        assert_eq!(at("2024-03-31 02:30"), Some(Moment::Never));
        let Some(Moment::Twice(first, second)) = at("2024-10-27 02:30") else {
            panic!("twice");
        };
        assert_eq!(second - first, 3600);
        assert!(matches!(at("2024-06-01 02:30"), Some(Moment::Once(_))));
    }

    #[test]
    fn seconds_come_back() {
        for text in [
            "0001-01-01",
            "1969-12-31 23:59:59",
            "2024-02-29",
            "9999-12-31 23:00",
        ] {
            let Some(Written::Local(found)) = read(text, None) else {
                panic!("{text}");
            };
            assert_eq!(local(found).map(seconds), Some(found), "{text}");
        }
    }
}
