//! Figures as one self-contained page: tables and bars drawn in SVG, no script, nothing fetched.

use std::fmt::Write;

use super::{By, Report, Tally};

/// The words of a page in one language, given by whoever shows it.
#[derive(Debug, Clone, Copy)]
pub struct Wording<'a> {
    /// `lang` of the page.
    pub lang: &'a str,
    /// Title.
    pub title: &'a str,
    /// What the bars mean: stopped, blocked, false alarms.
    pub legend: [&'a str; 3],
    /// Heads of the columns: name, harmful, stopped, blocked, proper, false alarms, precision.
    pub head: [&'a str; 7],
    /// All messages together.
    pub total: &'a str,
    /// Both halves of a pair right.
    pub pairs: &'a str,
    /// A fixed word as people say it.
    pub word: fn(&str) -> String,
}

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:60rem;padding:0 1rem;color:#1c2430}\
h1{font-size:1.5rem}h2{font-size:1.2rem;margin-top:2.5rem}h3{font-size:1rem;margin:1.6rem 0 .4rem}\
table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\
th,td{text-align:right;padding:.15rem .5rem;border-bottom:1px solid #e3e7ec}th:first-child,td:first-child{text-align:left}\
svg{display:block;margin:.4rem 0}text{font:12px system-ui,sans-serif;fill:#1c2430}\
@media(prefers-color-scheme:dark){body{background:#14181e;color:#dfe5ec}text{fill:#dfe5ec}th,td{border-color:#2c343e}}";

/// A page about some files, each with its name.
pub fn page(reports: &[(String, Report)], w: &Wording<'_>) -> String {
    let mut out = format!(
        "<!doctype html>\n<html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">\
         <title>{}</title><style>{STYLE}</style></head><body>\n<h1>{}</h1>\n",
        w.lang,
        escaped(w.title),
        escaped(w.title)
    );
    for (name, report) in reports {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(name));
        out += &table(&[(w.total.to_owned(), report.total)], w);
        if report.pairs > 0 {
            let _ = writeln!(
                out,
                "<p>{}: {} / {}</p>",
                escaped(w.pairs),
                report.pairs_right,
                report.pairs
            );
        }
        for (by, rows) in &report.groups {
            let named: Vec<(String, Tally)> = rows.iter().map(|(key, t)| ((w.word)(key), *t)).collect();
            let _ = writeln!(out, "<h3>{}</h3>", escaped(&(w.word)(by.as_str())));
            out += &bars(&named, *by, w);
            out += &table(&named, w);
        }
    }
    out + "</body></html>\n"
}

fn table(rows: &[(String, Tally)], w: &Wording<'_>) -> String {
    let mut out = String::from("<table><tr>");
    w.head.iter().for_each(|h| {
        let _ = write!(out, "<th>{}</th>", escaped(h));
    });
    out += "</tr>\n";
    for (name, t) in rows {
        let cells = [
            t.harmful.to_string(),
            percent(t.recall()),
            percent(t.blocking()),
            t.proper.to_string(),
            percent(t.false_alarms()),
            percent(t.precision()),
        ];
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td></tr>",
            escaped(name),
            cells.join("</td><td>")
        );
    }
    out + "</table>\n"
}

const ROW: usize = 30;
const LEFT: usize = 210;
const WIDE: usize = 480;

/// One bar each for what was stopped and what was stopped by mistake; the blocked part of a bar is darker.
fn bars(rows: &[(String, Tally)], by: By, w: &Wording<'_>) -> String {
    let height = rows.len() * ROW + 26;
    let mut out = format!(
        "<svg viewBox=\"0 0 {} {height}\" width=\"100%\" role=\"img\" aria-label=\"{}\">\n",
        LEFT + WIDE + 60,
        escaped(&(w.word)(by.as_str()))
    );
    let colours = ["#7fb2e5", "#1f6fb8", "#d9822b"];
    for (i, (words, colour)) in w.legend.iter().zip(colours).enumerate() {
        let x = LEFT + i * 150;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"4\" width=\"12\" height=\"12\" fill=\"{colour}\"/><text x=\"{}\" y=\"15\">{}</text>",
            x + 17,
            escaped(words)
        );
    }
    for (i, (name, t)) in rows.iter().enumerate() {
        let y = 26 + i * ROW;
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\" text-anchor=\"end\">{}</text>",
            LEFT - 8,
            y + 14,
            escaped(name)
        );
        let mut bar = |share: Option<f64>, dy: usize, high: usize, colour: &str| {
            if let Some(share) = share {
                let width = share * WIDE as f64;
                let _ = writeln!(
                    out,
                    "<rect x=\"{LEFT}\" y=\"{}\" width=\"{width:.1}\" height=\"{high}\" fill=\"{colour}\"/>",
                    y + dy
                );
            }
        };
        bar(t.recall(), 2, 12, colours[0]);
        bar(t.blocking(), 2, 12, colours[1]);
        bar(t.false_alarms(), 16, 6, colours[2]);
        let said = if t.harmful > 0 {
            percent(t.recall())
        } else {
            percent(t.false_alarms())
        };
        let _ = writeln!(
            out,
            "<text x=\"{}\" y=\"{}\">{said}</text>",
            LEFT + WIDE + 6,
            y + 13
        );
    }
    out + "</svg>\n"
}

/// A share as people read it.
pub fn percent(share: Option<f64>) -> String {
    share.map_or_else(|| "–".to_owned(), |s| format!("{:.1} %", s * 100.0))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_shows_bars_and_lets_no_markup_in() {
        let t = Tally {
            harmful: 4,
            stopped: 3,
            blocked: 2,
            named: 2,
            proper: 10,
            alarms: 1,
            hard_alarms: 0,
        };
        let report = Report {
            total: t,
            groups: vec![(By::Language, vec![("<en>".to_owned(), t)])],
            pairs: 2,
            pairs_right: 1,
            misses: vec![],
            alarms: vec![],
        };
        let w = Wording {
            lang: "en",
            title: "Quality",
            legend: ["stopped", "blocked", "false alarms"],
            head: [
                "",
                "harmful",
                "stopped",
                "blocked",
                "proper",
                "false alarms",
                "precision",
            ],
            total: "all",
            pairs: "pairs",
            word: str::to_owned,
        };
        let page = page(&[("a&b".to_owned(), report)], &w);
        for part in [
            "<h2>a&amp;b</h2>",
            "&lt;en&gt;",
            "75.0 %",
            "50.0 %",
            "10.0 %",
            "width=\"360.0\"",
            "1 / 2",
        ] {
            assert!(page.contains(part), "{part}");
        }
        assert!(!page.contains("<en>") && !page.contains("<script"));
    }
}
