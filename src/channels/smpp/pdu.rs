//! The bytes of SMPP 3.4: frames cut from a stream, and the few operations of a sender written and read.
//!
//! Reading never panics and never allocates by what a stranger claims: a length is checked before it is believed.

use std::fmt;

/// Command ids (section 5.1.2.1 of the specification); an answer has the highest bit set.
pub(super) mod command {
    pub(in crate::channels::smpp) const GENERIC_NACK: u32 = 0x8000_0000;
    pub(in crate::channels::smpp) const QUERY_SM: u32 = 0x0000_0003;
    pub(in crate::channels::smpp) const SUBMIT_SM: u32 = 0x0000_0004;
    pub(in crate::channels::smpp) const DELIVER_SM: u32 = 0x0000_0005;
    pub(in crate::channels::smpp) const UNBIND: u32 = 0x0000_0006;
    pub(in crate::channels::smpp) const BIND_TRANSCEIVER: u32 = 0x0000_0009;
    pub(in crate::channels::smpp) const ENQUIRE_LINK: u32 = 0x0000_0015;
    pub(in crate::channels::smpp) const DATA_SM: u32 = 0x0000_0103;
    pub(in crate::channels::smpp) const ANSWER: u32 = 0x8000_0000;
}

/// Optional parameters (section 5.3.2).
pub(super) mod tag {
    pub(in crate::channels::smpp) const RECEIPTED_MESSAGE_ID: u16 = 0x001E;
    pub(in crate::channels::smpp) const SAR_MSG_REF_NUM: u16 = 0x020C;
    pub(in crate::channels::smpp) const SAR_TOTAL_SEGMENTS: u16 = 0x020E;
    pub(in crate::channels::smpp) const SAR_SEGMENT_SEQNUM: u16 = 0x020F;
    pub(in crate::channels::smpp) const MESSAGE_PAYLOAD: u16 = 0x0424;
    pub(in crate::channels::smpp) const MESSAGE_STATE: u16 = 0x0427;
}

/// Length, command, status, sequence.
const HEADER: usize = 16;

/// Nothing in the protocol is longer: a payload of 64 kilobytes with its parameters.
const LONGEST: usize = 70_000;

/// One frame.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Pdu<'a> {
    pub(super) command: u32,
    pub(super) status: u32,
    pub(super) sequence: u32,
    pub(super) body: &'a [u8],
}

impl fmt::Debug for Pdu<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Pdu { command, status, .. } = self;
        write!(f, "Pdu({command:#010x}, {status:#x}, {} bytes)", self.body.len())
    }
}

/// The stream is no SMPP, or has lost its beat; nothing after it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Garbage;

/// Cuts the first frame off `bytes`: the frame and its length, or nothing while it is not whole.
pub(super) fn frame(bytes: &[u8]) -> Result<Option<(Pdu<'_>, usize)>, Garbage> {
    let Some(length) = word(bytes, 0) else {
        return Ok(None);
    };
    let length = length as usize;
    if !(HEADER..=LONGEST).contains(&length) {
        return Err(Garbage);
    }
    let Some(whole) = bytes.get(..length) else {
        return Ok(None);
    };
    let field = |at| word(whole, at).ok_or(Garbage);
    let pdu = Pdu {
        command: field(4)?,
        status: field(8)?,
        sequence: field(12)?,
        body: &whole[HEADER..],
    };
    Ok(Some((pdu, length)))
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(four.try_into().ok()?))
}

/// A field that would end another field, or the frame, before its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// Longer than the protocol allows.
    #[error("`{field}` is longer than {most} characters")]
    TooLong {
        /// Which.
        field: &'static str,
        /// How many characters there may be.
        most: usize,
    },
    /// A character that is not printable ASCII.
    #[error("`{field}` holds a character that is not printable ASCII")]
    NotPlain {
        /// Which.
        field: &'static str,
    },
}

/// Writes one frame.
struct Writing(Vec<u8>);

impl Writing {
    fn new(command: u32, status: u32, sequence: u32) -> Writing {
        let mut bytes = Vec::with_capacity(256);
        bytes.extend_from_slice(&[0; 4]);
        for field in [command, status, sequence] {
            bytes.extend_from_slice(&field.to_be_bytes());
        }
        Writing(bytes)
    }

    fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// A text that ends with a zero; `most` counts the zero.
    fn text(&mut self, field: &'static str, text: &str, most: usize) -> Result<(), FieldError> {
        plain(field, text, most - 1)?;
        self.0.extend_from_slice(text.as_bytes());
        self.0.push(0);
        Ok(())
    }

    fn parameter(&mut self, tag: u16, value: &[u8]) {
        // INVARIANT: callers give at most 64 kilobytes.
        let length = u16::try_from(value.len()).unwrap_or(u16::MAX);
        self.0.extend_from_slice(&tag.to_be_bytes());
        self.0.extend_from_slice(&length.to_be_bytes());
        self.0.extend_from_slice(&value[..usize::from(length)]);
    }

    fn done(mut self) -> Vec<u8> {
        let length = u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        self.0[..4].copy_from_slice(&length.to_be_bytes());
        self.0
    }
}

/// Whether `text` may stand in a field of at most `most` characters.
pub(super) fn plain(field: &'static str, text: &str, most: usize) -> Result<(), FieldError> {
    if text.len() > most {
        return Err(FieldError::TooLong { field, most });
    }
    match text.bytes().all(|b| (0x20..0x7F).contains(&b)) {
        true => Ok(()),
        false => Err(FieldError::NotPlain { field }),
    }
}

/// A frame without a body.
pub(super) fn bare(command: u32, status: u32, sequence: u32) -> Vec<u8> {
    Writing::new(command, status, sequence).done()
}

/// Type of number, numbering plan, and the number itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Party {
    pub(super) ton: u8,
    pub(super) npi: u8,
    pub(super) address: String,
}

/// Who binds.
pub(super) struct Bind<'a> {
    pub(super) system_id: &'a str,
    pub(super) password: &'a str,
    pub(super) system_type: &'a str,
}

/// `bind_transceiver`.
pub(super) fn bind(sequence: u32, bind: &Bind<'_>) -> Result<Vec<u8>, FieldError> {
    let mut w = Writing::new(command::BIND_TRANSCEIVER, 0, sequence);
    w.text("system_id", bind.system_id, 16)?;
    w.text("password", bind.password, 9)?;
    w.text("system_type", bind.system_type, 13)?;
    w.byte(0x34);
    w.byte(0);
    w.byte(0);
    w.text("address_range", "", 41)?;
    Ok(w.done())
}

/// One part of a message.
pub(super) struct Submit<'a> {
    pub(super) service_type: &'a str,
    pub(super) source: &'a Party,
    pub(super) destination: &'a Party,
    /// 0x40 where the text begins with a user data header.
    pub(super) esm_class: u8,
    /// Relative time, or empty.
    pub(super) validity: &'a str,
    pub(super) data_coding: u8,
    pub(super) text: &'a [u8],
    /// Optional parameters.
    pub(super) parameters: &'a [(u16, Vec<u8>)],
}

/// `submit_sm`, with a receipt asked for.
pub(super) fn submit(sequence: u32, s: &Submit<'_>) -> Result<Vec<u8>, FieldError> {
    let mut w = Writing::new(command::SUBMIT_SM, 0, sequence);
    w.text("service_type", s.service_type, 6)?;
    for (field, party) in [("source_addr", s.source), ("destination_addr", s.destination)] {
        w.byte(party.ton);
        w.byte(party.npi);
        w.text(field, &party.address, 21)?;
    }
    w.byte(s.esm_class);
    // protocol_id and priority_flag
    w.byte(0);
    w.byte(0);
    w.text("schedule_delivery_time", "", 1)?;
    w.text("validity_period", s.validity, 17)?;
    // registered_delivery: a receipt for success and for failure
    w.byte(1);
    // replace_if_present_flag
    w.byte(0);
    w.byte(s.data_coding);
    // sm_default_msg_id
    w.byte(0);
    let length = u8::try_from(s.text.len()).ok().filter(|n| *n <= 254);
    let length = length.ok_or(FieldError::TooLong {
        field: "short_message",
        most: 254,
    })?;
    w.byte(length);
    w.0.extend_from_slice(s.text);
    for (tag, value) in s.parameters {
        w.parameter(*tag, value);
    }
    Ok(w.done())
}

/// `query_sm` for a message that `source` sent.
pub(super) fn query(sequence: u32, id: &str, source: &Party) -> Result<Vec<u8>, FieldError> {
    let mut w = Writing::new(command::QUERY_SM, 0, sequence);
    w.text("message_id", id, 65)?;
    w.byte(source.ton);
    w.byte(source.npi);
    w.text("source_addr", &source.address, 21)?;
    Ok(w.done())
}

