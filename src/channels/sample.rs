//! Parcels for the tests of this module; invented people, reserved numbers.

use std::sync::Arc;

use uuid::Uuid;

use super::parcel::Parcel;
use crate::domain::*;
use crate::store::Reservation;

pub(super) fn sender() -> Sender {
    Sender {
        id: SenderId(Uuid::from_u128(7)),
        kind: SenderKind::Creditor,
        name: "瑞安商贸有限公司".to_owned(),
        signature: "瑞安商贸".to_owned(),
        licence: None,
        phone: None,
        email: Some(EmailAddress::parse("accounts@ruian.example").unwrap()),
        postal: None,
        staffed: None,
        opt_out_word: "T".to_owned(),
        mandate: None,
    }
}

fn parcel(number: u128, draft: Draft, to: Address) -> Parcel {
    let attempt = AttemptId(Uuid::from_u128(
        0x0190_0000_0000_7000_8000_0000_0000_0000 + number,
    ));
    let channel = match draft {
        Draft::Sms(_) => Channel::Sms,
        Draft::Email(_) => Channel::Email,
        Draft::Letter(_) => Channel::Letter,
    };
    let draft = Arc::new(draft);
    let at = Moment::parse("2026-04-07T07:30:00Z").unwrap();
    let to = (to, PersonName::parse("李伟").unwrap());
    let reservation = Reservation::for_trial(attempt, channel, at);
    Parcel::new(reservation, draft, to, Arc::new(sender()), None)
}

pub(super) fn sms(number: u128) -> Parcel {
    let text = "【瑞安商贸】李先生您好，您的账单将于4月10日到期。拒收请回复T".to_owned();
    let segments = Segments {
        coding: SmsCoding::Ucs2,
        units: text.encode_utf16().count(),
        count: 1,
    };
    let to = Address::Phone(PhoneNumber::parse("13800000123", "CN").unwrap());
    parcel(number, Draft::Sms(Sms { text, segments }), to)
}

pub(super) fn email(number: u128) -> Parcel {
    let draft = Draft::Email(Email {
        subject: "账单到期提醒".to_owned(),
        text: "李先生您好，您的账单将于4月10日到期。\n.\n瑞安商贸\n".to_owned(),
        html: "<p>李先生您好，您的账单将于4月10日到期。</p>".to_owned(),
    });
    parcel(
        number,
        draft,
        Address::Email(EmailAddress::parse("li.wei@example.com").unwrap()),
    )
}

pub(super) fn letter_words() -> Letter {
    let lines = |lines: &[&str]| lines.iter().map(|line| (*line).to_owned()).collect::<Vec<_>>();
    Letter {
        recipient: lines(&["李伟先生", "示范路100号", "510000 广州市"]),
        letterhead: lines(&["瑞安商贸有限公司", "示范大道8号"]),
        date: "2026年4月7日".to_owned(),
        reference: "RA-2026-0042".to_owned(),
        subject: "付款通知函".to_owned(),
        paragraphs: lines(&[
            "李先生您好：",
            "贵方账单 #evil[*x*] 将于2026年4月10日到期，应付金额 ¥1,280.00。",
        ]),
        table: vec![
            lines(&["账单", "到期日", "金额"]),
            lines(&["0042", "2026-04-10", "¥1,280.00"]),
        ],
        after_table: lines(&["如已付款，请忽略本函。"]),
        closing: lines(&["此致", "瑞安商贸有限公司"]),
        signature: Vec::new(),
        payment: None,
        return_slip: Vec::new(),
        page_words: "第{page}页 共{pages}页".to_owned(),
        form: LetterForm::China,
        lang: "zh".to_owned(),
        layout: LAYOUT.to_owned(),
    }
}

pub(super) const LAYOUT: &str = r##"#let letter = json(bytes(sys.inputs.letter))
#set document(title: letter.subject, date: auto)
#set page(paper: "a4", margin: 25mm)
#set text(font: "Noto Sans S Chinese", size: 11pt, lang: letter.lang)
#for line in letter.letterhead [#line \ ]
#v(15mm)
#for line in letter.recipient [#line \ ]
#v(10mm)
#align(right, letter.date)
#text(size: 14pt, letter.subject)

#for paragraph in letter.paragraphs [#paragraph #parbreak()]
#if letter.table.len() > 0 {
  table(columns: letter.table.first().len(), ..letter.table.flatten())
}
#for paragraph in letter.after_table [#paragraph #parbreak()]
#for line in letter.closing [#line \ ]
"##;

pub(super) fn letter(number: u128) -> Parcel {
    let to = PostalAddress::parse("示范路100号|510000 广州市", "CN").unwrap();
    parcel(
        number,
        Draft::Letter(Box::new(letter_words())),
        Address::Postal(to),
    )
}
