//! Checking: the whole log of a database, or one proof without any.

use std::path::PathBuf;

use anyhow::Context;
use clap::Args;
use serde_json::json;

use super::{read_head, read_key};
use crate::cli::out::{Answer, Code, Out};
use crate::cli::session::Session;
use crate::evidence::{
    FaultKind, InclusionError, InclusionProof, LogFault, Policy, PolicyError, VerifierKey, leaf_hash,
};
use crate::notary::read_policy;
use crate::store::{LogCheck, Outside};

/// What the verifier brings along.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyArgs {
    /// A bundle to check instead of the database
    #[arg(value_name = "BUNDLE")]
    pub(super) bundle: Option<PathBuf>,
    /// A key of the log that you trust, got from somebody outside; can be given again
    #[arg(long, value_name = "KEY", value_parser = read_key)]
    pub(super) key: Vec<VerifierKey>,
    /// A head that was kept outside; can be given again. For a bundle, `--log` may be needed to compare them
    #[arg(long, value_name = "FILE")]
    pub(super) checkpoint: Vec<PathBuf>,
    /// A policy (tlog-policy) that says which witnesses must have cosigned the heads
    #[arg(long, value_name = "FILE")]
    pub(super) policy: Option<PathBuf>,
    /// Certificates (PEM) of the time-stamp authorities that you trust; for a bundle
    #[arg(long, value_name = "FILE", requires = "bundle")]
    pub(super) roots: Option<PathBuf>,
    /// The whole log, as `evidence tiles` writes it, to see whether a bundle left anything out
    #[arg(long, value_name = "DIR", requires = "bundle")]
    pub(super) log: Option<PathBuf>,
    /// The SHA-256 of the manifest of a bundle, as its maker told you or the log says
    #[arg(long, value_name = "DIGEST", requires = "bundle")]
    pub(super) manifest: Option<String>,
}

/// One proof, its entry, and whom to trust.
#[derive(Debug, Args)]
pub(in crate::cli) struct VerifyProofArgs {
    /// The proof (tlog-proof)
    #[arg(value_name = "FILE")]
    proof: PathBuf,
    /// The bytes of the entry
    #[arg(long, value_name = "FILE")]
    entry: PathBuf,
    /// A key of the log that you trust; can be given again
    #[arg(long, value_name = "KEY", value_parser = read_key, required_unless_present = "policy")]
    key: Vec<VerifierKey>,
    /// A policy (tlog-policy) with keys of the log and of witnesses
    #[arg(long, value_name = "FILE")]
    policy: Option<PathBuf>,
}

pub(super) async fn verify(session: &Session, args: &VerifyArgs) -> anyhow::Result<Answer> {
    let outside = Outside {
        keys: args.key.clone(),
        heads: args.checkpoint.iter().map(read_head).collect::<Result<_, _>>()?,
        policy: match (&args.policy, session.config()?.evidence.policy_file) {
            (Some(path), _) => Some(read_policy(path)?),
            // Cosignatures in the database are checked with the keys at hand; a quorum is asked for by the verifier alone.
            (None, Some(path)) => Some(read_policy(&path)?.without_quorum()),
            (None, None) => None,
        },
    };
    let check = session.store().await?.verify_log_against(&outside).await?;
    Ok(told(&session.out, &check))
}

fn told(out: &Out, check: &LogCheck) -> Answer {
    let (lang, faults) = (out.lang, check.fault_count);
    let mut text = lang.pick(
        format!(
            "{} 条记录(其中 {} 条待编号),{} 个已签名的树头,{} 份内容与承诺相符,{faults} 处错误\n",
            check.entries, check.waiting, check.heads_checked, check.contents
        ),
        format!(
            "{} entries ({} of them wait for their place), {} signed heads, {} contents compared with their commitments, {faults} faults\n",
            check.entries, check.waiting, check.heads_checked, check.contents
        ),
    );
    for (kind, n) in &check.kinds {
        text += &format!("{n:>8}  {kind}\n");
    }
    for f in &check.faults {
        let place = f.position.map_or_else(|| "-".to_owned(), |p| format!("#{p}"));
        text += &format!(
            "{} {place} {}: {}\n",
            out.paint(31, "fail"),
            f.record,
            sentence(out, f)
        );
    }
    let json_faults = check.faults.iter().map(
        |f| json!({"kind": f.kind.as_str(), "code": f.kind.code(), "index": f.position, "record": f.record, "what": f.what}),
    );
    let json = json!({"entries": check.entries, "waiting": check.waiting, "heads": check.heads_checked,
        "contents": check.contents, "kinds": check.kinds, "size": check.size(), "root": hex::encode(check.root()),
        "fault_count": faults, "faults": json_faults.collect::<Vec<_>>()});
    let code = check
        .faults
        .first()
        .map_or(Code::Done, |f| Code::Fault(f.kind.code()));
    Answer::new(text, json).ending(code)
}