/// The answer to `deliver_sm` or `data_sm`, whose message id is empty.
pub(super) fn taken(command: u32, status: u32, sequence: u32) -> Vec<u8> {
    let mut w = Writing::new(command | command::ANSWER, status, sequence);
    w.byte(0);
    w.done()
}

/// Reads fields one after another.
struct Reading<'a>(&'a [u8]);

impl<'a> Reading<'a> {
    fn byte(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn bytes(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// A text up to its zero; one that has none ends with the frame, as some centres write it.
    fn text(&mut self) -> Option<String> {
        if self.0.is_empty() {
            return None;
        }
        let end = self.0.iter().position(|b| *b == 0).unwrap_or(self.0.len());
        let text = String::from_utf8_lossy(&self.0[..end]).into_owned();
        self.0 = self.0.get(end + 1..).unwrap_or_default();
        Some(text)
    }

    fn parameters(mut self) -> Vec<(u16, &'a [u8])> {
        let mut found = Vec::new();
        while let Some(head) = self.bytes(4) {
            let tag = u16::from_be_bytes([head[0], head[1]]);
            let length = usize::from(u16::from_be_bytes([head[2], head[3]]));
            let Some(value) = self.bytes(length) else { break };
            found.push((tag, value));
        }
        found
    }
}

/// The id that a centre gave a message; none where it gave none.
pub(super) fn message_id(body: &[u8]) -> Option<String> {
    let id = Reading(body).text()?;
    (!id.is_empty() && id.len() <= 64 && !id.chars().any(char::is_control)).then_some(id)
}

/// `message_state` of an answer to `query_sm`.
pub(super) fn queried_state(body: &[u8]) -> Option<u8> {
    let mut r = Reading(body);
    r.text()?;
    r.text()?;
    r.byte()
}

/// What a centre delivers: a message of somebody, or a receipt.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Delivery {
    pub(super) source: String,
    pub(super) destination: String,
    pub(super) esm_class: u8,
    pub(super) data_coding: u8,
    /// The text, from wherever it stood.
    pub(super) text: Vec<u8>,
    pub(super) receipted_id: Option<String>,
    pub(super) state: Option<u8>,
    /// Reference, part and number of parts, where the parameters tell.
    pub(super) part: Option<(u16, u8, u8)>,
}

impl fmt::Debug for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Delivery({:#04x}, {} bytes)", self.esm_class, self.text.len())
    }
}

impl Delivery {
    /// `deliver_sm`; nothing where it is not whole.
    pub(super) fn read(body: &[u8]) -> Option<Delivery> {
        let mut r = Reading(body);
        r.text()?;
        let (_, _, source) = (r.byte()?, r.byte()?, r.text()?);
        let (_, _, destination) = (r.byte()?, r.byte()?, r.text()?);
        let esm_class = r.byte()?;
        r.bytes(2)?;
        r.text()?;
        r.text()?;
        r.bytes(2)?;
        let data_coding = r.byte()?;
        r.byte()?;
        let length = r.byte()?;
        let short = r.bytes(usize::from(length))?.to_vec();
        Some(Delivery::with(
            r,
            (source, destination, esm_class, data_coding),
            short,
        ))
    }

    /// `data_sm`; its text stands in the payload alone.
    pub(super) fn read_data(body: &[u8]) -> Option<Delivery> {
        let mut r = Reading(body);
        r.text()?;
        let (_, _, source) = (r.byte()?, r.byte()?, r.text()?);
        let (_, _, destination) = (r.byte()?, r.byte()?, r.text()?);
        let esm_class = r.byte()?;
        r.byte()?;
        let data_coding = r.byte()?;
        Some(Delivery::with(
            r,
            (source, destination, esm_class, data_coding),
            Vec::new(),
        ))
    }

