-- Personal data is sealed under a key for each person; erasure, holds, retention, backups, restores and access.

-- The key of each person, wrapped by a master key outside the database. Rows are written once, in order, and never
-- grow, so that SQLite has no reason to copy them about: erasing one overwrites it with zeros where it stands.
CREATE TABLE person_key (
    n INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    person_id BLOB NOT NULL UNIQUE,
    master TEXT NOT NULL,
    wrapped BLOB NOT NULL CHECK (length(wrapped) = 72)
) STRICT;

-- Which master and lookup keys this database was ever used with, by name; never the keys themselves.
CREATE TABLE seal_master (
    id TEXT NOT NULL PRIMARY KEY,
    lookup TEXT NOT NULL,
    since TEXT NOT NULL,
    retired_at TEXT
) STRICT;

-- Whether everything that was written before this version has been sealed.
CREATE TABLE seal_state (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    done INTEGER NOT NULL
) STRICT;
INSERT INTO seal_state (one, done) VALUES (1, 0);

-- `ref` becomes a keyed hash, the number itself is sealed beside it; `name` and `postal_code` are sealed where they stand.
ALTER TABLE person ADD COLUMN ref_sealed TEXT NOT NULL DEFAULT '';
-- `normal` of an address becomes a keyed hash; each person's contact point holds it sealed. Empty: not sealed yet, or erased.
ALTER TABLE contact_point ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
-- `reference` of a payment becomes a keyed hash.
ALTER TABLE payment ADD COLUMN sealed TEXT NOT NULL DEFAULT '';

-- The salt moves inside the seal.
CREATE TABLE content_0006 (
    attempt_id BLOB NOT NULL PRIMARY KEY REFERENCES attempt (id),
    sealed INTEGER NOT NULL,
    body BLOB NOT NULL,
    facts BLOB NOT NULL
) STRICT;
INSERT INTO content_0006 (attempt_id, sealed, body, facts)
SELECT attempt_id, 0, unhex(hex(salt) || hex(body)), unhex(hex(salt) || hex(facts)) FROM content;
DROP TABLE content;
ALTER TABLE content_0006 RENAME TO content;

CREATE TABLE decision_0006 (
    attempt_id BLOB NOT NULL REFERENCES attempt (id),
    record BLOB NOT NULL,
    sealed INTEGER NOT NULL,
    facts BLOB NOT NULL,
    PRIMARY KEY (attempt_id, record)
) STRICT;
INSERT INTO decision_0006 (attempt_id, record, sealed, facts)
SELECT attempt_id, record, 0, unhex(hex(salt) || hex(facts)) FROM decision;
DROP TABLE decision;
ALTER TABLE decision_0006 RENAME TO decision;

-- Who was erased, by random id; kept so that an import or an old backup does not bring them back.
CREATE TABLE erasure (
    person_id BLOB NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    basis TEXT NOT NULL,
    record BLOB NOT NULL
) STRICT;

-- A duty to keep what is known about a person or a debt, whatever the schedule says.
CREATE TABLE legal_hold (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB,
    account_id BLOB,
    basis TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at TEXT NOT NULL,
    lifted_by TEXT,
    lifted_at TEXT,
    CHECK (person_id IS NOT NULL OR account_id IS NOT NULL)
) STRICT;
CREATE INDEX legal_hold_person ON legal_hold (person_id) WHERE lifted_at IS NULL;
CREATE INDEX legal_hold_account ON legal_hold (account_id) WHERE lifted_at IS NULL;

-- Backups that this program made; the keys of people lie in a file of their own, which erasing rewrites.
CREATE TABLE backup (
    id BLOB NOT NULL PRIMARY KEY,
    at TEXT NOT NULL,
    made_by TEXT NOT NULL,
    folder TEXT NOT NULL,
    entries INTEGER NOT NULL,
    gone_at TEXT
) STRICT;

-- The log was found to be shorter than, or other than, what was signed or seen before. Nothing is sent until a person
-- has resolved it.
CREATE TABLE restoration (
    id BLOB NOT NULL PRIMARY KEY,
    detected_at TEXT NOT NULL,
    why TEXT NOT NULL,
    entries INTEGER NOT NULL,
    expected INTEGER NOT NULL,
    resolved_at TEXT,
    resolved_by TEXT
) STRICT;

-- Who may look from outside, at what, until when. The token itself is never kept.
CREATE TABLE access_grant (
    id BLOB NOT NULL PRIMARY KEY,
    auditor TEXT NOT NULL,
    purpose TEXT NOT NULL,
    portfolio TEXT,
    token BLOB NOT NULL UNIQUE,
    granted_by TEXT NOT NULL,
    granted_at TEXT NOT NULL,
    until TEXT NOT NULL,
    revoked_at TEXT
) STRICT;
