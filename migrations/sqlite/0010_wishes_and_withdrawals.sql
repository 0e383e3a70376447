-- What people asked for about the times, places and media of contact.

CREATE TABLE wish (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES person (id),
    wish TEXT NOT NULL,
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    since TEXT NOT NULL,
    until TEXT,
    withdrawn_at TEXT
) STRICT;
CREATE INDEX wish_person ON wish (person_id) WHERE withdrawn_at IS NULL;

-- Who took back a request that a set come into force, before anybody approved it.
ALTER TABLE activation ADD COLUMN withdrawn_by TEXT;
ALTER TABLE activation ADD COLUMN withdrawn_at TEXT;
