//! Letters as others read them: every template that is written for letters, with every sample it suits, through poppler and
//! qpdf. What is missing is skipped aloud, or with `DUNWELL_REQUIRE=1` a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

use dunwell::channels::letters::{LetterError, typeset_many, typeset_paged, words_of};
use dunwell::config::{Config, templates};
use dunwell::domain::{Address, Channel, Draft, Letter, LetterForm, Locale, PostalAddress, SenderKind};
use dunwell::render::{Catalogue, OWN_WORDS, Sample, render, samples};

use crate::support::require_or_skip;

fn catalogue() -> (Catalogue, Vec<Sample>) {
    let files = templates(&Config::defaults()).unwrap();
    let text = &files.iter().find(|(path, _)| path == "samples.toml").unwrap().1;
    (Catalogue::parse(&files).unwrap(), samples(text).unwrap())
}

/// Every letter that the shipped templates and samples make, in a locale, sent to a country.
fn every_letter(locale: Locale, country: &str) -> Vec<(String, Letter, SenderKind, chrono::NaiveDate)> {
    let (catalogue, people) = catalogue();
    let mut all = Vec::new();
    for template in catalogue.templates().filter(|t| t.id != OWN_WORDS) {
        for sample in &people {
            let Some(mut s) = sample.situation(template, Channel::Letter) else {
                continue;
            };
            s.recipient.locale = locale;
            if let Address::Postal(postal) = &mut s.contact_point.address {
                postal.country = country.to_owned();
            }
            let rendered = render(&catalogue, &s, sample.today, &sample.extras(template));
            let Ok(rendered) = rendered else { continue };
            // The people of this sample have names that no font of ours covers; such a letter is refused.
            if sample.name == "rare-characters" {
                continue;
            }
            let Draft::Letter(letter) = rendered.draft else {
                panic!("{} is no letter", template.id)
            };
            all.push((
                format!("{} {}", template.id, sample.name),
                *letter,
                s.sender.kind,
                sample.today,
            ));
        }
    }
    assert!(all.len() >= 6, "{locale} {country}: {}", all.len());
    all
}

fn tool(name: &str, arguments: &[&str]) -> Option<String> {
    match Command::new(name).args(arguments).output() {
        Ok(out) => {
            let text = format!(
                "{}{}",
                String::from_utf8_lossy(&out.stdout),
                String::from_utf8_lossy(&out.stderr)
            );
            // qpdf gives 3 for warnings.
            assert!(out.status.success(), "{name} {arguments:?}: {text}");
            Some(text)
        }
        Err(_) => {
            require_or_skip(&format!("{name}: `make test` installs it"));
            None
        }
    }
}

fn written(folder: &Path, pdf: &[u8]) -> PathBuf {
    let path = folder.join("letter.pdf");
    std::fs::write(&path, pdf).unwrap();
    path
}

/// What is said, without the spaces that a typesetter puts between scripts.
fn bare(text: &str) -> String {
    text.chars()
        .filter(|c| !c.is_whitespace() && *c != '\u{200b}')
        .collect()
}

