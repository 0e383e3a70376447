-- What people meant by what they answered, and what follows from it. No words of theirs stand here.
CREATE TABLE reply (
    inbound_id BLOB NOT NULL PRIMARY KEY REFERENCES inbound (id),
    channel TEXT NOT NULL CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    -- What was understood: meanings with their degree, their rule and their particulars, as JSON.
    meanings TEXT NOT NULL,
    -- Whether a person is to decide.
    waits INTEGER NOT NULL,
    understood_at TEXT NOT NULL,
    decided_as TEXT,
    decided_by TEXT,
    decided_at TEXT
) STRICT;
-- The debts that an answer concerns, and the hold that it put on them.
CREATE TABLE reply_account (
    inbound_id BLOB NOT NULL REFERENCES reply (inbound_id),
    account_id BLOB NOT NULL REFERENCES account (id),
    suppression_id BLOB REFERENCES suppression (id),
    PRIMARY KEY (inbound_id, account_id)
) STRICT;
CREATE INDEX reply_account_account ON reply_account (account_id);
