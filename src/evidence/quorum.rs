//! Whom an outsider trusts, as one text file (C2SP tlog-policy): keys of the log, keys of witnesses, and how many of them
//! must have seen a head. A verifier gets this file from somebody else than the one who made the proof.

use std::collections::BTreeMap;

use super::checkpoint::{SignedCheckpoint, decimal};
use super::note::{KeyUse, NoteError, VerifierKey};

/// More members, groups or keys are refused.
const MAX_LINES: usize = 1024;

/// A policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    logs: Vec<VerifierKey>,
    witnesses: BTreeMap<String, (VerifierKey, Option<String>)>,
    groups: BTreeMap<String, (usize, Vec<String>)>,
    /// `None`: no witness is asked for.
    quorum: Option<String>,
}

/// Why a policy cannot be used, or a head does not meet it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A line of the file.
    #[error("line {line} of the policy: {problem}")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What is wrong and what is expected.
        problem: String,
    },
    /// The file has no quorum line.
    #[error("the policy has no line `quorum`")]
    NoQuorum,
    /// No key of the log signed the head.
    #[error("the head is not signed by a key of the log that the policy names")]
    NoLog,
    /// The head names another log than the key that signed it.
    #[error("the head is signed by a key of another log than it names")]
    Origin,
    /// A signature of a known key does not fit.
    #[error("{0}")]
    Note(NoteError),
    /// Too few witnesses.
    #[error("the head has not the cosignatures that the policy demands")]
    Quorum,
}

/// Which witnesses of the policy have seen a head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// The key of the log that signed.
    pub log: VerifierKey,
    /// The policy's name of each witness, and when it signed in seconds since 1970.
    pub by: Vec<(String, u64)>,
}

impl Policy {
    /// A policy that trusts these keys of a log and asks for no witness.
    pub fn of_logs(logs: Vec<VerifierKey>) -> Policy {
        Policy {
            logs,
            witnesses: BTreeMap::new(),
            groups: BTreeMap::new(),
            quorum: None,
        }
    }

    /// The same policy that trusts these keys of the log too.
    pub fn trusting(mut self, logs: impl IntoIterator<Item = VerifierKey>) -> Policy {
        for key in logs {
            if !self.logs.contains(&key) {
                self.logs.push(key);
            }
        }
        self
    }

    /// The same keys, without asking for any cosignature.
    pub fn without_quorum(self) -> Policy {
        Policy { quorum: None, ..self }
    }

    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Policy, PolicyError> {
        let mut policy = Policy::of_logs(Vec::new());
        let (mut quorum, mut used) = (None, Vec::new());
        for (n, line) in text.split('\n').enumerate() {
            let fault = |problem: &str| PolicyError::Line {
                line: n + 1,
                problem: problem.to_owned(),
            };
            if n >= MAX_LINES {
                return Err(fault("there are too many lines"));
            }
            if line.chars().any(|c| c.is_control() && c != '\t') {
                return Err(fault("found a control character, expected text, blanks and tabs"));
            }
            let words: Vec<&str> = line.split([' ', '\t']).filter(|w| !w.is_empty()).collect();
            match words.as_slice() {
                [] => {}
                [first, ..] if first.starts_with('#') => {}
                ["log", key] | ["log", key, _] => policy.log(key).map_err(|e| fault(&e))?,
                ["witness", name, key] => policy.witness(name, key, None).map_err(|e| fault(&e))?,
                ["witness", name, key, url] => {
                    policy.witness(name, key, Some(url)).map_err(|e| fault(&e))?;
                }
                ["group", name, count, members @ ..] if !members.is_empty() => {
                    policy
                        .group(name, count, members, &mut used)
                        .map_err(|e| fault(&e))?;
                }
                ["quorum", name] if quorum.is_none() => {
                    if *name != "none" && !policy.knows(name) {
                        return Err(fault("the quorum names nothing that stands above it"));
                    }
                    quorum = Some((*name).to_owned());
                }
                ["quorum", _] => return Err(fault("there is a second `quorum`, expected one")),
                _ => {
                    return Err(fault(
                        "expected `log`, `witness`, `group` or `quorum` with its words",
                    ));
                }
            }
        }
        let quorum = quorum.ok_or(PolicyError::NoQuorum)?;
        policy.quorum = (quorum != "none").then_some(quorum);
        Ok(policy)
    }

