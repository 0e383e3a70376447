//! Carrying a head to those outside: witnesses (C2SP tlog-witness), a time-stamp authority (RFC 3161), a folder.

use chrono::TimeDelta;

use super::{Notary, NotaryError};
use crate::evidence::{
    AddCheckpoint, NoteSignature, SignedCheckpoint, VerifierKey, timestamp_request, token_of_response,
    verify_token,
};
use crate::store::{Anchor, AnchorKind, Head};

/// Larger answers are refused.
const MAX_ANSWER: usize = 1 << 20;

/// A witness believes in another size at most this often before we give up for now.
const ROUNDS: usize = 3;

/// Who vouched for a head, and who did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Vouched {
    /// Names of those who did, each with what they are.
    pub by: Vec<(&'static str, String)>,
    /// What went wrong with others, a sentence each.
    pub faults: Vec<String>,
}

/// What a witness answered.
enum Said {
    /// Its signature lines.
    Signed(Vec<NoteSignature>),
    /// It has seen this many entries last.
    Seen(u64),
}

fn outside(name: &str, problem: impl Into<String>) -> NotaryError {
    NotaryError::Outside {
        name: name.to_owned(),
        problem: problem.into(),
    }
}

async fn body_of(name: &str, response: reqwest::Response) -> Result<Vec<u8>, NotaryError> {
    let mut response = response;
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| outside(name, plain(&e)))? {
        body.extend_from_slice(&chunk);
        if body.len() > MAX_ANSWER {
            return Err(outside(name, "the answer is too long"));
        }
    }
    Ok(body)
}

/// What a failure says of itself and its causes, without the address, which may hold a secret.
fn plain(e: &reqwest::Error) -> String {
    use std::error::Error;
    let mut said = match (e.is_timeout(), e.is_connect()) {
        (true, _) => "no answer in time".to_owned(),
        (_, true) => "cannot be reached".to_owned(),
        _ => "the exchange failed".to_owned(),
    };
    let mut cause = e.source();
    while let Some(inner) = cause {
        said = format!("{said}: {inner}");
        cause = inner.source();
    }
    said
}

/// Asks a witness to cosign; `url` is its submission prefix.
async fn ask(
    client: &reqwest::Client,
    name: &str,
    url: &str,
    request: &AddCheckpoint,
) -> Result<Said, NotaryError> {
    let address = format!("{}/add-checkpoint", url.trim_end_matches('/'));
    let response = client
        .post(address)
        .body(request.body())
        .send()
        .await
        .map_err(|e| outside(name, plain(&e)))?;
    let status = response.status().as_u16();
    let sized = response
        .headers()
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"text/x.tlog.size"));
    let body = body_of(name, response).await?;
    let text = String::from_utf8(body).map_err(|_| outside(name, "the answer is no text"))?;
    match status {
        200 => {
            let lines: Result<Vec<_>, _> = text.lines().map(NoteSignature::parse).collect();
            lines.map(Said::Signed).map_err(|e| outside(name, e.to_string()))
        }
        409 if sized => {
            let size = text.trim_end_matches('\n').parse();
            size.map(Said::Seen)
                .map_err(|_| outside(name, "its answer holds no size"))
        }
        _ => {
            // The witness's own sentence is worth telling, cut and without control characters.
            let said: String = text.chars().filter(|c| !c.is_control()).take(200).collect();
            Err(outside(name, format!("refused with {status}: {said}")))
        }
    }
}

