-- What comes back from providers, what they are asked about, queues that stand still, and the test mode.

-- A message that a provider took in parts: its name for each part, and how that part stands.
CREATE TABLE provider_part (
    provider TEXT COLLATE "C" NOT NULL,
    reference TEXT COLLATE "C" NOT NULL,
    attempt_id UUID NOT NULL REFERENCES attempt (id),
    status TEXT COLLATE "C" NOT NULL CHECK (status IN ('accepted', 'delivered', 'undelivered')),
    PRIMARY KEY (provider, reference)
);
CREATE INDEX provider_part_attempt ON provider_part (attempt_id);

-- What came, behind 32 bytes of salt: the SHA-256 of both is what the log commits to.
ALTER TABLE receipt ADD COLUMN raw BYTEA;

-- Receipts whose message is not known yet: one row for each way their id may have been written.
CREATE TABLE receipt_aside (
    provider TEXT COLLATE "C" NOT NULL,
    spelling TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    recipient TEXT COLLATE "C",
    PRIMARY KEY (provider, spelling, event)
);
CREATE INDEX receipt_aside_event ON receipt_aside (provider, event);

-- Messages of people; a long one stands in several rows that share a reference.
CREATE TABLE inbound (
    id UUID NOT NULL PRIMARY KEY,
    provider TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    sender TEXT COLLATE "C" NOT NULL,
    recipient TEXT COLLATE "C" NOT NULL,
    words TEXT COLLATE "C" NOT NULL,
    part_reference BIGINT,
    part BIGINT,
    parts BIGINT,
    understood TEXT COLLATE "C",
    received_at TIMESTAMPTZ NOT NULL,
    handled_at TIMESTAMPTZ,
    handled_by TEXT COLLATE "C",
    UNIQUE (provider, event)
);
CREATE INDEX inbound_open ON inbound (received_at) WHERE handled_at IS NULL;
CREATE INDEX inbound_sender ON inbound (sender, received_at);

-- When a provider is asked next about a message whose end nobody knows.
CREATE TABLE look_up (
    attempt_id UUID NOT NULL PRIMARY KEY REFERENCES attempt (id),
    tries BIGINT NOT NULL,
    next_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX attempt_unknown ON attempt (settled_at) WHERE state = 'unknown';

-- Queues that stand still for a while. Append-only: one ends by itself or is lifted.
CREATE TABLE queue_suspension (
    id UUID NOT NULL PRIMARY KEY,
    channel TEXT COLLATE "C" CHECK (channel IN ('sms', 'email', 'letter')),
    portfolio_id UUID REFERENCES portfolio (id),
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ NOT NULL,
    reason TEXT COLLATE "C" NOT NULL,
    asked_by TEXT COLLATE "C" NOT NULL,
    lifted_at TIMESTAMPTZ,
    lifted_by TEXT COLLATE "C"
);
CREATE INDEX queue_suspension_until ON queue_suspension (until) WHERE lifted_at IS NULL;

-- While there is a row here, messages go to the listed addresses only.
CREATE TABLE test_mode (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    since TIMESTAMPTZ NOT NULL,
    asked_by TEXT COLLATE "C" NOT NULL
);
CREATE TABLE test_recipient (
    normal TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    added_at TIMESTAMPTZ NOT NULL,
    added_by TEXT COLLATE "C" NOT NULL
);
