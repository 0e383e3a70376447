-- What people asked for about the times, places and media of contact.

CREATE TABLE wish (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES person (id),
    wish TEXT NOT NULL,
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ,
    withdrawn_at TIMESTAMPTZ
);
CREATE INDEX wish_person ON wish (person_id) WHERE withdrawn_at IS NULL;

-- Who took back a request that a set come into force, before anybody approved it.
ALTER TABLE activation ADD COLUMN withdrawn_by TEXT;
ALTER TABLE activation ADD COLUMN withdrawn_at TIMESTAMPTZ;
