-- What people meant by what they answered, and what follows from it. No words of theirs stand here.
CREATE TABLE reply (
    inbound_id UUID NOT NULL PRIMARY KEY REFERENCES inbound (id),
    channel TEXT COLLATE "C" NOT NULL CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    -- What was understood: meanings with their degree, their rule and their particulars, as JSON.
    meanings TEXT COLLATE "C" NOT NULL,
    -- Whether a person is to decide.
    waits BOOLEAN NOT NULL,
    understood_at TIMESTAMPTZ NOT NULL,
    decided_as TEXT COLLATE "C",
    decided_by TEXT COLLATE "C",
    decided_at TIMESTAMPTZ
);
-- The debts that an answer concerns, and the hold that it put on them.
CREATE TABLE reply_account (
    inbound_id UUID NOT NULL REFERENCES reply (inbound_id),
    account_id UUID NOT NULL REFERENCES account (id),
    suppression_id UUID REFERENCES suppression (id),
    PRIMARY KEY (inbound_id, account_id)
);
CREATE INDEX reply_account_account ON reply_account (account_id);
