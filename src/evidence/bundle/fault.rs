//! What can be wrong with a bundle. Each kind has a number of its own, which is the exit code of the check.

/// What kind of thing is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BundleFaultKind {
    /// The folder cannot be read, or holds something that is no plain file.
    Folder = 40,
    /// A file is there that the manifest or the form does not know.
    Extra = 41,
    /// A file is missing.
    Missing = 42,
    /// A file differs from the manifest.
    Changed = 43,
    /// The manifest itself has another form.
    Manifest = 44,
    /// The manifest is not the one whose digest was given.
    OtherBundle = 45,
    /// The statement has another form.
    Statement = 46,
    /// An entry is not canonical.
    Entry = 47,
    /// A proof or a head is torn or has another form.
    Form = 48,
    /// An entry is not in the tree of the head.
    Path = 49,
    /// A head is not signed by a key that is trusted.
    Signature = 50,
    /// Too few witnesses have seen the head.
    Quorum = 51,
    /// A proof or the statement belongs to another head.
    OtherHead = 52,
    /// The entries of an attempt are not one unbroken chain.
    Chain = 53,
    /// A sealed text does not open, or is not what its entry committed to.
    Sealed = 54,
    /// An object is not named by any entry, or one that is named is missing.
    Object = 55,
    /// A time stamp is torn, over something else, or not signed by its certificate.
    Token = 56,
    /// The authority of a time stamp is not trusted.
    Authority = 57,
    /// An older head is not the beginning of the newer one.
    Consistency = 58,
    /// Entries that belong to the answer are missing, or some do not belong to it.
    Incomplete = 59,
    /// The log that was given is not the one of the head.
    Log = 60,
}

impl BundleFaultKind {
    /// The exit code of a check that found this.
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// The sentence in Chinese.
    pub const fn zh(self) -> &'static str {
        match self {
            BundleFaultKind::Folder => "证据包文件夹无法读取,或含有非普通文件",
            BundleFaultKind::Extra => "证据包中有多余的文件",
            BundleFaultKind::Missing => "证据包缺少文件",
            BundleFaultKind::Changed => "文件与清单不符:文件被改动",
            BundleFaultKind::Manifest => "清单本身的格式不符",
            BundleFaultKind::OtherBundle => "清单的摘要与所给的不同:不是同一份证据包",
            BundleFaultKind::Statement => "说明文件(statement.json)的格式不符",
            BundleFaultKind::Entry => "记录不是规范 JSON",
            BundleFaultKind::Form => "证明或树头残缺,或格式不符",
            BundleFaultKind::Path => "记录不在该树头之内,或被改动",
            BundleFaultKind::Signature => "树头没有所信任密钥的签名",
            BundleFaultKind::Quorum => "见证人数不足",
            BundleFaultKind::OtherHead => "证明或说明属于另一个树头",
            BundleFaultKind::Chain => "某次触达的记录链断裂:记录缺失或次序不对",
            BundleFaultKind::Sealed => "密封的内容无法打开,或与记录中的承诺不符",
            BundleFaultKind::Object => "对象没有被任何记录引用,或被引用的对象缺失",
            BundleFaultKind::Token => "时间戳残缺、对应其他内容,或签名不符",
            BundleFaultKind::Authority => "时间戳机构不在所信任的根证书之下",
            BundleFaultKind::Consistency => "较早的树头不是较新树头的开头",
            BundleFaultKind::Incomplete => "应在范围内的记录缺失,或有不属于范围的记录",
            BundleFaultKind::Log => "所给的日志不是该树头的日志",
        }
    }

    /// The sentence in English.
    pub const fn en(self) -> &'static str {
        match self {
            BundleFaultKind::Folder => "the folder cannot be read, or holds something that is no plain file",
            BundleFaultKind::Extra => "a file is in the bundle that does not belong there",
            BundleFaultKind::Missing => "a file of the bundle is missing",
            BundleFaultKind::Changed => "a file differs from the manifest: it was changed",
            BundleFaultKind::Manifest => "the manifest itself has another form",
            BundleFaultKind::OtherBundle => {
                "the manifest has another digest than the one given: this is another bundle"
            }
            BundleFaultKind::Statement => "statement.json has another form",
            BundleFaultKind::Entry => "an entry is not canonical JSON",
            BundleFaultKind::Form => "a proof or a head is torn, or has another form",
            BundleFaultKind::Path => "an entry is not in the tree of the head, or was changed",
            BundleFaultKind::Signature => "a head is not signed by a key that you trust",
            BundleFaultKind::Quorum => "too few of the witnesses that you trust have seen the head",
            BundleFaultKind::OtherHead => "a proof or the statement belongs to another head",
            BundleFaultKind::Chain => {
                "the entries of an attempt are no unbroken chain: one is missing or out of place"
            }
            BundleFaultKind::Sealed => "a sealed text does not open, or is not what its entry committed to",
            BundleFaultKind::Object => "an object is named by no entry, or one that is named is missing",
            BundleFaultKind::Token => {
                "a time stamp is torn, over something else, or its signature does not fit"
            }
            BundleFaultKind::Authority => {
                "the authority of a time stamp does not lead to a root that you trust"
            }
            BundleFaultKind::Consistency => "an older head is not the beginning of the newer one",
            BundleFaultKind::Incomplete => {
                "entries that belong to the answer are missing, or some do not belong to it"
            }
            BundleFaultKind::Log => "the log that was given is not the log of the head",
        }
    }
}

/// One thing that is wrong, and where.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {place}", kind.en())]
pub struct BundleFault {
    /// What kind.
    pub kind: BundleFaultKind,
    /// The file, or the attempt.
    pub place: String,
}

/// A fault of this kind at this place.
pub(super) fn fault(kind: BundleFaultKind, place: impl Into<String>) -> BundleFault {
    BundleFault {
        kind,
        place: place.into(),
    }
}
