//! The parts of a raw message, bounded: no nesting bomb, no million of fields and no ten megabytes make it slow or large.
//!
//! The structure (RFC 5322, RFC 2045, RFC 2046) is walked here, so that depth, parts and fields have limits; what stands
//! in a field or a part is decoded by `mail-parser`. Packed attachments are never unpacked.

use encoding_rs::{Encoding, GB18030, UTF_8};
use mail_parser::{HeaderName, MessageParser, MimeHeaders};

/// Fields beyond this many are passed over.
const MAX_FIELDS: usize = 500;
/// What is kept of one field, in bytes.
const MAX_FIELD: usize = 16 * 1024;
/// Multiparts within multiparts.
const MAX_DEPTH: usize = 8;
/// Parts of one message.
const MAX_PARTS: usize = 100;
/// What is read of one part, in bytes.
pub(super) const MAX_PART: usize = 1024 * 1024;

/// Fields of a head, in order: names in lower case, values unfolded, not yet decoded.
#[derive(Debug, Clone, Default)]
pub(super) struct Head(Vec<(String, String)>);

impl Head {
    /// Reads fields up to an empty line; gives the rest too. Lines that are no field are passed over.
    pub(super) fn read(bytes: &[u8]) -> (Head, &[u8]) {
        let (mut fields, mut rest) = (Vec::<(String, Vec<u8>)>::new(), bytes);
        let mut taken = false;
        loop {
            let (line, after) = line_of(rest);
            rest = after;
            if line.is_empty() {
                break;
            }
            let folded = matches!(line[0], b' ' | b'\t');
            if folded {
                if let Some((_, value)) = fields.last_mut().filter(|_| taken)
                    && value.len() + line.len() <= MAX_FIELD
                {
                    value.push(b' ');
                    value.extend_from_slice(line.trim_ascii());
                }
                continue;
            }
            taken = false;
            if let Some((name, value)) = field_of(line)
                && fields.len() < MAX_FIELDS
            {
                fields.push((name, value[..value.len().min(MAX_FIELD)].to_vec()));
                taken = true;
            }
        }
        let text = |(name, value): (String, Vec<u8>)| (name, lossless(&value));
        (Head(fields.into_iter().map(text).collect()), rest)
    }

    /// Whether there is any field.
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The first field of this name, as it stands.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// All fields of this name.
    pub(super) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(n, _)| n == name)
            .map(|(_, v)| v.as_str())
    }

    /// The first field of this name with its encoded words read (RFC 2047).
    pub(super) fn text(&self, name: &str) -> String {
        let Some(raw) = self.get(name) else {
            return String::new();
        };
        let field = format!("Subject: {raw}\r\n\r\n");
        let parser = MessageParser::new().header_text(HeaderName::Subject);
        let read = parser.parse_headers(field.as_bytes());
        let read = read.as_ref().and_then(|m| m.subject()).unwrap_or(raw);
        read.chars().filter(|c| !c.is_control()).collect()
    }

    /// The addresses in the fields of this name, in lower case.
    pub(super) fn addresses(&self, name: &str) -> Vec<String> {
        self.all(name).take(20).flat_map(addresses_in).collect()
    }
}

/// Addresses in a field, in lower case, display names left out.
pub(super) fn addresses_in(value: &str) -> Vec<String> {
    let field = format!("To: {value}\r\n\r\n");
    let parser = MessageParser::new().header_address(HeaderName::To);
    let message = parser.parse_headers(field.as_bytes());
    let found = message.as_ref().and_then(|m| m.to());
    let listed = found.into_iter().flat_map(|list| list.iter());
    listed
        .filter_map(|a| a.address.as_deref())
        .filter(|a| a.contains('@') && a.len() <= 320)
        .take(50)
        .map(str::to_lowercase)
        .collect()
}

fn field_of(line: &[u8]) -> Option<(String, &[u8])> {
    let colon = line.iter().take(200).position(|b| *b == b':')?;
    let name = line[..colon].trim_ascii_end();
    let fits = !name.is_empty() && name.iter().all(u8::is_ascii_graphic);
    fits.then(|| {
        (
            String::from_utf8_lossy(name).to_ascii_lowercase(),
            line[colon + 1..].trim_ascii(),
        )
    })
}

/// One line without its end, and what follows. An end is LF, with or without CR before it.
fn line_of(bytes: &[u8]) -> (&[u8], &[u8]) {
    match bytes.iter().position(|b| *b == b'\n') {
        Some(at) => {
            let line = &bytes[..at];
            (line.strip_suffix(b"\r").unwrap_or(line), &bytes[at + 1..])
        }
        None => (bytes.strip_suffix(b"\r").unwrap_or(bytes), &[]),
    }
}

/// UTF-8, or GB18030 where it is none: mainland systems write it without saying so.
fn lossless(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.to_owned(),
        Err(_) => GB18030.decode_without_bom_handling(bytes).0.into_owned(),
    }
}

