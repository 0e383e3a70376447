-- What comes back from providers, what they are asked about, queues that stand still, and the test mode.

-- A message that a provider took in parts: its name for each part, and how that part stands.
CREATE TABLE provider_part (
    provider TEXT NOT NULL,
    reference TEXT NOT NULL,
    attempt_id BLOB NOT NULL REFERENCES attempt (id),
    status TEXT NOT NULL CHECK (status IN ('accepted', 'delivered', 'undelivered')),
    PRIMARY KEY (provider, reference)
) STRICT;
CREATE INDEX provider_part_attempt ON provider_part (attempt_id);

-- What came, behind 32 bytes of salt: the SHA-256 of both is what the log commits to.
ALTER TABLE receipt ADD COLUMN raw BLOB;

-- Receipts whose message is not known yet: one row for each way their id may have been written.
CREATE TABLE receipt_aside (
    provider TEXT NOT NULL,
    spelling TEXT NOT NULL,
    event TEXT NOT NULL,
    recipient TEXT,
    PRIMARY KEY (provider, spelling, event)
) STRICT;
CREATE INDEX receipt_aside_event ON receipt_aside (provider, event);

-- Messages of people; a long one stands in several rows that share a reference.
CREATE TABLE inbound (
    id BLOB NOT NULL PRIMARY KEY,
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    words TEXT NOT NULL,
    part_reference INTEGER,
    part INTEGER,
    parts INTEGER,
    understood TEXT,
    received_at TEXT NOT NULL,
    handled_at TEXT,
    handled_by TEXT,
    UNIQUE (provider, event)
) STRICT;
CREATE INDEX inbound_open ON inbound (received_at) WHERE handled_at IS NULL;
CREATE INDEX inbound_sender ON inbound (sender, received_at);

-- When a provider is asked next about a message whose end nobody knows.
CREATE TABLE look_up (
    attempt_id BLOB NOT NULL PRIMARY KEY REFERENCES attempt (id),
    tries INTEGER NOT NULL,
    next_at TEXT NOT NULL
) STRICT;
CREATE INDEX attempt_unknown ON attempt (settled_at) WHERE state = 'unknown';

-- Queues that stand still for a while. Append-only: one ends by itself or is lifted.
CREATE TABLE queue_suspension (
    id BLOB NOT NULL PRIMARY KEY,
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter')),
    portfolio_id BLOB REFERENCES portfolio (id),
    since TEXT NOT NULL,
    until TEXT NOT NULL,
    reason TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    lifted_at TEXT,
    lifted_by TEXT
) STRICT;
CREATE INDEX queue_suspension_until ON queue_suspension (until) WHERE lifted_at IS NULL;

-- While there is a row here, messages go to the listed addresses only.
CREATE TABLE test_mode (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    since TEXT NOT NULL,
    asked_by TEXT NOT NULL
) STRICT;
CREATE TABLE test_recipient (
    normal TEXT NOT NULL PRIMARY KEY,
    added_at TEXT NOT NULL,
    added_by TEXT NOT NULL
) STRICT;
