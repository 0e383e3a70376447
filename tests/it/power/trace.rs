//! What a process did to files, as `strace -f -y` wrote it down: writes with their bytes, syncs, lengths, names; and the
//! lines it told on its standard output. Everything in the order in which it ended.

use std::collections::HashMap;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Event {
    /// Bytes went to this place of a file.
    Write { path: String, at: u64, bytes: Vec<u8> },
    /// A file got this length.
    Length { path: String, length: u64 },
    /// A file was opened that may have been made by it.
    Opened { path: String },
    /// A name was taken away.
    Removed { path: String },
    /// What was written to the file (or which names a folder has) before event `since` is on the disk.
    Synced { path: String, since: usize },
    /// A line that the process told.
    Told(String),
}

/// Reads a whole trace. Lines about other things are passed over.
pub(super) fn read(text: &[u8]) -> Vec<Event> {
    let mut trace = Trace::default();
    for line in text.split(|b| *b == b'\n') {
        trace.line(line);
    }
    trace.events
}

#[derive(Default)]
struct Trace {
    events: Vec<Event>,
    /// By thread: the beginning of a call that another thread interrupted, and how many events there were.
    begun: HashMap<Vec<u8>, (Vec<u8>, usize)>,
    /// Where the next plain write of a descriptor goes.
    places: HashMap<String, u64>,
}

fn split_once<'a>(text: &'a [u8], by: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = text.windows(by.len()).position(|w| w == by)?;
    Some((&text[..at], &text[at + by.len()..]))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

impl Trace {
    fn line(&mut self, line: &[u8]) {
        let Some((thread, call)) = split_once(line, b" ") else {
            return;
        };
        let call = call.trim_ascii_start();
        if let Some(begun) = call.strip_suffix(b" <unfinished ...>") {
            self.begun
                .insert(thread.to_vec(), (begun.to_vec(), self.events.len()));
        } else if call.starts_with(b"<... ") {
            // `<... pwrite64 resumed>) = 4096`: the rest of what was begun.
            let (Some((begun, since)), Some((_, rest))) =
                (self.begun.remove(thread), split_once(call, b" resumed>"))
            else {
                return;
            };
            self.call(&[begun.as_slice(), rest].concat(), since);
        } else {
            let since = self.events.len();
            self.call(call, since);
        }
    }

    fn call(&mut self, call: &[u8], since: usize) {
        let Some((name, rest)) = split_once(call, b"(") else {
            return;
        };
        let Some(end) = rest.windows(3).rposition(|w| w == b" = ") else {
            return;
        };
        // Short calls are filled up with blanks.
        let Some(arguments) = rest[..end].trim_ascii_end().strip_suffix(b")") else {
            return;
        };
        let end = text(&rest[end + 3..]);
        let answer = &end;
        let answer: i64 = answer
            .split([' ', '<'])
            .next()
            .and_then(|n| n.parse().ok())
            .unwrap_or(-1);
        if answer < 0 {
            return;
        }
        match name {
            b"pwrite64" | b"write" => self.write(name, arguments, answer as u64),
            b"lseek" => _ = self.places.insert(descriptor(arguments).0, answer as u64),
            b"fsync" | b"fdatasync" => {
                let path = descriptor(arguments).1;
                self.events.push(Event::Synced { path, since });
            }
            b"ftruncate" => {
                let length = text(arguments).rsplit(", ").next().and_then(|n| n.parse().ok());
                let (path, length) = (descriptor(arguments).1, length.expect("a length"));
                self.events.push(Event::Length { path, length });
            }
            b"openat" | b"open" => {
                let opened = end.trim_end().strip_suffix('>').and_then(|e| e.split_once('<'));
                let Some((number, path)) = opened else { return };
                self.places.insert(number.to_owned(), 0);
                if split_once(arguments, b"O_CREAT").is_some() {
                    self.events.push(Event::Opened {
                        path: path.to_owned(),
                    });
                }
            }
            b"unlink" => {
                let path = text(arguments).trim_matches('"').to_owned();
                self.events.push(Event::Removed { path });
            }
            _ => {}
        }
    }

