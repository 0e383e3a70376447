-- What providers sent and what people answered is sealed: under the keys of the people concerned, or, while nobody is
-- known, under a key that strangers share for a day.

-- The keys of strangers; each stands wrapped in person_key under this id, and is overwritten there when its time is over.
CREATE TABLE stranger (
    id UUID NOT NULL PRIMARY KEY,
    day DATE NOT NULL UNIQUE,
    shredded_at TIMESTAMPTZ
);

-- With an id `raw` is sealed and `event` a keyed hash. `record`: the entry that commits to it. `stranger`: under whose key
-- it lies while its message is not known; `recipient`: keyed hash of whom it names until then.
ALTER TABLE receipt ADD COLUMN id UUID;
ALTER TABLE receipt ADD COLUMN record UUID;
ALTER TABLE receipt ADD COLUMN stranger UUID;
ALTER TABLE receipt ADD COLUMN recipient TEXT COLLATE "C";
CREATE INDEX receipt_attempt ON receipt (attempt_id);
CREATE INDEX receipt_record ON receipt (record);
CREATE INDEX receipt_recipient ON receipt (recipient) WHERE recipient IS NOT NULL;
CREATE INDEX receipt_stranger ON receipt (stranger) WHERE stranger IS NOT NULL;

-- `sender` becomes a keyed hash, `words` and `recipient` stay empty: the whole message stands sealed. `keeper`: the person,
-- or the strangers, under whose key; `record`: the newest entry that commits to it.
ALTER TABLE inbound ADD COLUMN sealed BYTEA;
ALTER TABLE inbound ADD COLUMN keeper UUID;
ALTER TABLE inbound ADD COLUMN record UUID;
CREATE INDEX inbound_keeper ON inbound (keeper);
CREATE INDEX inbound_record ON inbound (record);

-- Whether what came before this version has been sealed.
ALTER TABLE seal_state ADD COLUMN arrivals BOOLEAN NOT NULL DEFAULT FALSE;

-- Heads are mailed to somebody outside too.
ALTER TABLE evidence_anchor DROP CONSTRAINT evidence_anchor_kind_check;
ALTER TABLE evidence_anchor ADD CONSTRAINT evidence_anchor_kind_check CHECK (kind IN ('witness', 'timestamp', 'place', 'mail'));
