-- Policies in versions with effective dates, decisions that can be replayed, and why an account got no message.

-- Texts by their SHA-256: policy files, templates, the lists that make sets of them, and desks (a portfolio with
-- its creditor, sender and payees). Nothing about debtors.
CREATE TABLE document (
    digest BLOB NOT NULL PRIMARY KEY,
    bytes TEXT NOT NULL
) STRICT;

-- A published set of policies; its digest is that of its list.
CREATE TABLE policy_set (
    digest BLOB NOT NULL PRIMARY KEY REFERENCES document (digest),
    -- What decisions name as `policy`: packs, core rules and calendars together.
    policy TEXT NOT NULL,
    -- Names and versions of the packs, as JSON.
    packs TEXT NOT NULL,
    published_by TEXT NOT NULL,
    published_at TEXT NOT NULL,
    remark TEXT
) STRICT;

-- Which set is in force from when. In force is the one with the latest `in_force_at` that has come, of equal ones
-- the one with the greatest id. Two people, but for the founding set.
CREATE TABLE activation (
    id BLOB NOT NULL PRIMARY KEY,
    set_digest BLOB NOT NULL REFERENCES policy_set (digest),
    effective_at TEXT NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TEXT NOT NULL,
    approved_by TEXT,
    approved_at TEXT,
    in_force_at TEXT,
    founding INTEGER NOT NULL,
    CHECK (approved_by IS NULL OR approved_by <> asked_by),
    CHECK (in_force_at IS NULL OR founding = 1 OR (approved_by IS NOT NULL AND approved_at IS NOT NULL))
) STRICT;
CREATE UNIQUE INDEX activation_founding ON activation (founding) WHERE founding = 1;
CREATE INDEX activation_in_force ON activation (in_force_at, id) WHERE in_force_at IS NOT NULL;

-- The facts that each decision rests on, under a salt; personal data, erasable beside the log like `content`.
CREATE TABLE decision (
    attempt_id BLOB NOT NULL REFERENCES attempt (id),
    record BLOB NOT NULL,
    salt BLOB NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (attempt_id, record)
) STRICT;

-- One walk over a portfolio.
CREATE TABLE campaign_run (
    number INTEGER NOT NULL PRIMARY KEY,
    portfolio_id BLOB NOT NULL REFERENCES portfolio (id),
    today TEXT NOT NULL,
    began_at TEXT NOT NULL,
    ended_at TEXT,
    accounts INTEGER,
    looked_at INTEGER
) STRICT;
CREATE INDEX campaign_run_portfolio ON campaign_run (portfolio_id, number);

-- How many accounts ended how, counted when the run ended.
CREATE TABLE run_count (
    run INTEGER NOT NULL REFERENCES campaign_run (number),
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    accounts INTEGER NOT NULL,
    PRIMARY KEY (run, outcome, detail)
) STRICT;

-- What runs made of an account for which they queued nothing: a row for each change, from one run until another.
CREATE TABLE account_outcome (
    account_id BLOB NOT NULL REFERENCES account (id),
    from_run INTEGER NOT NULL,
    until_run INTEGER,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (account_id, from_run)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX account_outcome_now ON account_outcome (account_id) WHERE until_run IS NULL;

-- The run that queued an attempt.
ALTER TABLE attempt ADD COLUMN run INTEGER;
CREATE INDEX attempt_run ON attempt (run, account_id) WHERE run IS NOT NULL;

CREATE TRIGGER document_no_update BEFORE UPDATE ON document
BEGIN
    SELECT RAISE (ABORT, 'documents never change');
END;
CREATE TRIGGER document_no_delete BEFORE DELETE ON document
BEGIN
    SELECT RAISE (ABORT, 'documents never change');
END;
CREATE TRIGGER policy_set_no_update BEFORE UPDATE ON policy_set
BEGIN
    SELECT RAISE (ABORT, 'published sets never change');
END;
CREATE TRIGGER policy_set_no_delete BEFORE DELETE ON policy_set
BEGIN
    SELECT RAISE (ABORT, 'published sets never change');
END;
CREATE TRIGGER activation_no_update BEFORE UPDATE ON activation
WHEN OLD.in_force_at IS NOT NULL
BEGIN
    SELECT RAISE (ABORT, 'an approved activation never changes');
END;
CREATE TRIGGER activation_no_delete BEFORE DELETE ON activation
BEGIN
    SELECT RAISE (ABORT, 'activations are append-only');
END;
