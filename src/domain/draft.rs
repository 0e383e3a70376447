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

words! {
    /// Where things stand on the first page, so that the address shows in the window of the usual envelope.
    LetterForm as "form of a letter" {
        /// DIN 5008 form A, A4: address field from 27 mm, folds at 87 and 192 mm.
        Din5008A = "din-5008-a",
        /// DIN 5008 form B, A4: address field from 45 mm, folds at 105 and 210 mm.
        Din5008B = "din-5008-b",
        /// Business letters of mainland China, Hong Kong, Macao and Taiwan, A4: margins in the manner of GB/T 9704-2012,
        /// the address where a DL window shows it.
        China = "china",
        /// US Letter folded twice for a #10 window envelope.
        Us10 = "us-10",
    }
}

impl LetterForm {
    /// The form that envelopes and paper of a country ask for; ISO 3166-1 alpha-2.
    pub fn of_country(country: &str) -> LetterForm {
        match country {
            "US" | "CA" | "PR" | "VI" | "GU" | "AS" | "MP" | "MX" => LetterForm::Us10,
            "CN" | "HK" | "MO" | "TW" => LetterForm::China,
            _ => LetterForm::Din5008B,
        }
    }

    /// `a4` or `us-letter`.
    pub fn paper(self) -> &'static str {
        match self {
            LetterForm::Us10 => "us-letter",
            _ => "a4",
        }
    }
}

/// Where to pay: only ever the confirmed payee that the words name too.
#[derive(Clone, PartialEq, Eq)]
pub struct PaymentSlip {
    /// Its heading.
    pub title: String,
    /// Label and value, in order.
    pub lines: Vec<(String, String)>,
    /// What the code holds, byte for byte (EPC069-12); `None` where no open standard fits.
    pub code: Option<String>,
    /// What stands beside the code.
    pub code_label: String,
}

impl PaymentSlip {
    fn text(&self) -> String {
        let mut all = vec![self.title.clone()];
        all.extend(self.lines.iter().map(|(label, value)| format!("{label}{value}")));
        if let Some(code) = &self.code {
            all.extend([self.code_label.clone(), code.clone()]);
        }
        all.join("\n")
    }
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
    /// Where a lawyer signs; empty unless the sender is a law firm.
    pub signature: Vec<String>,
    /// Payment slip; none where the letter names no payee.
    pub payment: Option<PaymentSlip>,
    /// Return slip below a cut line (statement of account); empty: none.
    pub return_slip: Vec<String>,
    /// What stands at the foot of each page, with `{page}` and `{pages}`; empty: numbers alone.
    pub page_words: String,
    /// Where things stand.
    pub form: LetterForm,
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
                    ("reference", format!("{}\n{}", letter.date, letter.reference)),
                    ("subject", letter.subject.clone()),
                    ("body", letter.paragraphs.join("\n\n")),
                    ("table", table),
                    ("after_table", letter.after_table.join("\n\n")),
                    ("closing", letter.closing.join("\n")),
                    ("signature", letter.signature.join("\n")),
                    (
                        "payment_slip",
                        letter
                            .payment
                            .as_ref()
                            .map_or_else(String::new, PaymentSlip::text),
                    ),
                    ("return_slip", letter.return_slip.join("\n")),
                    ("page", letter.page_words.clone()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn envelopes_follow_the_country() {
        let check = |country, form, paper| {
            let found = LetterForm::of_country(country);
            assert_eq!((found, found.paper()), (form, paper), "{country}");
        };
        check("DE", LetterForm::Din5008B, "a4");
        check("GB", LetterForm::Din5008B, "a4");
        check("US", LetterForm::Us10, "us-letter");
        check("CA", LetterForm::Us10, "us-letter");
        check("CN", LetterForm::China, "a4");
        check("TW", LetterForm::China, "a4");
    }
}
