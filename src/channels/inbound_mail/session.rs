//! One conversation by LMTP (RFC 2033) or SMTP (RFC 5321), whichever the client greets with.
//!
//! Lines end in CR LF and nothing else: a bare CR or LF ends the conversation, so that nobody smuggles a second message
//! behind a false end. Answers to commands that came together go out together (RFC 2920). A message is answered 250
//! only after the keeper has it.

use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::{Instant, timeout, timeout_at};

use super::super::returned::Envelope;
use super::{Keeper, RawMail, Taken};

/// A command line with its end (RFC 5321, 4.5.3.1.4, with room for parameters).
const MAX_LINE: usize = 2048;
/// Recipients of one message; ours have one.
const MAX_RECIPIENTS: usize = 100;
/// Commands that are wrong before we hang up.
const MAX_ERRORS: u32 = 10;

/// Limits of a conversation.
#[derive(Debug, Clone)]
pub(super) struct Limits {
    pub(super) max_bytes: usize,
    pub(super) idle: Duration,
    pub(super) message: Duration,
    pub(super) name: String,
}

/// Why a conversation ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Ended {
    /// The client said goodbye or hung up.
    Closed,
    /// It was silent for too long.
    Silent,
    /// It broke the rules too often or too badly.
    Broken,
}

enum Line {
    Text(String),
    TooLong,
    Bare,
}

/// How a message's text ended.
enum Body {
    Whole(Vec<u8>),
    TooLarge,
    Bare,
}

/// A conversation in its course.
pub(super) struct Session<'a, S> {
    stream: S,
    keeper: &'a dyn Keeper,
    limits: &'a Limits,
    input: Vec<u8>,
    read_to: usize,
    output: Vec<u8>,
    local: bool,
    greeted: bool,
    from: Option<String>,
    to: Vec<String>,
    errors: u32,
}