/// What is wrong, in the reader's language; the particulars as they were found.
fn sentence(out: &Out, fault: &LogFault) -> String {
    let zh = match fault.kind {
        FaultKind::Bytes => "记录的字节与其叶哈希不符",
        FaultKind::Spelling => "记录的字节不是规范 JSON",
        FaultKind::Column => "索引列与签署或记录的内容不一致",
        FaultKind::Gap => "记录缺失或重复",
        FaultKind::Chain => "该消息的记录链断裂",
        FaultKind::Story => "日志与消息状态不一致",
        FaultKind::Content => "保存的内容与承诺不符",
        FaultKind::Object => "记录引用的对象缺失或被改动",
        FaultKind::Tree => "保存的树与记录不符",
        FaultKind::Head => "签名之后,此处以前的记录被改动、删除或插入",
        FaultKind::Signature => "树头没有本日志密钥的有效签名",
        FaultKind::Shorter => "日志比已签名的树头短:末尾的记录不见了",
        FaultKind::Key => "日志的密钥不一致",
        FaultKind::Anchor => "见证签名或时间戳不属于该树头",
        FaultKind::Outside => "外部保存的树头与日志矛盾:日志被改写过",
    };
    match out.lang {
        crate::cli::Lang::Zh => format!("{zh}({})", fault.what),
        crate::cli::Lang::En => fault.what.clone(),
    }
}

pub(super) fn verify_proof(out: &Out, args: &VerifyProofArgs) -> anyhow::Result<Answer> {
    let read = |path: &PathBuf| {
        std::fs::read_to_string(path).with_context(|| format!("`{}` cannot be read", path.display()))
    };
    let (proof, entry) = (read(&args.proof)?, read(&args.entry)?);
    let policy = match &args.policy {
        Some(path) => read_policy(path)?,
        None => Policy::of_logs(Vec::new()),
    };
    let policy = policy.trusting(args.key.iter().cloned());
    let checked = InclusionProof::parse(&proof)
        .and_then(|proof| Ok((proof.verify(&leaf_hash(entry.as_bytes()), &policy)?, proof)));
    let (witnessed, proof) = match checked {
        Ok(checked) => checked,
        Err(e) => {
            let (code, zh) = match &e {
                InclusionError::Form(_) | InclusionError::Checkpoint(_) => (30, "证明文件残缺或格式不符"),
                InclusionError::Path(_) => (31, "该记录不在此树头之内,或被改动"),
                InclusionError::Policy(PolicyError::Quorum) => (33, "见证人数不足"),
                InclusionError::Policy(_) => (32, "树头没有所信任密钥的签名"),
            };
            let text = out.lang.pick(format!("{zh}:{e}"), e.to_string());
            let json = json!({"holds": false, "code": code, "what": e.to_string()});
            return Ok(Answer::new(text, json).ending(Code::Fault(code)));
        }
    };
    let head = &proof.head.checkpoint;
    let names: Vec<&str> = witnessed.by.iter().map(|(name, _)| name.as_str()).collect();
    let text = out.lang.pick(
        format!(
            "证明成立:该记录是日志 `{}` 的第 {} 条(共 {} 条),见证人:{}\n",
            head.origin,
            proof.index,
            head.size,
            if names.is_empty() {
                "无".to_owned()
            } else {
                names.join("、")
            }
        ),
        format!(
            "the proof holds: this entry has index {} of the {} entries of the log `{}`; witnesses: {}\n",
            proof.index,
            head.size,
            head.origin,
            if names.is_empty() {
                "none".to_owned()
            } else {
                names.join(", ")
            }
        ),
    );
    let by = witnessed
        .by
        .iter()
        .map(|(name, at)| json!({"name": name, "at": at}));
    let json = json!({"holds": true, "index": proof.index, "size": head.size, "origin": head.origin,
        "key": witnessed.log.to_string(), "witnesses": by.collect::<Vec<_>>()});
    Ok(Answer::new(text, json))
}
