-- Letters that are printed by somebody else: the open batch, closed batches, and what the print shop said.

CREATE TABLE print_batch (
    id BLOB NOT NULL PRIMARY KEY,
    number INTEGER NOT NULL UNIQUE,
    -- What the folder or the archive is called.
    name TEXT NOT NULL UNIQUE,
    -- `closing`: its letters cannot be taken back any more; `handed`: it lies where the print shop takes it.
    state TEXT NOT NULL CHECK (state IN ('closing', 'handed')),
    closed_at TEXT NOT NULL,
    closed_by TEXT NOT NULL,
    handed_at TEXT,
    letters INTEGER NOT NULL,
    pages INTEGER NOT NULL,
    sheets INTEGER NOT NULL
) STRICT;

CREATE TABLE print_letter (
    attempt_id BLOB NOT NULL PRIMARY KEY REFERENCES attempt (id),
    -- `stopped`: something came in between while the letter was on its way to the batch, or after a provider took it.
    -- `waiting`: lies in the open batch. `recalled`: was taken out of it. `closing`, `handed`: belongs to a batch.
    -- `dropped`: could not be put into its batch. `lost`: the database was put back, nobody knows.
    state TEXT NOT NULL CHECK (state IN ('stopped', 'waiting', 'recalled', 'closing', 'handed', 'dropped', 'lost')),
    since TEXT NOT NULL,
    pages INTEGER,
    sha256 TEXT,
    -- SHA-256 of the words it was typeset from.
    words TEXT,
    paper TEXT,
    batch_id BLOB REFERENCES print_batch (id),
    -- Its place in the batch, from 1.
    place INTEGER,
    reason TEXT,
    -- The print shop's latest word, and of which day.
    said TEXT,
    said_on TEXT,
    CHECK (state NOT IN ('waiting', 'closing', 'handed') OR (pages IS NOT NULL AND sha256 IS NOT NULL AND paper IS NOT NULL)),
    CHECK (state NOT IN ('closing', 'handed') OR batch_id IS NOT NULL)
) STRICT;
CREATE INDEX print_letter_open ON print_letter (since) WHERE state IN ('waiting', 'stopped');
CREATE INDEX print_letter_batch ON print_letter (batch_id, place) WHERE batch_id IS NOT NULL;
