//! Foreign ledgers: bytes in, domain values out, and back again.
//!
//! A `Mapping` says which column is which field; `read_accounts` and `read_events` turn CSV or JSON Lines into rows
//! that are valid, and refuse the others one by one with every fault they have. `write_*` export what reads back
//! identically. `sample` invents a ledger from a seed.
//!
//! No files and no store here: the import command reads the bytes, calls this, and hands the rows to the store.

mod accounts;
mod cells;
mod events;
mod export;
mod known;
mod mapping;
mod reader;
mod reject;
pub mod sample;
mod table;
mod text;
mod values;

pub use accounts::{AccountRow, RelatedPerson};
pub use events::{AccountKey, EventKind, EventRow, RelatedKey, When};
pub use export::{
    ExportError, write_accounts_csv, write_accounts_jsonl, write_events_csv, write_events_jsonl,
};
pub use mapping::{Mapping, MappingError};
pub use reader::{AccountReader, EventReader, Line, Reader, Reading, read_accounts, read_events};
pub use reject::{Code, Reject, Warning, shape, write_rejects};
pub use table::Format;
pub use text::Encoding;

#[cfg(test)]
mod tests;
