//! Offsets of zones as short tables: most verdicts ask the same few zones again and again, and a table of thirty years
//! is searched in a tenth of the time of the whole history.

use std::sync::{LazyLock, OnceLock};

use chrono::{DateTime, Offset, TimeZone};
use chrono_tz::{TZ_VARIANTS, Tz};

/// First second of a span, and the offset in seconds during it.
type Span = (i64, i32);

/// 2015-01-01 and 2045-01-01, the years that the tables cover.
const COVERED: (i64, i64) = (1_420_070_400, 2_366_841_600);

const DAY: i64 = 86_400;

static TABLES: LazyLock<Vec<OnceLock<Box<[Span]>>>> =
    LazyLock::new(|| TZ_VARIANTS.iter().map(|_| OnceLock::new()).collect());

/// The offset of a zone at an instant, in seconds.
fn of_database(zone: Tz, second: i64) -> i32 {
    let utc = DateTime::from_timestamp(second, 0).map(|t| t.naive_utc());
    utc.map_or(0, |utc| {
        zone.offset_from_utc_datetime(&utc).fix().local_minus_utc()
    })
}

fn table(zone: Tz) -> Option<&'static [Span]> {
    let place = TABLES.get(zone as usize)?;
    debug_assert_eq!(TZ_VARIANTS[zone as usize], zone);
    Some(place.get_or_init(|| build(zone)))
}

fn build(zone: Tz) -> Box<[Span]> {
    let mut spans = vec![(COVERED.0, of_database(zone, COVERED.0))];
    let mut day = COVERED.0;
    while day < COVERED.1 {
        let (_, offset) = spans[spans.len() - 1];
        let next = day + DAY;
        let then = of_database(zone, next);
        if then != offset {
            // The change lies in (day, next]: halve until it is found.
            let (mut before, mut after) = (day, next);
            while after - before > 1 {
                let middle = before + (after - before) / 2;
                if of_database(zone, middle) == offset {
                    before = middle;
                } else {
                    after = middle;
                }
            }
            spans.push((after, of_database(zone, after)));
            // Two changes within a day are rare and seen from the first one.
            day = after;
            continue;
        }
        day = next;
    }
    spans.into_boxed_slice()
}

/// The offset of a zone at an instant in seconds, and whether it is the same for a day before and after.
pub(super) fn at(zone: Tz, second: i64) -> (i32, bool) {
    let covered = second - DAY > COVERED.0 && second + DAY < COVERED.1;
    let Some(spans) = table(zone).filter(|_| covered) else {
        let offset = of_database(zone, second);
        let same = |t: i64| of_database(zone, t) == offset;
        return (offset, same(second - DAY) && same(second + DAY));
    };
    let place = spans.partition_point(|(start, _)| *start <= second) - 1;
    let (start, offset) = spans[place];
    let calm = start <= second - DAY && spans.get(place + 1).is_none_or(|(next, _)| second + DAY < *next);
    (offset, calm)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_say_what_the_database_says() {
        for zone in TZ_VARIANTS {
            let mut second = COVERED.0 - 5 * DAY;
            while second < COVERED.1 + 5 * DAY {
                let offset = of_database(zone, second);
                assert_eq!(at(zone, second).0, offset, "{zone} {second}");
                second += 3_607 * 97;
            }
            for (start, offset) in table(zone).unwrap().iter().skip(1) {
                assert_eq!(of_database(zone, *start), *offset, "{zone}");
                assert_ne!(of_database(zone, start - 1), *offset, "{zone}");
                assert!(!at(zone, start - 3_600).1 && !at(zone, start + 3_600).1, "{zone}");
            }
        }
    }
}
