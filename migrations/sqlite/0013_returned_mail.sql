-- Mail that came back: one row for each message, known again by a keyed hash of its bytes. Nothing personal stands here;
-- what came is kept with the receipts and with the messages of people.
CREATE TABLE returned_mail (
    id BLOB NOT NULL PRIMARY KEY,
    digest BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('hard', 'soft', 'delayed', 'delivered', 'complaint', 'auto_reply', 'reply', 'loop', 'junk', 'unreadable')),
    status TEXT,
    cause TEXT,
    attempt_id BLOB REFERENCES attempt (id),
    address_id BLOB REFERENCES address (id),
    matched_by TEXT CHECK (matched_by IN ('return_path', 'message_id')),
    bytes INTEGER NOT NULL,
    received_at TEXT NOT NULL,
    suppressed INTEGER NOT NULL CHECK (suppressed IN (0, 1))
) STRICT;
CREATE INDEX returned_mail_received ON returned_mail (received_at);
CREATE INDEX returned_mail_soft ON returned_mail (address_id, received_at) WHERE kind = 'soft';
