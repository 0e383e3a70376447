-- Personal data is sealed under a key for each person; erasure, holds, retention, backups, restores and access.

-- The key of each person, wrapped by a master key outside the database; small, so that the whole table can be written
-- anew when somebody is erased.
CREATE TABLE person_key (
    n BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    person_id UUID NOT NULL UNIQUE,
    master TEXT NOT NULL,
    wrapped BYTEA NOT NULL CHECK (length(wrapped) = 72)
);

-- Which master and lookup keys this database was ever used with, by name; never the keys themselves.
CREATE TABLE seal_master (
    id TEXT NOT NULL PRIMARY KEY,
    lookup TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ
);

-- Whether everything that was written before this version has been sealed.
CREATE TABLE seal_state (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    done BOOLEAN NOT NULL
);
INSERT INTO seal_state (one, done) VALUES (1, FALSE);

-- `ref` becomes a keyed hash, the number itself is sealed beside it; `name` and `postal_code` are sealed where they stand.
ALTER TABLE person ADD COLUMN ref_sealed TEXT NOT NULL DEFAULT '';
-- `normal` of an address becomes a keyed hash; each person's contact point holds it sealed. Empty: not sealed yet, or erased.
ALTER TABLE contact_point ADD COLUMN sealed TEXT NOT NULL DEFAULT '';
-- `reference` of a payment becomes a keyed hash.
ALTER TABLE payment ADD COLUMN sealed TEXT NOT NULL DEFAULT '';

-- The salt moves inside the seal.
CREATE TABLE content_0006 (
    attempt_id UUID NOT NULL PRIMARY KEY REFERENCES attempt (id),
    sealed BOOLEAN NOT NULL,
    body BYTEA NOT NULL,
    facts BYTEA NOT NULL
);
INSERT INTO content_0006 (attempt_id, sealed, body, facts)
SELECT attempt_id, FALSE, salt || convert_to(body, 'UTF8'), salt || convert_to(facts, 'UTF8') FROM content;
DROP TABLE content;
ALTER TABLE content_0006 RENAME TO content;

CREATE TABLE decision_0006 (
    attempt_id UUID NOT NULL REFERENCES attempt (id),
    record UUID NOT NULL,
    sealed BOOLEAN NOT NULL,
    facts BYTEA NOT NULL,
    PRIMARY KEY (attempt_id, record)
);
INSERT INTO decision_0006 (attempt_id, record, sealed, facts)
SELECT attempt_id, record, FALSE, salt || convert_to(facts, 'UTF8') FROM decision;
DROP TABLE decision;
ALTER TABLE decision_0006 RENAME TO decision;

-- Who was erased, by random id; kept so that an import or an old backup does not bring them back.
CREATE TABLE erasure (
    person_id UUID NOT NULL PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    asked_by TEXT NOT NULL,
    basis TEXT NOT NULL,
    record UUID NOT NULL
);

-- A duty to keep what is known about a person or a debt, whatever the schedule says.
CREATE TABLE legal_hold (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID,
    account_id UUID,
    basis TEXT NOT NULL,
    set_by TEXT NOT NULL,
    set_at TIMESTAMPTZ NOT NULL,
    lifted_by TEXT,
    lifted_at TIMESTAMPTZ,
    CHECK (person_id IS NOT NULL OR account_id IS NOT NULL)
);
CREATE INDEX legal_hold_person ON legal_hold (person_id) WHERE lifted_at IS NULL;
CREATE INDEX legal_hold_account ON legal_hold (account_id) WHERE lifted_at IS NULL;

-- Backups that this program made; the keys of people lie in a file of their own, which erasing rewrites.
CREATE TABLE backup (
    id UUID NOT NULL PRIMARY KEY,
    at TIMESTAMPTZ NOT NULL,
    made_by TEXT NOT NULL,
    folder TEXT NOT NULL,
    entries BIGINT NOT NULL,
    gone_at TIMESTAMPTZ
);

-- The log was found to be shorter than, or other than, what was signed or seen before. Nothing is sent until a person
-- has resolved it.
CREATE TABLE restoration (
    id UUID NOT NULL PRIMARY KEY,
    detected_at TIMESTAMPTZ NOT NULL,
    why TEXT NOT NULL,
    entries BIGINT NOT NULL,
    expected BIGINT NOT NULL,
    resolved_at TIMESTAMPTZ,
    resolved_by TEXT
);

-- Who may look from outside, at what, until when. The token itself is never kept.
CREATE TABLE access_grant (
    id UUID NOT NULL PRIMARY KEY,
    auditor TEXT NOT NULL,
    purpose TEXT NOT NULL,
    portfolio TEXT,
    token BYTEA NOT NULL UNIQUE,
    granted_by TEXT NOT NULL,
    granted_at TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    revoked_at TIMESTAMPTZ
);