impl<'a, S: AsyncRead + AsyncWrite + Unpin> Session<'a, S> {
    pub(super) fn new(stream: S, keeper: &'a dyn Keeper, limits: &'a Limits) -> Session<'a, S> {
        Session {
            stream,
            keeper,
            limits,
            input: Vec::new(),
            read_to: 0,
            output: Vec::new(),
            local: false,
            greeted: false,
            from: None,
            to: Vec::new(),
            errors: 0,
        }
    }

    /// Talks until one side ends it.
    pub(super) async fn run(mut self) -> Ended {
        let greeting = format!("220 {} ready", self.limits.name);
        self.say(&greeting);
        let ended = match self.converse().await {
            Ok(ended) | Err(ended) => ended,
        };
        if ended == Ended::Silent {
            self.say("421 4.4.2 silent for too long");
        }
        let _ = timeout(Duration::from_secs(5), self.flush()).await;
        let _ = self.stream.shutdown().await;
        ended
    }

    async fn converse(&mut self) -> Result<Ended, Ended> {
        loop {
            let line = match self.line().await? {
                Line::Text(line) => line,
                Line::TooLong => {
                    self.wrong("500 5.5.2 line too long")?;
                    continue;
                }
                Line::Bare => {
                    self.say("500 5.5.2 lines must end in CR LF");
                    return Ok(Ended::Broken);
                }
            };
            let (verb, rest) = match line.split_once(' ') {
                Some((verb, rest)) => (verb.to_ascii_uppercase(), rest.trim()),
                None => (line.trim().to_ascii_uppercase(), ""),
            };
            match verb.as_str() {
                "LHLO" | "EHLO" | "HELO" => self.hello(&verb, rest)?,
                "MAIL" => self.mail(rest)?,
                "RCPT" => self.rcpt(rest).await?,
                "DATA" => self.data().await?,
                "RSET" => {
                    self.reset();
                    self.say("250 2.0.0 ok");
                }
                "NOOP" => self.say("250 2.0.0 ok"),
                "VRFY" => self.say("252 2.0.0 send and see"),
                "QUIT" => {
                    self.say("221 2.0.0 bye");
                    return Ok(Ended::Closed);
                }
                _ => self.wrong("500 5.5.1 command not known")?,
            }
        }
    }

    fn hello(&mut self, verb: &str, name: &str) -> Result<(), Ended> {
        if name.is_empty() {
            return self.wrong("501 5.5.4 a name is missing");
        }
        (self.local, self.greeted) = (verb == "LHLO", true);
        self.reset();
        let name = self.limits.name.clone();
        if verb == "HELO" {
            self.say(&format!("250 {name}"));
            return Ok(());
        }
        let size = self.limits.max_bytes;
        for line in [
            format!("250-{name}"),
            "250-PIPELINING".to_owned(),
            format!("250-SIZE {size}"),
            "250-8BITMIME".to_owned(),
            "250-SMTPUTF8".to_owned(),
            "250 ENHANCEDSTATUSCODES".to_owned(),
        ] {
            self.say(&line);
        }
        Ok(())
    }

    fn mail(&mut self, rest: &str) -> Result<(), Ended> {
        if !self.greeted || self.from.is_some() {
            return self.wrong("503 5.5.1 not now");
        }
        let Some((from, parameters)) = path(rest, "FROM:") else {
            return self.wrong("501 5.5.4 expected MAIL FROM:<address>");
        };
        for parameter in parameters.split_whitespace() {
            let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
            match key.to_ascii_uppercase().as_str() {
                "SIZE" => {
                    let size: Option<usize> = value.parse().ok();
                    if size.is_none_or(|s| s > self.limits.max_bytes) {
                        self.say("552 5.3.4 too large");
                        return Ok(());
                    }
                }
                "BODY" | "SMTPUTF8" | "RET" | "ENVID" => {}
                _ => return self.wrong("555 5.5.4 parameter not known"),
            }
        }
        self.from = Some(from);
        self.say("250 2.1.0 ok");
        Ok(())
    }

    async fn rcpt(&mut self, rest: &str) -> Result<(), Ended> {
        if self.from.is_none() {
            return self.wrong("503 5.5.1 MAIL comes first");
        }
        let Some((to, _)) = path(rest, "TO:").filter(|(to, _)| !to.is_empty()) else {
            return self.wrong("501 5.5.4 expected RCPT TO:<address>");
        };
        if self.to.len() >= MAX_RECIPIENTS {
            self.say("452 4.5.3 too many recipients");
            return Ok(());
        }
        match self.keeper.takes(&to).await {
            Some(true) => {
                self.to.push(to);
                self.say("250 2.1.5 ok");
                Ok(())
            }
            // Guessing addresses is broken off like any other nonsense.
            Some(false) => self.wrong("550 5.1.1 no such address here"),
            None => {
                self.say("451 4.3.0 cannot tell now");
                Ok(())
            }
        }
    }

    async fn data(&mut self) -> Result<(), Ended> {
        if self.to.is_empty() {
            return self.wrong("503 5.5.1 nobody to give it to");
        }
        self.say("354 go on; end with a dot alone");
        let answer = match self.body().await? {
            Body::Whole(bytes) => {
                let envelope = Envelope {
                    from: self.from.take(),
                    to: self.to.clone(),
                };
                let mail = RawMail { bytes, envelope };
                match timeout(self.limits.message, self.keeper.keep(&mail)).await {
                    Ok(Taken::Kept) => "250 2.0.0 kept",
                    Ok(Taken::Later) | Err(_) => "451 4.3.0 not kept; send it again later",
                }
            }
            Body::TooLarge => "552 5.3.4 too large",
            Body::Bare => {
                for _ in 0..self.answers() {
                    self.say("521 5.5.2 lines must end in CR LF; nothing was taken");
                }
                return Err(Ended::Broken);
            }
        };
        // RFC 2033, 4.2: one answer for each recipient that was taken.
        for _ in 0..self.answers() {
            self.say(answer);
        }
        self.reset();
        Ok(())
    }

    fn answers(&self) -> usize {
        match self.local {
            true => self.to.len(),
            false => 1,
        }
    }

    /// The text up to the dot, with doubled dots undone (RFC 5321, 4.5.2).
    async fn body(&mut self) -> Result<Body, Ended> {
        self.flush().await?;
        let until = Instant::now() + self.limits.message;
        let (mut bytes, mut large, mut at_start) = (Vec::new(), false, true);
        loop {
            // Whole lines only; a line longer than what is read at once goes on in the next round.
            while let Some(end) = self.input[self.read_to..].iter().position(|b| *b == b'\n') {
                let line = &self.input[self.read_to..self.read_to + end];
                let Some(line) = line.strip_suffix(b"\r").filter(|l| !l.contains(&b'\r')) else {
                    return Ok(Body::Bare);
                };
                if at_start && line == b"." {
                    self.read_to += end + 1;
                    return Ok(match large {
                        true => Body::TooLarge,
                        false => Body::Whole(bytes),
                    });
                }
                let line = line.strip_prefix(b".").filter(|_| at_start).unwrap_or(line);
                large |= bytes.len() + line.len() + 2 > self.limits.max_bytes;
                if !large {
                    bytes.extend_from_slice(line);
                    bytes.extend_from_slice(b"\r\n");
                }
                self.read_to += end + 1;
                at_start = true;
            }
            let rest = self.input.len() - self.read_to;
            if rest > 64 * 1024 {
                // The end of a very long line; its last byte stays, for it may be the CR of its end.
                let line = &self.input[self.read_to..self.input.len() - 1];
                if line.contains(&b'\r') {
                    return Ok(Body::Bare);
                }
                let line = line.strip_prefix(b".").filter(|_| at_start).unwrap_or(line);
                large |= bytes.len() + line.len() > self.limits.max_bytes;
                if !large {
                    bytes.extend_from_slice(line);
                }
                self.read_to = self.input.len() - 1;
                at_start = false;
            }
            match timeout_at(until, self.fill()).await {
                Ok(done) => done?,
                Err(_) => return Err(Ended::Silent),
            }
        }
    }

    async fn line(&mut self) -> Result<Line, Ended> {
        let mut long = false;
        loop {
            let waiting = &self.input[self.read_to..];
            if let Some(end) = waiting.iter().position(|b| *b == b'\n') {
                let line = waiting[..end].to_vec();
                self.read_to += end + 1;
                if long || line.len() > MAX_LINE {
                    return Ok(Line::TooLong);
                }
                return Ok(match line.strip_suffix(b"\r") {
                    Some(line) if !line.contains(&b'\r') && !line.contains(&0) => {
                        Line::Text(String::from_utf8_lossy(line).into_owned())
                    }
                    _ => Line::Bare,
                });
            }
            if waiting.len() > MAX_LINE {
                (long, self.read_to) = (true, self.input.len());
            }
            self.flush().await?;
            match timeout(self.limits.idle, self.fill()).await {
                Ok(done) => done?,
                Err(_) => return Err(Ended::Silent),
            }
        }
    }

    /// Reads what there is.
    async fn fill(&mut self) -> Result<(), Ended> {
        self.input.drain(..self.read_to);
        self.read_to = 0;
        let mut piece = [0_u8; 16 * 1024];
        match self.stream.read(&mut piece).await {
            Ok(0) | Err(_) => Err(Ended::Closed),
            Ok(n) => {
                self.input.extend_from_slice(&piece[..n]);
                Ok(())
            }
        }
    }

    fn say(&mut self, line: &str) {
        self.output.extend_from_slice(line.as_bytes());
        self.output.extend_from_slice(b"\r\n");
    }

    /// Says what is wrong; too much of it ends the conversation.
    fn wrong(&mut self, line: &str) -> Result<(), Ended> {
        self.errors += 1;
        self.say(line);
        match self.errors > MAX_ERRORS {
            true => Err(Ended::Broken),
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<(), Ended> {
        if self.output.is_empty() {
            return Ok(());
        }
        let said = timeout(self.limits.idle, self.stream.write_all(&self.output)).await;
        self.output.clear();
        match said {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(Ended::Closed),
            Err(_) => Err(Ended::Silent),
        }
    }

    fn reset(&mut self) {
        (self.from, self.to) = (None, Vec::new());
    }
}

/// The address of `FROM:<..>` or `TO:<..>`, source routes left out, and what follows.
fn path<'a>(rest: &'a str, word: &str) -> Option<(String, &'a str)> {
    let head = rest.get(..word.len())?;
    let rest = rest[word.len()..].trim_start();
    let (address, after) = rest.strip_prefix('<')?.split_once('>')?;
    let address = address.rsplit_once(':').map_or(address, |(_, a)| a);
    let plain = address.len() <= 320 && !address.chars().any(|c| c.is_control() || c == ' ' || c == '<');
    (head.eq_ignore_ascii_case(word) && plain).then(|| (address.to_owned(), after))
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use super::super::super::carrier::BoxFuture;
    use super::*;

    /// Takes mail to `a@..`, keeps what does not say `later`.
    #[derive(Default)]
    struct Desk(Mutex<Vec<RawMail>>);

    impl Keeper for Desk {
        fn takes<'a>(&'a self, address: &'a str) -> BoxFuture<'a, Option<bool>> {
            let said = match address.split('@').next() {
                Some("a" | "b") => Some(true),
                Some("unsure") => None,
                _ => Some(false),
            };
            Box::pin(std::future::ready(said))
        }

        fn keep<'a>(&'a self, mail: &'a RawMail) -> BoxFuture<'a, Taken> {
            let later = String::from_utf8_lossy(&mail.bytes).contains("later");
            self.0.lock().unwrap().push(mail.clone());
            Box::pin(std::future::ready(if later { Taken::Later } else { Taken::Kept }))
        }
    }

    fn limits() -> Limits {
        Limits {
            max_bytes: 200_000,
            idle: Duration::from_millis(200),
            message: Duration::from_millis(500),
            name: "dunwell.test".to_owned(),
        }
    }

    /// Says all of it at once and closes; gives the codes of the answers, how it ended, and what was kept.
    async fn talk(said: &[u8]) -> (String, Ended, Vec<RawMail>) {
        let (desk, limits) = (Desk::default(), limits());
        let (mut client, server) = tokio::io::duplex(4096);
        let said = said.to_vec();
        let client = tokio::spawn(async move {
            let (mut reading, mut writing) = tokio::io::split(&mut client);
            let write = async {
                let _ = writing.write_all(&said).await;
                let _ = writing.shutdown().await;
            };
            let mut answers = Vec::new();
            let (_, _) = tokio::join!(write, reading.read_to_end(&mut answers));
            answers
        });
        let ended = Session::new(server, &desk, &limits).run().await;
        let answers = String::from_utf8(client.await.unwrap()).unwrap();
        let last = |l: &&str| l.as_bytes().get(3) != Some(&b'-');
        let codes: Vec<_> = answers.lines().filter(last).map(|l| &l[..3]).collect();
        (codes.join(" "), ended, desk.0.into_inner().unwrap())
    }

    #[tokio::test]
    async fn a_message_is_kept_and_answered_for_each_recipient() {
        let (codes, ended, kept) = talk(
            b"LHLO me\r\nMAIL FROM:<> SIZE=100 BODY=8BITMIME\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<no@x.example>\r\nRCPT TO:<b@x.example>\r\nRCPT TO:<unsure@x.example>\r\nDATA\r\nSubject: x\r\n\r\n..dot\r\n.\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(codes, "220 250 250 250 550 250 451 354 250 250 221");
        assert_eq!(ended, Ended::Closed);
        assert_eq!(kept.len(), 1);
        assert_eq!(kept[0].bytes, b"Subject: x\r\n\r\n.dot\r\n");
        assert_eq!(kept[0].envelope.from.as_deref(), Some(""));
        assert_eq!(kept[0].envelope.to, ["a@x.example", "b@x.example"]);
    }

    #[tokio::test]
    async fn smtp_has_one_answer_and_later_is_said_so() {
        let (codes, _, _) = talk(
            b"EHLO me\r\nMAIL FROM:<m@y.example>\r\nRCPT TO:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nlater\r\n.\r\nMAIL FROM:<>\r\nRSET\r\nDATA\r\nQUIT\r\n",
        )
        .await;
        assert_eq!(codes, "220 250 250 250 250 354 451 250 250 503 221");
    }

    #[tokio::test]
    async fn nobody_smuggles_a_second_message() {
        for end in [
            "\n.\n",
            "\n.\r\n",
            "\r\n.\n",
            "\r.\r",
            "\r\n.\r",
            "\r.\r\n",
            "a\rb\r\n.\r\n",
        ] {
            let said = format!(
                "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nDATA\r\nfirst{end}MAIL FROM:<evil@y.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\nsecond\r\n.\r\nQUIT\r\n"
            );
            let (codes, ended, kept) = talk(said.as_bytes()).await;
            assert!(kept.is_empty(), "{end:?}");
            assert_eq!(
                (codes.as_str(), ended),
                ("220 250 250 250 354 521", Ended::Broken),
                "{end:?}"
            );
        }
        let (codes, ended, _) = talk(b"EHLO me\nQUIT\r\n").await;
        assert_eq!((codes.as_str(), ended), ("220 500", Ended::Broken));
    }

    #[tokio::test]
    async fn what_is_too_large_or_too_long_has_a_clear_end() {
        let large = format!(
            "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n{}.\r\nMAIL FROM:<>\r\nQUIT\r\n",
            "0123456789\r\n".repeat(40_000)
        );
        assert_eq!(talk(large.as_bytes()).await.0, "220 250 250 250 354 552 250 221");
        let long = format!(
            "EHLO me\r\nMAIL FROM:<>\r\nRCPT TO:<a@x.example>\r\nDATA\r\n{}\r\n.\r\nQUIT\r\n",
            "x".repeat(150_000)
        );
        let (codes, _, kept) = talk(long.as_bytes()).await;
        assert_eq!(codes, "220 250 250 250 354 250 221");
        assert_eq!(kept[0].bytes.len(), 150_002);
        let line = format!(
            "EHLO {}\r\nNOOP\r\nMAIL FROM:<> SIZE=99999999\r\nQUIT\r\n",
            "x".repeat(10_000)
        );
        assert_eq!(talk(line.as_bytes()).await.0, "220 500 250 503 221");
        assert_eq!(
            talk(b"EHLO me\r\nMAIL FROM:<> SIZE=99999999\r\nQUIT\r\n").await.0,
            "220 250 552 221"
        );
        assert_eq!(talk(&b"NONSENSE\r\n".repeat(50)).await.1, Ended::Broken);
        let guesses = format!(
            "EHLO me\r\nMAIL FROM:<>\r\n{}",
            "RCPT TO:<x@x.example>\r\n".repeat(50)
        );
        assert_eq!(talk(guesses.as_bytes()).await.1, Ended::Broken);
    }

    #[tokio::test]
    async fn silence_ends_it() {
        let (desk, limits) = (Desk::default(), limits());
        let (_client, server) = tokio::io::duplex(4096);
        assert_eq!(Session::new(server, &desk, &limits).run().await, Ended::Silent);
    }

    #[test]
    fn paths() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(path(text, "TO:").map(|(a, _)| a).as_deref(), expected, "{text}");
        };
        check("TO:<a@x.example>", Some("a@x.example"));
        check("to: <a@x.example> NOTIFY=NEVER", Some("a@x.example"));
        check("TO:<@relay.example:a@x.example>", Some("a@x.example"));
        check("TO:a@x.example", None);
        check("TO:<a b@x.example>", None);
        check("FROM:<a>", None);
        check("ö", None);
    }
}