    fn knows(&self, name: &str) -> bool {
        self.witnesses.contains_key(name) || self.groups.contains_key(name)
    }

    fn log(&mut self, key: &str) -> Result<(), String> {
        let key = VerifierKey::parse(key).map_err(|e| e.to_string())?;
        if key.kind() != KeyUse::Text {
            return Err("found the key of a cosigner, expected that of a log".into());
        }
        if self.logs.iter().any(|known| known.same_material(&key)) {
            return Err("this log stands above already".into());
        }
        self.logs.push(key);
        Ok(())
    }

    fn witness(&mut self, name: &str, key: &str, url: Option<&str>) -> Result<(), String> {
        let key = VerifierKey::parse(key).map_err(|e| e.to_string())?;
        if key.kind() != KeyUse::Cosignature {
            return Err("found the key of a log, expected that of a cosigner".into());
        }
        if self
            .witnesses
            .values()
            .any(|(known, _)| known.same_material(&key))
        {
            return Err("this witness stands above already".into());
        }
        self.take_name(name)?;
        self.witnesses
            .insert(name.to_owned(), (key, url.map(str::to_owned)));
        Ok(())
    }

    fn take_name(&self, name: &str) -> Result<(), String> {
        if name == "none" {
            return Err("the name `none` has a meaning of its own".into());
        }
        if self.knows(name) {
            return Err("this name stands above already".into());
        }
        Ok(())
    }

    fn group(
        &mut self,
        name: &str,
        count: &str,
        members: &[&str],
        used: &mut Vec<String>,
    ) -> Result<(), String> {
        self.take_name(name)?;
        for member in members {
            if !self.knows(member) {
                return Err("a member of the group does not stand above it".into());
            }
            if used.iter().any(|seen| seen == member) {
                return Err("a member is in a group already; each counts once".into());
            }
            used.push((*member).to_owned());
        }
        let least = match count {
            "all" => members.len(),
            "any" => 1,
            number => decimal(number).and_then(|n| usize::try_from(n).ok()).unwrap_or(0),
        };
        if least == 0 || least > members.len() {
            return Err("expected `all`, `any`, or a number from 1 to that of the members".into());
        }
        let members = members.iter().map(|m| (*m).to_owned()).collect();
        self.groups.insert(name.to_owned(), (least, members));
        Ok(())
    }

    /// The keys of the log.
    pub fn logs(&self) -> &[VerifierKey] {
        &self.logs
    }

    /// Names, keys and addresses of the witnesses.
    pub fn witnesses(&self) -> impl Iterator<Item = (&str, &VerifierKey, Option<&str>)> {
        self.witnesses
            .iter()
            .map(|(name, (key, url))| (name.as_str(), key, url.as_deref()))
    }

    fn met(&self, name: &str, by: &[(String, u64)]) -> bool {
        match self.groups.get(name) {
            Some((least, members)) => members.iter().filter(|m| self.met(m, by)).count() >= *least,
            None => by.iter().any(|(witness, _)| witness == name),
        }
    }