#[test]
fn every_letter_can_be_read_back_by_others() {
    let folder = tempfile::tempdir().unwrap();
    for (locale, country) in [
        (Locale::ZhCn, "CN"),
        (Locale::En, "DE"),
        (Locale::En, "US"),
        (Locale::ZhTw, "TW"),
    ] {
        // All of them once; elsewhere one of each template.
        let mut seen = std::collections::BTreeSet::new();
        for (name, letter, _, on) in every_letter(locale, country) {
            let template = name.split(' ').next().unwrap().to_owned();
            if !seen.insert(template) && country != "CN" {
                continue;
            }
            let typeset = typeset_paged(&letter, on).unwrap_or_else(|e| panic!("{name} {locale}: {e}"));
            let path = written(folder.path(), &typeset.pdf);
            let path = path.to_str().unwrap();
            let Some(fonts) = tool("pdffonts", &[path]) else {
                return;
            };
            for line in fonts.lines().skip_while(|l| !l.starts_with("---")).skip(1) {
                let flags: Vec<&str> = line.split_whitespace().rev().collect();
                // Embedded, a subset, and with a table back to Unicode.
                assert_eq!(&flags[2..5], ["yes", "yes", "yes"], "{name}: {line}");
            }
            let Some(checked) = tool("qpdf", &["--check", path]) else {
                return;
            };
            assert!(
                checked.contains("No syntax or stream encoding errors"),
                "{name}: {checked}"
            );
            let Some(info) = tool("pdfinfo", &[path]) else {
                return;
            };
            let of = |key: &str| {
                info.lines()
                    .find_map(|l| l.strip_prefix(key))
                    .unwrap()
                    .trim()
                    .to_owned()
            };
            assert_eq!(of("Pages:"), typeset.pages.to_string(), "{name}");
            let paper = if country == "US" {
                "612 x 792 pts (letter)"
            } else {
                "595.276 x 841.89 pts (A4)"
            };
            assert_eq!(of("Page size:"), paper, "{name}");
            let Some(text) = tool("pdftotext", &["-raw", path, "-"]) else {
                return;
            };
            let text = bare(&text);
            // Every word that the guard judged stands on paper, but for the code and the pattern of the foot.
            let draft = Draft::Letter(Box::new(letter.clone()));
            for (part, words) in draft.parts() {
                if ["page", "payment_slip"].contains(&part) {
                    continue;
                }
                for line in words.split(['\n', '\t']) {
                    // A paragraph is broken where the line ends, so its pieces are looked for.
                    let line = bare(line);
                    let pieces: Vec<String> = line
                        .chars()
                        .collect::<Vec<_>>()
                        .chunks(6)
                        .map(|c| c.iter().collect())
                        .collect();
                    let found = pieces.iter().filter(|p| text.contains(p.as_str())).count();
                    assert!(found * 10 >= pieces.len() * 8, "{name} {part}: {line}\n{text}");
                }
            }
            let foot = match locale {
                Locale::En => format!("Page1of{}", typeset.pages),
                Locale::ZhCn => format!("第1页共{}页", typeset.pages),
                Locale::ZhTw => format!("第1頁共{}頁", typeset.pages),
            };
            assert!(text.contains(&foot), "{name}: {foot} in {text}");
        }
    }
}

/// A word with its corners: text, x, y, right end, lower end.
type Word = (String, f64, f64, f64, f64);

/// Corners of the words of the first page, in millimetres from the upper left.
fn boxes(path: &str) -> Option<Vec<Word>> {
    let html = tool("pdftotext", &["-bbox", "-f", "1", "-l", "1", path, "-"])?;
    let number = |line: &str, key: &str| -> f64 {
        let rest = line.split(&format!("{key}=\"")).nth(1).unwrap();
        rest.split('"').next().unwrap().parse::<f64>().unwrap() * 25.4 / 72.0
    };
    let words = html.lines().filter(|l| l.contains("<word "));
    Some(
        words
            .map(|l| {
                let text = l.split('>').nth(1).unwrap().split('<').next().unwrap().to_owned();
                (
                    text,
                    number(l, "xMin"),
                    number(l, "yMin"),
                    number(l, "xMax"),
                    number(l, "yMax"),
                )
            })
            .collect(),
    )
}