    fn with(rest: Reading<'_>, head: (String, String, u8, u8), short: Vec<u8>) -> Delivery {
        let found = rest.parameters();
        let of = |wanted: u16| found.iter().find(|(tag, _)| *tag == wanted).map(|(_, v)| *v);
        let one = |wanted: u16| of(wanted).and_then(|v| v.first().copied());
        let sar = of(tag::SAR_MSG_REF_NUM).and_then(|v| Some(u16::from_be_bytes(v.try_into().ok()?)));
        let part = sar.zip(one(tag::SAR_SEGMENT_SEQNUM).zip(one(tag::SAR_TOTAL_SEGMENTS)));
        let payload = of(tag::MESSAGE_PAYLOAD).filter(|_| short.is_empty());
        let (source, destination, esm_class, data_coding) = head;
        Delivery {
            source,
            destination,
            esm_class,
            data_coding,
            text: payload.map_or(short, <[u8]>::to_vec),
            receipted_id: of(tag::RECEIPTED_MESSAGE_ID).and_then(message_id),
            state: one(tag::MESSAGE_STATE),
            part: part.map(|(reference, (part, of))| (reference, part, of)),
        }
    }

    /// Whether the centre itself speaks of one of our messages (bits 2 to 5 of `esm_class`: receipt, or word on the
    /// way). What a telephone sends cannot set them.
    pub(super) fn is_receipt(&self) -> bool {
        self.esm_class & 0x24 != 0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn party(address: &str) -> Party {
        Party {
            ton: 1,
            npi: 1,
            address: address.into(),
        }
    }

    fn sample(text: &[u8]) -> Result<Vec<u8>, FieldError> {
        submit(
            7,
            &Submit {
                service_type: "",
                source: &party("DUNWELL"),
                destination: &party("8613800000101"),
                esm_class: 0,
                validity: "000000013000000R",
                data_coding: 8,
                text,
                parameters: &[(tag::SAR_MSG_REF_NUM, vec![1, 2])],
            },
        )
    }

    #[test]
    fn a_submission_is_byte_for_byte_what_the_specification_says() {
        let bytes = sample(&[0x4E, 0x2D]).unwrap();
        let expected = [
            "0000005a",
            "00000004",
            "00000000",
            "00000007", // header
            "00",
            "0101",
            "44554e57454c4c00",
            "0101",
            "3836313338303030303031303100", // parties
            "00",
            "00",
            "00",
            "00",
            "30303030303030313330303030303052",
            "00", // classes and times
            "01",
            "00",
            "08",
            "00",
            "02",
            "4e2d",
            "020c00020102",
        ];
        // The length is checked by itself, so that the line above stays readable.
        let expected = expected.concat();
        assert_eq!(hex::encode(&bytes[4..]), expected[8..]);
        assert_eq!(
            u32::from_be_bytes(bytes[..4].try_into().unwrap()) as usize,
            bytes.len()
        );
        let (pdu, length) = frame(&bytes).unwrap().unwrap();
        assert_eq!((pdu.command, pdu.sequence, length), (4, 7, bytes.len()));
    }

    #[test]
    fn nothing_that_would_end_a_field_gets_in() {
        let check = |address: &str, expected| {
            let found = query(1, "id", &party(address)).map(|_| ());
            assert_eq!(found, expected, "{address:?}");
        };
        let not_plain = Err(FieldError::NotPlain { field: "source_addr" });
        check("13800000101", Ok(()));
        check("1380\u{0}\u{5}", not_plain);
        check("1380\r\n", not_plain);
        check("中国", not_plain);
        check(
            &"1".repeat(21),
            Err(FieldError::TooLong {
                field: "source_addr",
                most: 20,
            }),
        );
        assert!(sample(&[0; 255]).is_err());
    }

    #[test]
    fn a_stream_without_sense_is_told_from_one_that_is_not_whole() {
        let check = |bytes: &[u8], expected: Result<bool, Garbage>| {
            assert_eq!(frame(bytes).map(|f| f.is_some()), expected, "{bytes:?}");
        };
        check(&[], Ok(false));
        check(&[0, 0, 0], Ok(false));
        check(&[0, 0, 0, 16], Ok(false));
        check(&bare(command::ENQUIRE_LINK, 0, 1), Ok(true));
        check(&[0, 0, 0, 15], Err(Garbage));
        check(b"HTTP/1.1 400 Bad Request", Err(Garbage));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let _ = frame(&bytes);
            let _ = message_id(&bytes);
            let _ = queried_state(&bytes);
            if let Some(d) = Delivery::read(&bytes) {
                prop_assert!(d.text.len() <= bytes.len());
            }
            let _ = Delivery::read_data(&bytes);
        }
    }
}
