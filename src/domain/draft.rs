//! What would be sent, rendered: the words the guard judges and the channel carries, byte for byte.

use super::words::words;

words! {
    /// How an SMS is coded on the air (3GPP TS 23.038).
    SmsCoding as "SMS coding" {
        /// GSM 7-bit default alphabet: 160 characters, or 153 a segment.
        Gsm7 = "gsm7",
        /// UCS-2: 70 characters, or 67 a segment.
        Ucs2 = "ucs2",
    }
}

/// How many segments an SMS takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segments {
    /// Alphabet.
    pub coding: SmsCoding,
    /// Characters as the alphabet counts them (extension characters count twice; UTF-16 units for UCS-2).
    pub units: usize,
    /// Segments billed.
    pub count: usize,
}

/// A text message.
#[derive(Clone, PartialEq, Eq)]
pub struct Sms {
    /// The whole text with signature.
    pub text: String,
    /// How many segments it takes.
    pub segments: Segments,
}

/// An e-mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Email {
    /// Subject line.
    pub subject: String,
    /// Plain text part.
    pub text: String,
    /// HTML part with the same words.
    pub html: String,
}

/// A letter. The words are data; the layout is a Typst source that reads them.
#[derive(Clone, PartialEq, Eq)]
pub struct Letter {
    /// Recipient name and address as seen through the window.
    pub recipient: Vec<String>,
    /// Letterhead of the sender: name, address, telephone.
    pub letterhead: Vec<String>,
    /// Place-independent date line.
    pub date: String,
    /// Our reference.
    pub reference: String,
    /// Subject line.
    pub subject: String,
    /// Paragraphs of the body, in order; plain text.
    pub paragraphs: Vec<String>,
    /// Rows of a table (statement of account, repayment plan); the first row is its head. Empty: no table.
    pub table: Vec<Vec<String>>,
    /// Paragraphs that follow the table.
    pub after_table: Vec<String>,
    /// Closing and signature lines.
    pub closing: Vec<String>,
    /// Return slip below a cut line (statement of account); empty: none.
    pub return_slip: Vec<String>,
    /// BCP 47 language of the words.
    pub lang: String,
    /// Typst source of the layout; reads the fields above from `sys.inputs`.
    pub layout: String,
}

/// What would be sent.
#[derive(Clone, PartialEq, Eq)]
pub enum Draft {
    /// A text message.
    Sms(Sms),
    /// An e-mail.
    Email(Email),
    /// A letter.
    Letter(Box<Letter>),
}

impl Draft {
    /// Every text a reader would see, with the name of its part, in reading order.
    pub fn parts(&self) -> Vec<(&'static str, String)> {
        match self {
            Draft::Sms(sms) => vec![("text", sms.text.clone())],
            Draft::Email(mail) => {
                vec![
                    ("subject", mail.subject.clone()),
                    ("text", mail.text.clone()),
                    ("html", mail.html.clone()),
                ]
            }
            Draft::Letter(letter) => {
                let table = letter
                    .table
                    .iter()
                    .map(|row| row.join("\t"))
                    .collect::<Vec<_>>()
                    .join("\n");
                vec![
                    ("letterhead", letter.letterhead.join("\n")),
                    ("recipient", letter.recipient.join("\n")),
                    ("subject", letter.subject.clone()),
                    ("body", letter.paragraphs.join("\n\n")),
                    ("table", table),
                    ("after_table", letter.after_table.join("\n\n")),
                    ("closing", letter.closing.join("\n")),
                    ("return_slip", letter.return_slip.join("\n")),
                ]
            }
        }
    }
}

impl std::fmt::Debug for Draft {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let length: usize = self.parts().iter().map(|(_, text)| text.len()).sum();
        write!(f, "Draft({length} bytes)")
    }
}