#[test]
fn the_window_shows_the_address_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    // What the window of the usual envelope shows of the sheet: left, top, right, bottom in millimetres.
    for (form, country, window) in [
        (LetterForm::Din5008B, "DE", (20.0, 45.0, 105.0, 90.0)),
        (LetterForm::Din5008A, "DE", (20.0, 27.0, 105.0, 72.0)),
        (LetterForm::China, "CN", (20.0, 45.0, 105.0, 90.0)),
        (LetterForm::Us10, "US", (22.2, 51.9, 136.5, 80.5)),
    ] {
        for locale in [Locale::ZhCn, Locale::En] {
            for (name, mut letter, _, on) in every_letter(locale, country).into_iter().step_by(7) {
                letter.form = form;
                letter.recipient = vec![
                    "Windowrecipient".to_owned(),
                    "Firststreet".to_owned(),
                    "Secondline".to_owned(),
                    "Lastcity".to_owned(),
                ];
                let typeset = typeset_paged(&letter, on).unwrap();
                let path = written(folder.path(), &typeset.pdf);
                let Some(words) = boxes(path.to_str().unwrap()) else {
                    return;
                };
                let (left, top, right, bottom) = window;
                let inside = |w: &&Word| w.3 > left && w.1 < right && w.4 > top && w.2 < bottom;
                let seen: Vec<&str> = words.iter().filter(inside).map(|w| w.0.as_str()).collect();
                assert_eq!(seen, letter.recipient, "{name} {form}");
                // With what the letter may shift in its envelope.
                for w in words.iter().filter(inside) {
                    let fits =
                        w.1 >= left + 3.0 && w.2 >= top + 3.0 && w.3 <= right - 3.0 && w.4 <= bottom - 3.0;
                    assert!(fits, "{name} {form}: {w:?}");
                }
            }
        }
    }
}

#[test]
fn only_law_firms_sign_as_one_and_only_the_payee_is_on_the_slip() {
    let (mut firms, mut others, mut slips) = (0, 0, 0);
    for locale in [Locale::ZhCn, Locale::ZhTw, Locale::En] {
        for (name, letter, kind, _) in every_letter(locale, "CN") {
            assert_eq!(
                !letter.signature.is_empty(),
                kind == SenderKind::LawFirm,
                "{name}"
            );
            match kind {
                SenderKind::LawFirm => firms += 1,
                _ => others += 1,
            }
            let all = Draft::Letter(Box::new(letter.clone())).parts();
            let body = bare(
                &all.iter()
                    .filter(|(p, _)| *p != "payment_slip")
                    .map(|(_, t)| t.as_str())
                    .collect::<String>(),
            );
            if let Some(slip) = &letter.payment {
                slips += 1;
                // Nothing stands on the slip that the words do not say.
                for (label, value) in &slip.lines {
                    assert!(body.contains(&bare(value)), "{name}: {label}{value}");
                }
            }
        }
    }
    assert!(firms > 0 && others > 0 && slips > 0, "{firms} {others} {slips}");
}

#[test]
fn an_unconfirmed_payee_gets_no_slip() {
    let (catalogue, people) = catalogue();
    let template = catalogue.template("statement").unwrap();
    for sample in &people {
        let Some(mut s) = sample.situation(template, Channel::Letter) else {
            continue;
        };
        let mut payees = (*s.payees).clone();
        payees.iter_mut().for_each(|p| p.confirmed = false);
        s.payees = payees.into();
        // The words name the payee, so without one there is no letter at all.
        assert!(render(&catalogue, &s, sample.today, &sample.extras(template)).is_err());
    }
}