/// Asks a witness to cosign a head, with the proof from what it has seen last; its valid signature lines. `prove` makes a
/// consistency proof from a size to the head.
pub async fn ask_witness(
    client: &reqwest::Client,
    (name, key, url): (&str, &VerifierKey, &str),
    (head, believed): (&SignedCheckpoint, u64),
    prove: &mut (dyn AsyncProof + Send),
) -> Result<Vec<NoteSignature>, NotaryError> {
    let mut old = believed.min(head.checkpoint.size);
    for _ in 0..ROUNDS {
        let request = AddCheckpoint {
            old,
            proof: prove.from(old).await?,
            head: head.clone(),
        };
        match ask(client, name, url, &request).await? {
            Said::Signed(lines) => {
                let mut cosigned = head.clone();
                lines.iter().for_each(|line| cosigned.note.add(line.clone()));
                let keys = [key.clone()];
                cosigned
                    .note
                    .signed_by(&keys)
                    .map_err(|e| outside(name, format!("its cosignature does not hold: {e}")))?;
                return Ok(lines
                    .into_iter()
                    .filter(|l| l.name() == key.name() && l.id() == key.id())
                    .collect());
            }
            Said::Seen(seen) if seen > head.checkpoint.size => {
                return Err(NotaryError::Longer {
                    name: name.to_owned(),
                    seen,
                    here: head.checkpoint.size,
                });
            }
            Said::Seen(seen) if seen == old => {
                return Err(outside(name, "it contradicts itself about what it has seen"));
            }
            Said::Seen(seen) => old = seen,
        }
    }
    Err(outside(
        name,
        "what it has seen changes while it is asked; it is tried again later",
    ))
}

/// Makes proofs from a size to one head.
pub trait AsyncProof {
    /// The proof.
    fn from(
        &mut self,
        old: u64,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<crate::evidence::Hash>, NotaryError>> + Send + '_>>;
}

/// Proofs out of a store's tree.
struct OfStore {
    tree: crate::store::TreeSnapshot,
    size: u64,
}

impl AsyncProof for OfStore {
    fn from(
        &mut self,
        old: u64,
    ) -> std::pin::Pin<Box<dyn Future<Output = Result<Vec<crate::evidence::Hash>, NotaryError>> + Send + '_>>
    {
        Box::pin(async move {
            let proof = self.tree.consistency(old, self.size).await?;
            proof.ok_or_else(|| outside("the tree", "a node is missing"))
        })
    }
}

impl Notary {
    /// Shows a head to every witness of the policy that has an address and has not cosigned it yet; with `again` to the
    /// others too, since a witness that has seen more tells that an older copy was put back.
    pub async fn cosign(&self, head: &Head, again: bool) -> Result<Vouched, NotaryError> {
        let size = head.signed.checkpoint.size;
        let mut vouched = Vouched::default();
        let Some(policy) = &self.policy else {
            return Ok(vouched);
        };
        for (name, key, url) in policy.witnesses() {
            let Some(url) = url else { continue };
            let last = self
                .store
                .newest_anchor(AnchorKind::Witness, Some(key.name()))
                .await?;
            let believed = last.map_or(0, |a| a.size);
            if believed == size && !again {
                vouched.by.push(("witness", name.to_owned()));
                continue;
            }
            let mut proofs = OfStore {
                tree: self.store.tree().await?,
                size,
            };
            let asked = ask_witness(
                &self.client,
                (name, key, url),
                (&head.signed, believed),
                &mut proofs,
            )
            .await;
            match asked {
                Ok(lines) => {
                    let body: String = lines.iter().map(|l| format!("{l}\n")).collect();
                    if believed != size {
                        self.keep(AnchorKind::Witness, size, key.name(), body.into_bytes())
                            .await?;
                    }
                    vouched.by.push(("witness", name.to_owned()));
                }
                Err(e @ NotaryError::Longer { seen, .. }) => {
                    // Another machine may have shown it a newer head of this same log.
                    if seen > self.store.tree().await?.size() {
                        self.store.note_restoration(&e.to_string(), seen).await?;
                    }
                    vouched.faults.push(e.to_string());
                }
                Err(e @ NotaryError::Outside { .. }) => vouched.faults.push(e.to_string()),
                Err(e) => return Err(e),
            }
        }
        Ok(vouched)
    }

    pub(super) async fn keep(
        &self,
        kind: AnchorKind,
        size: u64,
        name: &str,
        body: Vec<u8>,
    ) -> Result<(), NotaryError> {
        let anchor = Anchor {
            size,
            kind,
            name: name.to_owned(),
            at: self.now(),
            body,
        };
        Ok(self.store.add_anchor(anchor).await?)
    }

