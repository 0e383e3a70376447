-- The log becomes a Merkle tree: places count from 0 without gaps and are the indices of leaves; tiles, signed heads,
-- keys and anchors stand beside it.

-- Places counted from 1 until now. Nothing was signed yet, so they may move; twice, so that no two ever meet.
DROP TRIGGER evidence_no_update;
DROP TRIGGER evidence_no_delete;
UPDATE evidence SET position = -position;
UPDATE evidence SET position = -position - 1;
CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence
BEGIN
    SELECT RAISE (ABORT, 'evidence is append-only');
END;
CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence
BEGIN
    SELECT RAISE (ABORT, 'evidence is append-only');
END;

CREATE UNIQUE INDEX evidence_record ON evidence (record);

-- Entries that wait for their place. Stays empty here, where the one writer gives the place at once.
CREATE TABLE evidence_outbox (
    place INTEGER NOT NULL PRIMARY KEY,
    record BLOB NOT NULL,
    kind TEXT NOT NULL,
    attempt_id BLOB,
    at TEXT NOT NULL,
    leaf BLOB NOT NULL,
    bytes TEXT NOT NULL
) STRICT;

-- How far the tree has grown. The one row moves; everything in it can be computed from the entries.
CREATE TABLE evidence_tree (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    size INTEGER NOT NULL CHECK (size >= 0),
    epoch INTEGER NOT NULL,
    -- The partial tiles of all levels, one after another from level 0.
    edge BLOB NOT NULL
) STRICT;
INSERT INTO evidence_tree (one, size, epoch, edge) VALUES (1, 0, 0, x'');

-- Full tiles: 256 hashes each.
CREATE TABLE evidence_tile (
    level INTEGER NOT NULL,
    tile INTEGER NOT NULL,
    hashes BLOB NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, tile)
) STRICT;

-- Every head that was ever signed.
CREATE TABLE evidence_head (
    size INTEGER NOT NULL PRIMARY KEY,
    root BLOB NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;

-- The keys of the log; an index over entries of the kind `key.rotated`.
CREATE TABLE evidence_key (
    verifier TEXT NOT NULL PRIMARY KEY,
    record BLOB NOT NULL,
    since TEXT NOT NULL,
    retired_at TEXT
) STRICT;

-- What outsiders have said of a head: cosignatures, time stamps, copies in other places.
CREATE TABLE evidence_anchor (
    id BLOB NOT NULL PRIMARY KEY,
    size INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('witness', 'timestamp', 'place')),
    name TEXT NOT NULL,
    at TEXT NOT NULL,
    body BLOB NOT NULL
) STRICT;
CREATE INDEX evidence_anchor_by ON evidence_anchor (kind, name, size);

CREATE TRIGGER evidence_tile_no_update BEFORE UPDATE ON evidence_tile
BEGIN
    SELECT RAISE (ABORT, 'evidence_tile is append-only');
END;
CREATE TRIGGER evidence_tile_no_delete BEFORE DELETE ON evidence_tile
BEGIN
    SELECT RAISE (ABORT, 'evidence_tile is append-only');
END;
CREATE TRIGGER evidence_head_no_update BEFORE UPDATE ON evidence_head
BEGIN
    SELECT RAISE (ABORT, 'evidence_head is append-only');
END;
CREATE TRIGGER evidence_head_no_delete BEFORE DELETE ON evidence_head
BEGIN
    SELECT RAISE (ABORT, 'evidence_head is append-only');
END;
CREATE TRIGGER evidence_anchor_no_update BEFORE UPDATE ON evidence_anchor
BEGIN
    SELECT RAISE (ABORT, 'evidence_anchor is append-only');
END;
CREATE TRIGGER evidence_anchor_no_delete BEFORE DELETE ON evidence_anchor
BEGIN
    SELECT RAISE (ABORT, 'evidence_anchor is append-only');
END;
CREATE TRIGGER trace_no_update BEFORE UPDATE ON trace
BEGIN
    SELECT RAISE (ABORT, 'trace is append-only');
END;
CREATE TRIGGER trace_no_delete BEFORE DELETE ON trace
BEGIN
    SELECT RAISE (ABORT, 'trace is append-only');
END;