#[test]
fn long_names_long_addresses_and_long_tables_stay_on_the_page() {
    let folder = tempfile::tempdir().unwrap();
    for (locale, form) in [
        (Locale::En, LetterForm::Us10),
        (Locale::ZhCn, LetterForm::China),
        (Locale::En, LetterForm::Din5008A),
    ] {
        let (name, mut letter, _, on) = every_letter(locale, "DE")
            .into_iter()
            .find(|(_, l, ..)| !l.table.is_empty())
            .unwrap();
        letter.form = form;
        letter.letterhead[0] =
            "The Very Long Named Association of International Receivables and Sample Companies Limited"
                .to_owned();
        letter.recipient = vec![
            "Her Excellency Maximiliane Alexandra Theodora von und zu Musterfrau-Beispielhausen".to_owned(),
            "Department of Long Names and Addresses".to_owned(),
            "Building 17, Staircase C, Fourth Floor, Room 4.213".to_owned(),
            "An der alten Beispielmühle hinter dem Musterwald 117a".to_owned(),
            "12345 Musterstadt an der Beispiele".to_owned(),
            "Landkreis Beispiel".to_owned(),
            "GERMANY".to_owned(),
        ];
        let row = letter.table[1].clone();
        for n in 0..40 {
            let mut row = row.clone();
            row[0] = format!("ROW-{n:03}");
            letter.table.push(row);
        }
        letter.table[1][0] =
            "CONTRACT/2026/AVERYLONGREFERENCEWITHOUTBREAKS-00000000123-AND-STILL-LONGER".to_owned();
        let typeset = typeset_paged(&letter, on).unwrap_or_else(|e| panic!("{name}: {e}"));
        assert!(typeset.pages >= 2, "{name}");
        let path = written(folder.path(), &typeset.pdf);
        let path = path.to_str().unwrap();
        let Some(text) = tool("pdftotext", &["-raw", path, "-"]) else {
            return;
        };
        for n in 0..40 {
            assert!(text.contains(&format!("ROW-{n:03}")), "{name}: row {n}");
        }
        let head = bare(&letter.table[0][0]);
        assert!(
            bare(&text).matches(&head).count() >= 2,
            "{name}: the head stands again on the next page"
        );
        let width = if form == LetterForm::Us10 { 215.9 } else { 210.0 };
        for (word, left, _, right, _) in boxes(path).unwrap_or_default() {
            assert!(left > 9.0 && right < width - 9.0, "{name}: {word} {left} {right}");
        }
    }
}

#[test]
fn an_address_that_does_not_fit_the_window_is_refused_and_not_repeated() {
    let (_, mut letter, _, on) = every_letter(Locale::ZhCn, "CN").remove(0);
    let address = PostalAddress::parse(&vec!["示范路".repeat(33); 6].join("|"), "CN").unwrap();
    letter.recipient = [vec!["李".repeat(100)], address.lines].concat();
    let error = typeset_paged(&letter, on).unwrap_err();
    assert_eq!(
        error,
        LetterError::Unfit("the address does not fit the window".to_owned())
    );
}

#[test]
fn letters_of_one_file_are_the_letters_one_by_one() {
    let letters: Vec<Letter> = [(Locale::ZhCn, "CN"), (Locale::En, "US"), (Locale::En, "DE")]
        .into_iter()
        .flat_map(|(locale, country)| {
            every_letter(locale, country)
                .into_iter()
                .take(3)
                .map(|(_, l, ..)| l)
        })
        .collect();
    let on = chrono::NaiveDate::from_ymd_opt(2026, 4, 7).unwrap();
    let pages: Vec<u32> = letters
        .iter()
        .map(|l| typeset_paged(l, on).unwrap().pages)
        .collect();
    let words = || letters.iter().map(words_of).collect();
    let layout = &letters[0].layout;
    for odd in [false, true] {
        let many = typeset_many(layout, words(), odd, on).unwrap();
        assert_eq!(
            many.letters.iter().map(|(_, n)| *n).collect::<Vec<_>>(),
            pages,
            "{odd}"
        );
        let mut next = 1;
        for (first, count) in &many.letters {
            if odd && next % 2 == 0 {
                next += 1;
            }
            assert_eq!(*first, next, "{odd}");
            next += count;
        }
        assert_eq!(many.pages, next - 1);
        assert_eq!(
            typeset_many(layout, words(), odd, on).unwrap().pdf,
            many.pdf,
            "the same words, the same bytes"
        );
    }
    let folder = tempfile::tempdir().unwrap();
    let many = typeset_many(layout, words(), true, on).unwrap();
    let path = written(folder.path(), &many.pdf);
    let path = path.to_str().unwrap();
    for ((first, count), letter) in many.letters.iter().zip(&letters) {
        let page = (first + count - 1).to_string();
        let Some(text) = tool("pdftotext", &["-raw", "-f", &page, "-l", &page, path, "-"]) else {
            return;
        };
        let foot = letter
            .page_words
            .replace("{page}", &count.to_string())
            .replace("{pages}", &count.to_string());
        assert!(bare(&text).contains(&bare(&foot)), "{foot} in {text}");
    }
}