    /// Whether the log has grown since an anchor, by more than the anchor's own entry and those that signing brought.
    pub(super) async fn is_due(
        &self,
        kind: AnchorKind,
        size: u64,
        pause: TimeDelta,
    ) -> Result<bool, NotaryError> {
        let last = self.store.newest_anchor(kind, None).await?;
        Ok(match last {
            None => true,
            Some(last) => size > last.size + 2 && self.now().utc() - last.at.utc() >= pause,
        })
    }

    /// Gets a time stamp over a head if one is due, or at once if `now`.
    pub async fn stamp(&self, head: &Head, now: bool) -> Result<Vouched, NotaryError> {
        let mut vouched = Vouched::default();
        let Some(url) = &self.settings.timestamp_url else {
            return Ok(vouched);
        };
        let pause = TimeDelta::hours(i64::from(self.settings.timestamp_hours));
        if !now
            && !self
                .is_due(AnchorKind::Timestamp, head.signed.checkpoint.size, pause)
                .await?
        {
            return Ok(vouched);
        }
        match self.ask_authority(url, head).await {
            Ok((token, at)) => {
                let size = head.signed.checkpoint.size;
                self.keep(AnchorKind::Timestamp, size, &host_of(url), token)
                    .await?;
                vouched.by.push(("timestamp", at));
            }
            Err(e @ NotaryError::Outside { .. }) => vouched.faults.push(e.to_string()),
            Err(e) => return Err(e),
        }
        Ok(vouched)
    }

    async fn ask_authority(&self, url: &str, head: &Head) -> Result<(Vec<u8>, String), NotaryError> {
        let name = "the time-stamp authority";
        let text = head.signed.note.text().as_bytes();
        let nonce: [u8; 8] = *self
            .store
            .clock()
            .salt()
            .first_chunk()
            .expect("a salt has 32 bytes");
        let response = self
            .client
            .post(url)
            .header("content-type", "application/timestamp-query")
            .body(timestamp_request(text, &nonce))
            .send()
            .await
            .map_err(|e| outside(name, plain(&e)))?;
        let status = response.status().as_u16();
        if status != 200 {
            return Err(outside(name, format!("refused with {status}")));
        }
        let body = body_of(name, response).await?;
        let token = token_of_response(&body, text, &nonce).map_err(|e| outside(name, e.to_string()))?;
        let stamp = verify_token(&token, text, &self.roots).map_err(|e| outside(name, e.to_string()))?;
        Ok((token, stamp.at))
    }

    /// Writes a copy of a head into the place outside if a day has passed, or at once if `now`.
    pub async fn copy_out(&self, head: &Head, now: bool) -> Result<Vouched, NotaryError> {
        let mut vouched = Vouched::default();
        let Some(place) = &self.settings.place else {
            return Ok(vouched);
        };
        let size = head.signed.checkpoint.size;
        if !now && !self.is_due(AnchorKind::Place, size, TimeDelta::hours(24)).await? {
            return Ok(vouched);
        }
        let text = self.cosigned(head).await?.to_string();
        let day = self.now().utc().format("%Y-%m-%d");
        let name = format!("checkpoint-{day}-{size:012}.txt");
        let written = std::fs::create_dir_all(place).and_then(|()| {
            use std::io::Write;
            let path = place.join(&name);
            let mut file = std::fs::File::create(path)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        match written {
            Ok(()) => {
                self.keep(AnchorKind::Place, size, &name, text.into_bytes())
                    .await?;
                vouched.by.push(("place", name));
            }
            Err(e) => vouched
                .faults
                .push(format!("`{}` cannot be written: {e}", place.display())),
        }
        Ok(vouched)
    }
}

fn host_of(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let place = rest.split(['/', '?']).next().unwrap_or(rest);
    place.rsplit_once('@').map_or(place, |(_, host)| host).to_owned()
}