/// One part that is no multipart.
#[derive(Debug)]
pub(super) struct Part<'a> {
    head: Head,
    /// `text/plain`, in lower case.
    pub(super) kind: String,
    charset: Option<String>,
    attached: bool,
    body: &'a [u8],
}

impl Part<'_> {
    /// Whether it is a text that is shown, not an attachment.
    pub(super) fn is_shown_text(&self) -> bool {
        matches!(self.kind.as_str(), "text/plain" | "text/html") && !self.attached
    }

    /// Its bytes, out of base64 or quoted-printable, at most a megabyte.
    pub(super) fn bytes(&self) -> Vec<u8> {
        let body = &self.body[..self.body.len().min(MAX_PART)];
        let coding = self.head.get("content-transfer-encoding").unwrap_or("7bit");
        if !coding.eq_ignore_ascii_case("base64") && !coding.eq_ignore_ascii_case("quoted-printable") {
            return body.to_vec();
        }
        let head =
            format!("Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: {coding}\r\n\r\n");
        let small = [head.as_bytes(), body].concat();
        let parser = MessageParser::new().with_mime_headers();
        let parsed = parser.parse(&small);
        parsed
            .as_ref()
            .and_then(|m| m.parts.first())
            .map_or_else(|| body.to_vec(), |part| part.contents().to_vec())
    }

    /// Its words, in the encoding it names; where it names none, UTF-8 or GB18030.
    pub(super) fn words(&self) -> String {
        let bytes = self.bytes();
        let named = self.charset.as_deref();
        let coding = named.and_then(|name| Encoding::for_label(name.trim().as_bytes()));
        match coding {
            Some(coding) if coding != UTF_8 => coding.decode(&bytes).0.into_owned(),
            _ => lossless(&bytes),
        }
    }

    /// The head of a message inside, or of its head alone.
    pub(super) fn inner_head(&self) -> Head {
        Head::read(&self.bytes()).0
    }
}

/// A message in its parts.
#[derive(Debug)]
pub(super) struct Mime<'a> {
    /// Its own head.
    pub(super) head: Head,
    /// The parameter `report-type`.
    pub(super) report_type: String,
    /// Its parts in order, out of all multiparts.
    pub(super) parts: Vec<Part<'a>>,
}

/// What a Content-Type says.
struct Sort {
    kind: String,
    boundary: Option<String>,
    charset: Option<String>,
    report_type: String,
}

impl Sort {
    fn of(head: &Head, default: &str) -> Sort {
        let raw = head.get("content-type").unwrap_or(default);
        let field = format!("Content-Type: {raw}\r\n\r\n");
        let parser = MessageParser::new().with_mime_headers();
        let parsed = parser.parse_headers(field.as_bytes());
        let read = parsed.as_ref().and_then(|m| m.content_type());
        let word = |name: &str| read.and_then(|c| c.attribute(name)).map(str::to_owned);
        let kind = read.and_then(|c| Some(format!("{}/{}", c.ctype(), c.subtype()?)));
        Sort {
            kind: kind.unwrap_or_else(|| default.to_owned()).to_ascii_lowercase(),
            boundary: word("boundary").filter(|b| !b.is_empty()),
            charset: word("charset"),
            report_type: word("report-type").unwrap_or_default().to_ascii_lowercase(),
        }
    }
}

impl<'a> Mime<'a> {
    /// Takes a raw message apart; `None` where there is not one field at its head.
    pub(super) fn read(raw: &'a [u8]) -> Option<Mime<'a>> {
        let raw = match raw.starts_with(b"From ") {
            // The line that files of mailboxes put before a message.
            true => line_of(raw).1,
            false => raw,
        };
        let (head, body) = Head::read(raw);
        if head.is_empty() {
            return None;
        }
        let sort = Sort::of(&head, "text/plain");
        let mut parts = Vec::new();
        walk((head.clone(), body), "text/plain", 0, &mut parts);
        Some(Mime {
            head,
            report_type: sort.report_type,
            parts,
        })
    }

    /// The words that are shown, plain text before HTML, up to a megabyte.
    pub(super) fn words(&self) -> String {
        let mut words = String::new();
        let plain = self
            .parts
            .iter()
            .any(|p| p.is_shown_text() && p.kind == "text/plain" && !p.body.trim_ascii().is_empty());
        for part in self.parts.iter().filter(|p| p.is_shown_text()) {
            if plain && part.kind == "text/html" {
                continue;
            }
            let text = part.words();
            words += &match part.kind.as_str() {
                "text/html" => super::own_words::html_to_text(&text),
                _ => text,
            };
            words.push('\n');
            if words.len() > MAX_PART {
                break;
            }
        }
        words
    }
}

fn walk<'a>((head, body): (Head, &'a [u8]), default: &str, depth: usize, parts: &mut Vec<Part<'a>>) {
    if parts.len() >= MAX_PARTS {
        return;
    }
    let sort = Sort::of(&head, default);
    if sort.kind.starts_with("multipart/")
        && depth < MAX_DEPTH
        && let Some(boundary) = &sort.boundary
    {
        let inner = match sort.kind.as_str() {
            "multipart/digest" => "message/rfc822",
            _ => "text/plain",
        };
        let pieces = pieces(body, boundary.as_bytes());
        if !pieces.is_empty() {
            for piece in pieces {
                walk(Head::read(piece), inner, depth + 1, parts);
            }
            return;
        }
    }
    let attached = head
        .get("content-disposition")
        .is_some_and(|d| d.trim_start().to_ascii_lowercase().starts_with("attachment"));
    let kind = match sort.kind.starts_with("multipart/") {
        // Broken or too deep: what is there is read as text.
        true => "text/plain".to_owned(),
        false => sort.kind,
    };
    parts.push(Part {
        head,
        kind,
        charset: sort.charset,
        attached,
        body,
    });
}

