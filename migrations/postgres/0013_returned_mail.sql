-- Mail that came back: one row for each message, known again by a keyed hash of its bytes. Nothing personal stands here;
-- what came is kept with the receipts and with the messages of people.
CREATE TABLE returned_mail (
    id UUID NOT NULL PRIMARY KEY,
    digest BYTEA NOT NULL UNIQUE,
    kind TEXT COLLATE "C" NOT NULL CHECK (kind IN ('hard', 'soft', 'delayed', 'delivered', 'complaint', 'auto_reply', 'reply', 'loop', 'junk', 'unreadable')),
    status TEXT COLLATE "C",
    cause TEXT COLLATE "C",
    attempt_id UUID REFERENCES attempt (id),
    address_id UUID REFERENCES address (id),
    matched_by TEXT COLLATE "C" CHECK (matched_by IN ('return_path', 'message_id')),
    bytes BIGINT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    suppressed BOOLEAN NOT NULL
);
CREATE INDEX returned_mail_received ON returned_mail (received_at);
CREATE INDEX returned_mail_soft ON returned_mail (address_id, received_at) WHERE kind = 'soft';
