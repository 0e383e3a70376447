-- The log becomes a Merkle tree: places count from 0 without gaps and are the indices of leaves; tiles, signed heads,
-- keys and anchors stand beside it. Entries wait in an outbox until the one sequencer gives them their place.

-- Places counted from 1, with gaps, until now. Nothing was signed yet, so they may move; twice, so that no two ever meet.
ALTER TABLE evidence ALTER COLUMN position DROP IDENTITY;
ALTER TABLE evidence DISABLE TRIGGER evidence_no_update;
UPDATE evidence SET position = -n.place
FROM (SELECT position AS was, row_number() OVER (ORDER BY position) AS place FROM evidence) AS n
WHERE evidence.position = n.was;
UPDATE evidence SET position = -position - 1;
ALTER TABLE evidence ENABLE TRIGGER evidence_no_update;

CREATE UNIQUE INDEX evidence_record ON evidence (record);

-- Entries that wait for their place. An entry that builds on another is inserted after that one was committed, so the
-- order of places is the order of causes, whatever gaps it has.
CREATE TABLE evidence_outbox (
    place BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record UUID NOT NULL,
    kind TEXT NOT NULL,
    attempt_id UUID,
    at TIMESTAMPTZ NOT NULL,
    leaf BYTEA NOT NULL,
    bytes TEXT NOT NULL
);
-- Its rows live for a second: clear them away by number, not by share.
ALTER TABLE evidence_outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000);

-- How far the tree has grown. The one row moves; everything in it can be computed from the entries.
CREATE TABLE evidence_tree (
    one BIGINT PRIMARY KEY CHECK (one = 1),
    size BIGINT NOT NULL CHECK (size >= 0),
    epoch BIGINT NOT NULL,
    -- The partial tiles of all levels, one after another from level 0.
    edge BYTEA NOT NULL
);
INSERT INTO evidence_tree (one, size, epoch, edge) VALUES (1, 0, 0, '');

-- Full tiles: 256 hashes each. Hashes do not compress.
CREATE TABLE evidence_tile (
    level BIGINT NOT NULL,
    tile BIGINT NOT NULL,
    hashes BYTEA NOT NULL CHECK (length(hashes) = 8192),
    PRIMARY KEY (level, tile)
);
ALTER TABLE evidence_tile ALTER COLUMN hashes SET STORAGE EXTERNAL;

-- Every head that was ever signed.
CREATE TABLE evidence_head (
    size BIGINT PRIMARY KEY,
    root BYTEA NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    note TEXT NOT NULL
);

-- The keys of the log; an index over entries of the kind `key.rotated`.
CREATE TABLE evidence_key (
    verifier TEXT COLLATE "C" PRIMARY KEY,
    record UUID NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    retired_at TIMESTAMPTZ
);

-- What outsiders have said of a head: cosignatures, time stamps, copies in other places.
CREATE TABLE evidence_anchor (
    id UUID PRIMARY KEY,
    size BIGINT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('witness', 'timestamp', 'place')),
    name TEXT COLLATE "C" NOT NULL,
    at TIMESTAMPTZ NOT NULL,
    body BYTEA NOT NULL
);
CREATE INDEX evidence_anchor_by ON evidence_anchor (kind, name, size);

CREATE TRIGGER evidence_tile_no_update BEFORE UPDATE OR DELETE ON evidence_tile FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_tile_no_truncate BEFORE TRUNCATE ON evidence_tile FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_head_no_update BEFORE UPDATE OR DELETE ON evidence_head FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_head_no_truncate BEFORE TRUNCATE ON evidence_head FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_anchor_no_update BEFORE UPDATE OR DELETE ON evidence_anchor FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_anchor_no_truncate BEFORE TRUNCATE ON evidence_anchor FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
CREATE TRIGGER trace_no_update BEFORE UPDATE OR DELETE ON trace FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER trace_no_truncate BEFORE TRUNCATE ON trace FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
-- An entry that waits may leave for its place, but never change.
CREATE TRIGGER evidence_outbox_no_update BEFORE UPDATE ON evidence_outbox FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_outbox_no_truncate BEFORE TRUNCATE ON evidence_outbox FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