/// What stands between the boundaries (RFC 2046, 5.1.1); the last piece may lack its end.
fn pieces<'a>(body: &'a [u8], boundary: &[u8]) -> Vec<&'a [u8]> {
    let (mut found, mut start, mut at) = (Vec::new(), None, 0);
    while at < body.len() && found.len() < MAX_PARTS {
        let (line, rest) = line_of(&body[at..]);
        let next = body.len() - rest.len();
        let is_boundary = line.strip_prefix(b"--").and_then(|l| l.strip_prefix(boundary));
        if let Some(tail) = is_boundary {
            let tail = tail.trim_ascii_end();
            if tail.is_empty() || tail == b"--" {
                if let Some(start) = start {
                    found.push(&body[start..at]);
                }
                start = (tail.is_empty()).then_some(next);
                if !tail.is_empty() {
                    return found;
                }
            }
        }
        at = next;
    }
    if let Some(start) = start.filter(|_| found.len() < MAX_PARTS) {
        found.push(&body[start..]);
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Mime<'_> {
        Mime::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn heads() {
        let (head, rest) =
            Head::read(b"Subject: =?gb2312?B?zcvQxQ==?=\r\nX: a\r\n b\r\nno field\r\n: \r\nX: c\n\nbody");
        assert_eq!(head.text("subject"), "退信");
        assert_eq!(head.all("x").collect::<Vec<_>>(), ["a b", "c"]);
        assert_eq!(rest, b"body");
        let (head, _) = Head::read(b"Subject: \xcd\xcb\xd0\xc5\n\n");
        assert_eq!(
            head.text("subject"),
            "退信",
            "without any word about its encoding"
        );
        let (head, _) = Head::read(b"To: \"A, B\" <A@Example.com>, c@example.org\n\n");
        assert_eq!(head.addresses("to"), ["a@example.com", "c@example.org"]);
    }

    #[test]
    fn parts() {
        let mime = read(
            "Content-Type: multipart/mixed; boundary=\"a\"\n\nintro\n--a\n\nfirst\n--a\nContent-Type: multipart/alternative; boundary=b\n\n--b\nContent-Type: text/plain; charset=gb2312\nContent-Transfer-Encoding: base64\n\nzcvQxQ==\n--b\nContent-Type: text/html\n\n<p>x\n--b--\n--a\nContent-Type: message/rfc822\n\nMessage-ID: <1@a>\n\nold\n--a--\nafter",
        );
        let kinds: Vec<_> = mime.parts.iter().map(|p| p.kind.as_str()).collect();
        assert_eq!(kinds, ["text/plain", "text/plain", "text/html", "message/rfc822"]);
        assert_eq!(mime.words(), "first\n\n退信\n");
        assert_eq!(mime.parts[3].inner_head().get("message-id"), Some("<1@a>"));
    }

    #[test]
    fn bombs_stay_small() {
        let mut deep = String::new();
        for n in 0..20_000 {
            deep += &format!("Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n");
        }
        assert!(read(&deep).parts.len() <= MAX_PARTS);
        let many = format!(
            "Content-Type: multipart/mixed; boundary=b\n\n{}",
            "--b\n\nx\n".repeat(500_000)
        );
        assert_eq!(read(&many).parts.len(), MAX_PARTS);
        let fields = "a:b\n".repeat(2_000_000);
        assert_eq!(read(&fields).head.0.len(), MAX_FIELDS);
        let folded = format!("a: b\n{}\n", " x\n".repeat(2_000_000));
        assert!(read(&folded).head.get("a").unwrap().len() <= MAX_FIELD);
        assert!(Mime::read(b"").is_none());
        assert!(Mime::read(b"\n\nbody").is_none());
        assert!(Mime::read(&[0xff; 1000]).is_none());
    }
}
