//! The cells of one record as the fields of a mapping, collecting every fault on the way.

use super::export::unescape;
use super::mapping::Rule;
use super::reject::{Code, Reject};
use super::table::Format;
use super::values::{is_damaged, is_scientific};
use crate::domain::is_hidden;

/// Where one field stands in one file.
#[derive(Debug, Clone)]
pub(super) struct Slot {
    pub(super) column: String,
    pub(super) index: Option<usize>,
    pub(super) rule: Option<Rule>,
}

impl Slot {
    /// Whether the file or the mapping states anything here.
    pub(super) fn is_there(&self) -> bool {
        self.index.is_some() || self.rule.as_ref().is_some_and(|r| r.fixed.is_some())
    }
}

/// One record under a mapping.
pub(super) struct Cells<'r> {
    pub(super) line: u64,
    pub(super) format: Format,
    pub(super) record: &'r [String],
    pub(super) faults: Vec<Reject>,
}

impl<'r> Cells<'r> {
    /// Notes a fault of a field.
    pub(super) fn fault(&mut self, slot: &Slot, value: &str, code: Code) {
        self.faults
            .push(Reject::new(self.line, &slot.column, value, code));
    }

    /// The text of a field: cell or constant, trimmed, unescaped, its word translated. `None` when empty or faulty.
    pub(super) fn text<'s>(&mut self, slot: &'s Slot) -> Option<&'s str>
    where
        'r: 's,
    {
        let rule = slot.rule.as_ref()?;
        if let Some(fixed) = &rule.fixed {
            return Some(fixed);
        }
        let cell: &'r str = self.record.get(slot.index?).map_or("", |cell| cell.trim());
        let cell = if self.format == Format::Csv {
            unescape(cell)
        } else {
            cell
        };
        if cell.is_empty() {
            return rule.default.as_deref();
        }
        if super::text::is_garbled(cell) {
            self.fault(slot, cell, Code::Encoding);
            return None;
        }
        match &rule.words {
            None => Some(cell),
            Some(words) => match words.get(cell) {
                Some(word) => Some(word),
                None => {
                    self.fault(slot, cell, Code::Word);
                    None
                }
            },
        }
    }

    /// As `text`, and empty is a fault.
    pub(super) fn needed<'s>(&mut self, slot: &'s Slot) -> Option<&'s str>
    where
        'r: 's,
    {
        let before = self.faults.len();
        let text = self.text(slot);
        if text.is_none() && self.faults.len() == before {
            self.fault(slot, "", Code::Empty);
        }
        text
    }

    /// Reads an optional field.
    pub(super) fn read<'s, V>(
        &mut self,
        slot: &'s Slot,
        read: impl FnOnce(&'s str) -> Result<V, Code>,
    ) -> Option<V>
    where
        'r: 's,
    {
        let text = self.text(slot)?;
        self.value(slot, text, read(text))
    }

    /// Reads a required field.
    pub(super) fn read_needed<'s, V>(
        &mut self,
        slot: &'s Slot,
        read: impl FnOnce(&'s str) -> Result<V, Code>,
    ) -> Option<V>
    where
        'r: 's,
    {
        let text = self.needed(slot)?;
        self.value(slot, text, read(text))
    }

    /// The value, or a noted fault.
    pub(super) fn value<V>(&mut self, slot: &Slot, text: &str, value: Result<V, Code>) -> Option<V> {
        value.map_err(|code| self.fault(slot, text, code)).ok()
    }

    /// An identifier: kept as it is, leading zeros included; damage by spreadsheets is a fault.
    pub(super) fn identifier<'s>(&mut self, slot: &'s Slot, text: Option<&'s str>) -> Option<String> {
        let text = text?;
        let length = text.chars().count();
        let width = slot.rule.as_ref().and_then(|r| r.width);
        let code = if text.chars().any(is_hidden) {
            Code::Control
        } else if is_scientific(text) {
            Code::Scientific
        } else if is_damaged(text) {
            Code::SpreadsheetDamage
        } else if width.is_some_and(|w| length < w) {
            Code::LeadingZeros
        } else if width.is_some_and(|w| length > w) {
            Code::Width
        } else if length > 120 {
            Code::TooLong
        } else {
            return Some(text.to_owned());
        };
        self.fault(slot, text, code);
        None
    }
}
