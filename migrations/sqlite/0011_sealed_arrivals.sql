-- What providers sent and what people answered is sealed: under the keys of the people concerned, or, while nobody is
-- known, under a key that strangers share for a day.

-- The keys of strangers; each stands wrapped in person_key under this id, and is overwritten there when its time is over.
CREATE TABLE stranger (
    id BLOB NOT NULL PRIMARY KEY,
    day TEXT NOT NULL UNIQUE,
    shredded_at TEXT
) STRICT;

-- With an id `raw` is sealed and `event` a keyed hash. `record`: the entry that commits to it. `stranger`: under whose key
-- it lies while its message is not known; `recipient`: keyed hash of whom it names until then.
ALTER TABLE receipt ADD COLUMN id BLOB;
ALTER TABLE receipt ADD COLUMN record BLOB;
ALTER TABLE receipt ADD COLUMN stranger BLOB;
ALTER TABLE receipt ADD COLUMN recipient TEXT;
CREATE INDEX receipt_attempt ON receipt (attempt_id);
CREATE INDEX receipt_record ON receipt (record);
CREATE INDEX receipt_recipient ON receipt (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX receipt_stranger ON receipt (stranger) WHERE stranger IS NOT NULL;

-- `sender` becomes a keyed hash, `words` and `recipient` stay empty: the whole message stands sealed. `keeper`: the person,
-- or the strangers, under whose key; `record`: the newest entry that commits to it.
ALTER TABLE inbound ADD COLUMN sealed BLOB;
ALTER TABLE inbound ADD COLUMN keeper BLOB;
ALTER TABLE inbound ADD COLUMN record BLOB;
CREATE INDEX inbound_keeper ON inbound (keeper);
CREATE INDEX inbound_record ON inbound (record);

-- Whether what came before this version has been sealed.
ALTER TABLE seal_state ADD COLUMN arrivals INTEGER NOT NULL DEFAULT 0;

-- Heads are mailed to somebody outside too.
CREATE TABLE evidence_anchor_0011 (
    id BLOB NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('witness', 'timestamp', 'place', 'mail')),
    name TEXT NOT NULL,
    at TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
INSERT INTO evidence_anchor_0011 (id, size, kind, name, at, body)
SELECT id, size, kind, name, at, body FROM evidence_anchor;
DROP TABLE evidence_anchor;
ALTER TABLE evidence_anchor_0011 RENAME TO evidence_anchor;
CREATE INDEX evidence_anchor_by ON evidence_anchor (kind, name, size);
CREATE TRIGGER evidence_anchor_no_update BEFORE UPDATE ON evidence_anchor
BEGIN
    SELECT RAISE (ABORT, 'evidence_anchor is append-only');
END;
CREATE TRIGGER evidence_anchor_no_delete BEFORE DELETE ON evidence_anchor
BEGIN
    SELECT RAISE (ABORT, 'evidence_anchor is append-only');
END;