    /// Whether a head is signed by the log and seen by enough witnesses.
    pub fn check(&self, head: &SignedCheckpoint) -> Result<Witnessed, PolicyError> {
        let log = match head.note.signed_by(&self.logs) {
            Ok(signed) => signed,
            Err(NoteError::Unsigned) => return Err(PolicyError::NoLog),
            Err(e) => return Err(PolicyError::Note(e)),
        };
        let named = log.iter().find(|s| s.key.name() == head.checkpoint.origin);
        let log = named.ok_or(PolicyError::Origin)?.key.clone();
        let keys: Vec<VerifierKey> = self.witnesses.values().map(|(key, _)| key.clone()).collect();
        let cosigned = match head.note.signed_by(&keys) {
            Ok(signed) => signed,
            Err(NoteError::Unsigned) => Vec::new(),
            Err(e) => return Err(PolicyError::Note(e)),
        };
        let name_of = |key: &VerifierKey| {
            self.witnesses
                .iter()
                .find(|(_, (known, _))| known == key)
                .map(|(name, _)| name.clone())
        };
        let by: Vec<(String, u64)> = cosigned
            .into_iter()
            .filter_map(|signed| Some((name_of(signed.key)?, signed.at?)))
            .collect();
        match &self.quorum {
            Some(name) if !self.met(name, &by) => Err(PolicyError::Quorum),
            _ => Ok(Witnessed { log, by }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::checkpoint::Checkpoint;
    use crate::evidence::note::NoteSigner;

    fn key(name: &str, kind: KeyUse) -> NoteSigner {
        let mut seed = [0; 32];
        seed[..name.len()].copy_from_slice(name.as_bytes());
        NoteSigner::from_seed(name, kind, &seed).unwrap()
    }

    fn head(witnesses: &[&str]) -> SignedCheckpoint {
        let log = key("log", KeyUse::Text);
        let head = Checkpoint {
            origin: "log".into(),
            size: 1,
            root: [1; 32],
        };
        let mut signed = head.sign(&[log]).unwrap();
        for name in witnesses {
            let cosignature = key(name, KeyUse::Cosignature).sign(&head.text(), 1_700_000_000);
            signed.note.add(cosignature);
        }
        signed
    }

    fn policy(quorum: &str) -> String {
        let mut text = format!("# whom we trust\nlog {}\n", key("log", KeyUse::Text).verifier());
        for name in ["X1", "X2", "X3", "Y1"] {
            text += &format!(
                "witness {name}\t{} https://w.example/\n",
                key(name, KeyUse::Cosignature).verifier()
            );
        }
        text + quorum
    }

    #[test]
    fn a_quorum_counts_as_the_specification_says() {
        let nested = "group X 2 X1 X2 X3\ngroup both all X Y1\nquorum both\n";
        let check = |quorum: &str, witnesses: &[&str], expected: bool| {
            let met = Policy::parse(&policy(quorum)).unwrap().check(&head(witnesses));
            assert_eq!(met.is_ok(), expected, "{quorum} {witnesses:?} {met:?}");
        };
        check("quorum none\n", &[], true);
        check("quorum X1\n", &[], false);
        check("quorum X1\n", &["X1"], true);
        check("quorum X1\n", &["X2"], false);
        check(nested, &["X1", "X2"], false);
        check(nested, &["X1", "Y1"], false);
        check(nested, &["X1", "X3", "Y1"], true);
        check("group X any X1 X2\nquorum X\n", &["X2", "stranger"], true);
    }

    #[test]
    fn a_head_of_another_log_or_key_is_refused() {
        let policy = Policy::parse(&policy("quorum none\n")).unwrap();
        let other = key("other", KeyUse::Text);
        let named = Checkpoint {
            origin: "log".into(),
            size: 1,
            root: [1; 32],
        };
        assert_eq!(
            policy.check(&named.sign(&[other]).unwrap()),
            Err(PolicyError::NoLog)
        );
        let elsewhere = Checkpoint {
            origin: "other".into(),
            ..named
        };
        let signed = elsewhere.sign(&[key("log", KeyUse::Text)]).unwrap();
        assert_eq!(policy.check(&signed), Err(PolicyError::Origin));
    }

    #[test]
    fn faulty_files_name_the_line() {
        let check = |text: &str, line: usize| match Policy::parse(&policy(text)) {
            Err(PolicyError::Line { line: found, .. }) => assert_eq!(found, line, "{text}"),
            other => panic!("{text}: {other:?}"),
        };
        check("quorum nobody\n", 7);
        check("group X 3 X1 X2\nquorum X\n", 7);
        check("group X 0 X1 X2\nquorum X\n", 7);
        check("group X any X1 X1\n", 7);
        check("group X any X1\ngroup Y any X1\n", 8);
        check("group none any X1\n", 7);
        check("group X1 any X2\n", 7);
        check("quorum X1\nquorum X2\n", 8);
        check("witness again x\n", 7);
        check("\u{1}\n", 7);
        check("blah\n", 7);
        assert_eq!(Policy::parse(&policy("")), Err(PolicyError::NoQuorum));
    }
}
