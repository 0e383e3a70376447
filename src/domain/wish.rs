//! What a person asked for about the times, places and media of contact, in words that a file, a command and the store
//! share: `not at mon-fri 18:00-09:00`, `only at daily 12:00-13:00`, `not to workplace`, `only by email`.

use std::fmt::{self, Display};
use std::str::FromStr;

use super::attempt::Channel;
use super::contact::ContactUse;
use super::ids::{PersonId, WishId};
use super::moment::Moment;

/// Hours of the week, local to the person. A slot whose end is not after its beginning runs past midnight and belongs to
/// the day on which it begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slots {
    /// Monday to Sunday.
    pub days: [bool; 7],
    /// First minute of the day inside.
    pub from: u16,
    /// First minute outside; 1440 is midnight.
    pub to: u16,
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wish {
    /// Nothing in these hours.
    NotAt(Slots),
    /// Nothing outside these hours. A later one takes the place of an earlier one.
    OnlyAt(Slots),
    /// Nothing to contact points of this kind.
    NotTo(ContactUse),
    /// Nothing on other channels. A later one takes the place of an earlier one.
    OnlyBy(Vec<Channel>),
}

/// A wish that stands until it ends or is taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StandingWish {
    /// Which one.
    pub id: WishId,
    /// Whose.
    pub person: PersonId,
    /// What was asked for.
    pub wish: Wish,
    /// Only on this channel, as with a call that does not suit before ten; `None` for all.
    pub channel: Option<Channel>,
    /// Since when.
    pub since: Moment,
    /// Until when, if it ends by itself.
    pub until: Option<Moment>,
}

impl StandingWish {
    /// Whether it stands at `now` for `channel`.
    pub fn binds(&self, channel: Channel, now: Moment) -> bool {
        self.since <= now
            && self.until.is_none_or(|until| now < until)
            && self.channel.is_none_or(|c| c == channel)
    }
}

/// Whether the person asked not to be contacted at contact points of this use on this channel.
pub fn place_refused(wishes: &[StandingWish], to: (Channel, ContactUse), now: Moment) -> bool {
    let refused = |w: &StandingWish| w.binds(to.0, now) && w.wish == Wish::NotTo(to.1);
    wishes.iter().any(refused)
}

/// Whether the person asked, last of all, for other channels than this. `wishes` are in the order of asking.
pub fn channel_refused(wishes: &[StandingWish], channel: Channel, now: Moment) -> bool {
    let stands = |w: &&StandingWish| w.since <= now && w.until.is_none_or(|until| now < until);
    let mut named = wishes.iter().rev().filter(stands).filter_map(|w| match &w.wish {
        Wish::OnlyBy(channels) => Some(channels.contains(&channel)),
        _ => None,
    });
    named.next() == Some(false)
}

/// A text that says no wish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "expected a wish such as `not at mon-fri 18:00-09:00`, `only at daily 12:00-13:00`, `not to workplace` or `only by email, letter`"
)]
pub struct NoWish;

const DAYS: [&str; 7] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

impl FromStr for Wish {
    type Err = NoWish;

    fn from_str(text: &str) -> Result<Wish, NoWish> {
        let text = text.trim().to_ascii_lowercase().replace('_', " ");
        let words: Vec<&str> = text.split_whitespace().collect();
        match words.as_slice() {
            ["not", "at", rest @ ..] => Ok(Wish::NotAt(slots(rest)?)),
            ["only", "at", rest @ ..] => Ok(Wish::OnlyAt(slots(rest)?)),
            ["not", "to", place] => place.parse().map(Wish::NotTo).map_err(|_| NoWish),
            ["only", "by", rest @ ..] => channels(&rest.join(" ")),
            _ => Err(NoWish),
        }
    }
}

fn channels(text: &str) -> Result<Wish, NoWish> {
    let words = text.split([',', ' ']).filter(|w| !w.is_empty());
    let all: Result<Vec<Channel>, _> = words.map(|w| w.parse::<Channel>()).collect();
    let mut all = all.map_err(|_| NoWish)?;
    all.sort();
    all.dedup();
    if all.is_empty() {
        Err(NoWish)
    } else {
        Ok(Wish::OnlyBy(all))
    }
}

