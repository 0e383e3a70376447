//! The daily head by mail, to somebody outside who keeps it.

use chrono::TimeDelta;
use serde::Deserialize;

use super::anchors::Vouched;
use super::{Notary, NotaryError};
use crate::channels::{OwnMail, SmtpSettings, send_own};
use crate::domain::EmailAddress;
use crate::store::{AnchorKind, Head};

const WORDS: &str = include_str!("../../templates/evidence/mail.toml");

/// How mail leaves, and in which language it is written.
#[derive(Debug, Clone)]
pub struct Post {
    /// The mail server.
    pub smtp: SmtpSettings,
    /// Chinese; else English.
    pub zh: bool,
    /// Whose address stands as sender.
    pub from: EmailAddress,
    /// Who keeps the heads.
    pub to: EmailAddress,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Words {
    zh: Letter,
    en: Letter,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Letter {
    subject: String,
    text: String,
}

fn letter(zh: bool) -> Letter {
    let words: Words = toml::from_str(WORDS).expect("the words of the daily mail are read by a test");
    if zh { words.zh } else { words.en }
}

impl Notary {
    /// Lets heads leave by mail too.
    #[must_use]
    pub fn with_post(mut self, post: Option<Post>) -> Notary {
        self.post = post.map(std::sync::Arc::new);
        self
    }

    /// When a head was mailed last, where that is longer ago than two days although the log has grown: `never`, or the
    /// moment.
    ///
    /// # Errors
    /// The database failed.
    pub async fn mail_overdue(&self) -> Result<Option<String>, NotaryError> {
        let size = match self.store.newest_head().await? {
            Some(head) if self.settings.mail_to.is_some() => head.signed.checkpoint.size,
            _ => return Ok(None),
        };
        if !self.is_due(AnchorKind::Mail, size, TimeDelta::hours(48)).await? {
            return Ok(None);
        }
        let last = self.store.newest_anchor(AnchorKind::Mail, None).await?;
        Ok(Some(last.map_or_else(|| "never".to_owned(), |a| a.at.to_text())))
    }

    /// Mails a head if a day has passed, or at once if `now`. Kept as an anchor once the mail server has taken it.
    ///
    /// # Errors
    /// The database failed; what the mail server says is a fault of the answer.
    pub async fn mail_out(&self, head: &Head, now: bool) -> Result<Vouched, NotaryError> {
        let mut vouched = Vouched::default();
        let Some(post) = &self.post else {
            return Ok(vouched);
        };
        let size = head.signed.checkpoint.size;
        if !now && !self.is_due(AnchorKind::Mail, size, TimeDelta::hours(24)).await? {
            return Ok(vouched);
        }
        let text = self.cosigned(head).await?.to_string();
        let day = self.now().utc().format("%Y-%m-%d").to_string();
        let file = format!("checkpoint-{day}-{size:012}.txt");
        let checkpoint = &head.signed.checkpoint;
        let (size_text, root) = (size.to_string(), hex::encode(checkpoint.root));
        let with = [
            ("{origin}", checkpoint.origin.as_str()),
            ("{size}", &size_text),
            ("{day}", &day),
            ("{root}", &root),
            ("{file}", &file),
        ];
        let filled = |text: &str| {
            with.iter()
                .fold(text.to_owned(), |t, (name, value)| t.replace(name, value))
        };
        let letter = letter(post.zh);
        let mail = OwnMail {
            from: &post.from,
            to: &post.to,
            subject: &filled(&letter.subject),
            text: filled(letter.text.trim_start()),
            attached: (file, text.clone()),
            id: format!("head-{size}-{}", self.now().utc().timestamp()),
            at: self.now(),
        };
        match send_own(&post.smtp, &mail).await {
            Ok(()) => {
                let name = post.to.domain().to_owned();
                self.keep(AnchorKind::Mail, size, &name, text.into_bytes())
                    .await?;
                vouched.by.push(("mail", name));
            }
            Err(why) => vouched.faults.push(format!(
                "the daily head could not be mailed to `{}`: {why}",
                post.to.domain()
            )),
        }
        Ok(vouched)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_are_there_in_both_languages() {
        for zh in [true, false] {
            let letter = letter(zh);
            assert!(letter.subject.contains("{size}") && !letter.subject.contains('\n'));
            for name in ["{origin}", "{size}", "{root}", "{day}", "{file}"] {
                assert!(letter.text.contains(name), "{name}");
            }
        }
    }
}