    fn write(&mut self, name: &[u8], arguments: &[u8], written: u64) {
        let (number, path) = descriptor(arguments);
        let Some(quote) = arguments.iter().position(|b| *b == b'"') else {
            return;
        };
        let (mut bytes, rest) = unescaped(&arguments[quote + 1..]);
        bytes.truncate(written as usize);
        if number == "1" {
            let told = text(&bytes);
            self.events
                .extend(told.lines().map(|line| Event::Told(line.to_owned())));
            return;
        }
        let at = match name {
            b"pwrite64" => text(rest)
                .rsplit(", ")
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a place"),
            _ => {
                let at = self.places.entry(number).or_default();
                std::mem::replace(at, *at + written)
            }
        };
        self.events.push(Event::Write { path, at, bytes });
    }
}

/// `7</tmp/x>` as number and path.
fn descriptor(arguments: &[u8]) -> (String, String) {
    let first = arguments.split(|b| *b == b',').next().unwrap_or_default();
    let first = text(first);
    let (number, path) = first.split_once('<').unwrap_or((&first, ""));
    (number.to_owned(), path.trim_end_matches('>').to_owned())
}

/// A string as C spells it, up to its closing quote; and what follows that.
fn unescaped(mut rest: &[u8]) -> (Vec<u8>, &[u8]) {
    let mut out = Vec::with_capacity(rest.len() / 2);
    loop {
        let plain = rest
            .iter()
            .position(|b| *b == b'"' || *b == b'\\')
            .expect("a closing quote");
        out.extend_from_slice(&rest[..plain]);
        if rest[plain] == b'"' {
            return (out, &rest[plain + 1..]);
        }
        rest = &rest[plain + 1..];
        let digits = rest
            .iter()
            .take(3)
            .take_while(|b| (b'0'..b'8').contains(b))
            .count();
        let (byte, length) = match (digits, rest[0]) {
            (0, b'n') => (b'\n', 1),
            (0, b't') => (b'\t', 1),
            (0, b'r') => (b'\r', 1),
            (0, b'v') => (0x0b, 1),
            (0, b'f') => (0x0c, 1),
            (0, other) => (other, 1),
            (n, _) => (
                rest[..n]
                    .iter()
                    .fold(0u8, |byte, d| byte.wrapping_mul(8) + (d - b'0')),
                n,
            ),
        };
        out.push(byte);
        rest = &rest[length..];
    }
}

#[test]
fn a_trace_is_read_as_it_was_written() {
    let trace =
        br#"12 openat(AT_FDCWD</w>, "/w/a-wal", O_RDWR|O_CREAT|O_NOFOLLOW|O_CLOEXEC, 0644) = 9</w/a-wal>
12 pwrite64(9</w/a-wal>, "7\177\6\202\0\0\0\"\\\n", 10, 4096) = 10
13 fsync(9</w/a-wal> <unfinished ...>
12 pwrite64(9</w/a-wal>, "x", 1, 0 <unfinished ...>
12 <... pwrite64 resumed>) = 1
13 <... fsync resumed>)     = 0
12 lseek(9</w/a-wal>, 24, SEEK_SET) = 24
12 write(9</w/a-wal>, "ab", 2) = 2
12 write(9</w/a-wal>, "c", 1) = 1
12 write(1<pipe:[7]>, "head 12\n", 8) = 8
12 ftruncate(9</w/a-wal>, 32)      = 0
12 unlink("/w/a-wal") = 0
12 unlink("/w/b") = -1 ENOENT (No such file or directory)
"#;
    let path = || "/w/a-wal".to_owned();
    let write = |at, bytes: &[u8]| Event::Write {
        path: path(),
        at,
        bytes: bytes.to_vec(),
    };
    let expected = [
        Event::Opened { path: path() },
        write(4096, b"7\x7f\x06\x82\0\0\0\"\\\n"),
        write(0, b"x"),
        Event::Synced {
            path: path(),
            since: 2,
        },
        write(24, b"ab"),
        write(26, b"c"),
        Event::Told("head 12".into()),
        Event::Length {
            path: path(),
            length: 32,
        },
        Event::Removed { path: path() },
    ];
    assert_eq!(read(trace), expected);
}