/// `mon-fri,sun 18:00-09:00`; without hours the whole day, without days every day.
fn slots(words: &[&str]) -> Result<Slots, NoWish> {
    let (days, hours) = match words {
        [one] if one.contains(':') => (None, Some(*one)),
        [one] => (Some(*one), None),
        [days, hours] => (Some(*days), Some(*hours)),
        _ => return Err(NoWish),
    };
    let (from, to) = match hours.map(|h| h.split_once('-').ok_or(NoWish)).transpose()? {
        None => (0, 1440),
        Some((from, to)) => (minute(from)?, minute(to)?),
    };
    let whole = from == 0 && to == 1440;
    // Equal ends would be nothing or a whole day, depending on who reads it.
    if from == 1440 || (from == to && !whole) {
        return Err(NoWish);
    }
    Ok(Slots {
        days: days.map_or(Ok([true; 7]), weekdays)?,
        from,
        to,
    })
}

fn weekdays(text: &str) -> Result<[bool; 7], NoWish> {
    let day = |word: &str| DAYS.iter().position(|d| *d == word).ok_or(NoWish);
    let mut days = [false; 7];
    for part in text.split(',') {
        let (first, last) = match part {
            "daily" => (0, 6),
            part => match part.split_once('-') {
                Some((first, last)) => (day(first)?, day(last)?),
                None => (day(part)?, day(part)?),
            },
        };
        let mut d = first;
        loop {
            days[d] = true;
            if d == last {
                break;
            }
            d = (d + 1) % 7;
        }
    }
    Ok(days)
}

fn minute(text: &str) -> Result<u16, NoWish> {
    let (h, m) = text.split_once(':').ok_or(NoWish)?;
    let number = |t: &str| match t.len() {
        1 | 2 if t.bytes().all(|b| b.is_ascii_digit()) => t.parse::<u16>().map_err(|_| NoWish),
        _ => Err(NoWish),
    };
    let (h, m) = (number(h)?, number(m)?);
    let minute = h * 60 + m;
    if m < 60 && minute <= 1440 {
        Ok(minute)
    } else {
        Err(NoWish)
    }
}

impl Display for Wish {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Wish::NotAt(slots) => write!(f, "not at {slots}"),
            Wish::OnlyAt(slots) => write!(f, "only at {slots}"),
            Wish::NotTo(place) => write!(f, "not to {place}"),
            Wish::OnlyBy(channels) => {
                let words: Vec<&str> = channels.iter().map(|c| c.as_str()).collect();
                write!(f, "only by {}", words.join(","))
            }
        }
    }
}

impl Display for Slots {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        let named: Vec<&str> = (0..7).filter(|d| self.days[*d]).map(|d| DAYS[d]).collect();
        let days = match named.len() {
            7 => "daily".to_owned(),
            _ => named.join(","),
        };
        write!(f, "{days} {}-{}", clock(self.from), clock(self.to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wishes_are_read_and_written_in_one_form() {
        let check = |text: &str, expected: &str| {
            let wish: Wish = text.parse().unwrap();
            assert_eq!(wish.to_string(), expected);
            assert_eq!(expected.parse::<Wish>().unwrap(), wish);
        };
        check("not at 00:00-10:00", "not at daily 00:00-10:00");
        check(
            "Not at mon-fri 18:00-9:00",
            "not at mon,tue,wed,thu,fri 18:00-09:00",
        );
        check("not at sat,sun", "not at sat,sun 00:00-24:00");
        check(
            "only at fri-mon 12:00-13:00",
            "only at mon,fri,sat,sun 12:00-13:00",
        );
        check("not_to workplace", "not to workplace");
        check("only by letter, email", "only by email,letter");
    }

    #[test]
    fn what_says_no_wish_is_refused() {
        for text in [
            "",
            "not at",
            "not at noon",
            "not at mon 10:00",
            "not at mon 25:00-26:00",
            "not at mon 10:00-10:00",
            "not at mon 24:00-09:00",
            "not at someday 10:00-11:00",
            "not to moon",
            "only by pigeon",
            "only by",
            "never",
        ] {
            assert_eq!(text.parse::<Wish>(), Err(NoWish), "{text}");
        }
    }
}
