-- Policies in versions with effective dates, decisions that can be replayed, and why an account got no message.

-- Texts by their SHA-256: policy files, templates, the lists that make sets of them, and desks (a portfolio with
-- its creditor, sender and payees). Nothing about debtors.
CREATE TABLE document (
    digest BYTEA NOT NULL PRIMARY KEY,
    bytes TEXT NOT NULL
);

-- A published set of policies; its digest is that of its list.
CREATE TABLE policy_set (
    digest BYTEA NOT NULL PRIMARY KEY REFERENCES document (digest),
    -- What decisions name as `policy`: packs, core rules and calendars together.
    policy TEXT NOT NULL,
    -- Names and versions of the packs, as JSON.
    packs TEXT NOT NULL,
    published_by TEXT NOT NULL,
    published_at TIMESTAMPTZ NOT NULL,
    remark TEXT
);

-- Which set is in force from when. In force is the one with the latest `in_force_at` that has come, of equal ones
-- the one with the greatest id. Two people, but for the founding set.
CREATE TABLE activation (
    id UUID NOT NULL PRIMARY KEY,
    set_digest BYTEA NOT NULL REFERENCES policy_set (digest),
    effective_at TIMESTAMPTZ NOT NULL,
    asked_by TEXT NOT NULL,
    asked_at TIMESTAMPTZ NOT NULL,
    approved_by TEXT,
    approved_at TIMESTAMPTZ,
    in_force_at TIMESTAMPTZ,
    founding BOOLEAN NOT NULL,
    CHECK (approved_by IS NULL OR approved_by <> asked_by),
    CHECK (in_force_at IS NULL OR founding OR (approved_by IS NOT NULL AND approved_at IS NOT NULL))
);
CREATE UNIQUE INDEX activation_founding ON activation (founding) WHERE founding;
CREATE INDEX activation_in_force ON activation (in_force_at, id) WHERE in_force_at IS NOT NULL;

-- The facts that each decision rests on, under a salt; personal data, erasable beside the log like `content`.
CREATE TABLE decision (
    attempt_id UUID NOT NULL REFERENCES attempt (id),
    record UUID NOT NULL,
    salt BYTEA NOT NULL,
    facts TEXT NOT NULL,
    PRIMARY KEY (attempt_id, record)
);

-- One walk over a portfolio.
CREATE TABLE campaign_run (
    number BIGINT NOT NULL PRIMARY KEY,
    portfolio_id UUID NOT NULL REFERENCES portfolio (id),
    today DATE NOT NULL,
    began_at TIMESTAMPTZ NOT NULL,
    ended_at TIMESTAMPTZ,
    accounts BIGINT,
    looked_at BIGINT
);
CREATE INDEX campaign_run_portfolio ON campaign_run (portfolio_id, number);

-- How many accounts ended how, counted when the run ended.
CREATE TABLE run_count (
    run BIGINT NOT NULL REFERENCES campaign_run (number),
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    accounts BIGINT NOT NULL,
    PRIMARY KEY (run, outcome, detail)
);

-- What runs made of an account for which they queued nothing: a row for each change, from one run until another.
CREATE TABLE account_outcome (
    account_id UUID NOT NULL REFERENCES account (id),
    from_run BIGINT NOT NULL,
    until_run BIGINT,
    outcome TEXT NOT NULL,
    detail TEXT NOT NULL,
    PRIMARY KEY (account_id, from_run)
);
CREATE UNIQUE INDEX account_outcome_now ON account_outcome (account_id) WHERE until_run IS NULL;

-- The run that queued an attempt.
ALTER TABLE attempt ADD COLUMN run BIGINT;
CREATE INDEX attempt_run ON attempt (run, account_id) WHERE run IS NOT NULL;

CREATE TRIGGER document_no_change BEFORE UPDATE OR DELETE ON document FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER policy_set_no_change BEFORE UPDATE OR DELETE ON policy_set FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER activation_no_delete BEFORE DELETE ON activation FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER activation_no_update BEFORE UPDATE ON activation FOR EACH ROW
WHEN (OLD.in_force_at IS NOT NULL) EXECUTE FUNCTION append_only ();
