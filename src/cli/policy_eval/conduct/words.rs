//! The vocabularies of foreign words: what an envelope shows, which words opt out, how a state is called.

use std::sync::LazyLock;

use regex::Regex;

use crate::cli::policy_eval::reading::Object;
use crate::policy::{Medium, Set};

macro_rules! patterns {
    ($($(#[$m:meta])* $name:ident = $pattern:expr;)+) => {
        $($(#[$m])* pub(super) static $name: LazyLock<Regex> =
            LazyLock::new(|| Regex::new($pattern).expect("invariant: the pattern reads"));)+
    };
}

patterns! {
    /// Words by which people opt out or take back a consent.
    OPTS_OUT = r"\b(?:stop|stopp?ed|unsubscribe|quit|cancel|end|revoke|opt(?:ing|ed)?[ -]?out|remove me|take me off|no more|leave me (?:alone|out)|wrong number|(?:do not|don'?t|dont|never|not) (?:want|wish|agree|consent|text|call|write|message|e-?mail|mail|contact|send|phone|ring|sms|use)|withdraw)";
    /// Words that are about contact as such.
    ANY_CONTACT = r"\b(?:contact|communicat|bother|leave me alone|any(?:thing|where)|all contact|everything)";
    ABOUT_TEXT = r"\b(?:text|sms|message|messages|texting)";
    ABOUT_VOICE = r"\b(?:call|calls|calling|phone|phoning|ring|telephone|dial)";
    ABOUT_EMAIL = r"\b(?:e-?mail|e-?mails|emailing)";
    ABOUT_LETTER = r"\b(?:letter|letters|post|write to me|writing)";
    /// What shows that a debt is collected.
    REVEALS = r"debt|collect|overdue|arrear|past[ _]?due|owe|recover|inkasso|delinquen|receivable|bailiff|enforcement|demand|final|legal|court|urgent|payment|balance|amount|notice|warning|unpaid|default|催收|欠款|recouvrement|recupero|windykac|cobranza|cobrança";
    /// A name that shows that its bearer collects.
    REVEALING_NAME = r"debt|collect|recover|inkasso|arrears|overdue|bailiff|receivable|credit[ _]control|enforcement|催收|recouvrement|recupero|windykac|cobranza|cobrança";
    /// What is plain on an envelope.
    PLAIN = r"address|neutral|plain|nothing|none|no[ _](?:debt|sign|mark|hint|refer|name)|without|return|window|logo|private|personal|confidential|postage|stamp|initials|recipient|sender|name|p\.?o\.?[ _]?box|trade|company|blank";
    UNNAMED = r"occupier|occupant|resident|household|house holder|owner|anyone|anybody|whom it may|tenant|nobody|all persons|family|current";
    PRIVATE_MARK = r"private|personal|confidential|addressee only|to be opened by|privat|vertraulich|persönlich|亲启";
    KEPT = r"^(?:active|kept|in[ _]place|in[ _]force|current|agreed|accepted|up[ _]to[ _]date|running|on[ _]track|paid[ _]on[ _]time|being[ _]kept|on[ _]schedule|regular|paying|maintain|respected|fulfil|observed|met\b|performing|complied|honou?red|ongoing|open|made|confirmed|started)";
    BROKEN = r"miss|broken|breach|default|cancel|laps|ended|terminat|complet|reject|propos|offer|expir|fail|late|overdue|not[ _]kept|withdrawn|refus|finished|void";
    OVER = r"ended|over\b|cancel|revok|expir|lift|dismiss|closed|terminat|withdrawn|reject|annul|lapsed|complet|refus|discontinu|set[ _]aside|stay[ _]relief|relief[ _]from";
    NOT_RECEIVED = r"(?:not|never|n't) (?:received?|get|got|have|arrived?|reach)|not[ _]received|did not arrive|nothing (?:came|arrived)|non[ _]receipt";
    MORE_THAN_CONFIRMED = r"pay|link|http|www|balance|owe|debt|call|offer|amount|plan|settle|contact|overdue|remind|account|survey|resubscribe|start";
    SIMPLE_OPT_OUT = r"^(?:by )?(?:reply|respond|answer|link|hyperlink|linked|unsubscribe|click|button|keyword|stop|text|one|short|checkbox|toggle|return|sms|in[ _]message|in[ _]reply)";
    HARD_OPT_OUT = r"phone|call|post|letter|mail|website|site|unlinked|visit|fax|person|form|login|log[ _]in|account|portal|none|writ|page|typed|url|address|app\b|chat|number";
    FREE_DATA = r"^(?:preference|opt[ _]?out|the[ _]preference|address|e[ _-]?mail|phone[ _]number|telephone[ _]number|number|mobile|none|nothing|no|stop|keyword|electronic|medium|email_address)";
    ALLOWED_OPTIONAL = r"salutation|greeting|date|time|hours|representative|suggest|any[ _]employee|when";
    LIMITED_ITEM = r"business|name|reply|call[ _]?back|person|number|phone|salutation|greeting|date|time|representative";
    NAME_OR_NUMBER = r"name|number|phone|call[ _]?back|contact";
    DETAIL = r"amount|balance|creditor|debt|due|sum|invoice|interest|cost|reference|contract|claim|detail|instal|payment|overdue|account";
    DISPUTED = r"disput|contest|objected|under objection";
    RECEIPT = r"receipt|receiv|deliver|arriv|bezorg|ontvang";
    FROM_DATE = r"date|dispatch|sending|sent|post(?:ing|ed)|today|now|issue|letter\b|writing|dagtekening|verzend";
    NUMBER = r"\d+";
}

/// Media that words are about; none named is the medium they came by.
pub(super) fn media_in(words: &str, own: Option<Medium>) -> Set<Medium> {
    let mut media = Set::EMPTY;
    media.note(Medium::Sms, ABOUT_TEXT.is_match(words));
    media.note(Medium::Voice, ABOUT_VOICE.is_match(words));
    media.note(Medium::Email, ABOUT_EMAIL.is_match(words));
    media.note(Medium::Letter, ABOUT_LETTER.is_match(words));
    if media.is_empty() {
        own.map_or(Set::EMPTY, |m| Set::of(&[m]))
    } else {
        media
    }
}

/// The items of a field, one or a list, in lower case with blanks.
pub(super) fn items(object: Object<'_>, field: &str) -> Vec<String> {
    object.texts(field).iter().map(|t| plain(t)).collect()
}

/// Lower case, with blanks instead of underscores.
pub(super) fn plain(text: &str) -> String {
    text.trim().to_lowercase().replace('_', " ")
}

/// Whether something written reached its reader in writing.
pub(super) fn in_writing(medium: Option<Medium>) -> bool {
    medium.is_some_and(|m| !matches!(m, Medium::Voice | Medium::Visit))
}
