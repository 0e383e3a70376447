-- The first schema. The same tables, columns and names stand in the other dialect's folder.
-- Moments are UTC with microseconds; amounts are minor units; ids are UUID v7 made by the program.

CREATE TABLE creditor (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    country TEXT NOT NULL,
    is_bank BOOLEAN NOT NULL
);

CREATE TABLE sender (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('creditor', 'agency', 'law_firm')),
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    signature TEXT NOT NULL,
    licence TEXT,
    phone TEXT,
    email TEXT,
    postal TEXT,
    postal_country TEXT,
    staffed TEXT,
    opt_out_word TEXT NOT NULL,
    mandate TEXT
);

CREATE TABLE portfolio (
    id UUID NOT NULL PRIMARY KEY,
    name TEXT COLLATE "C" NOT NULL UNIQUE,
    creditor_id UUID NOT NULL REFERENCES creditor (id),
    sender_id UUID NOT NULL REFERENCES sender (id),
    ladder TEXT NOT NULL,
    packs TEXT NOT NULL,
    zone TEXT NOT NULL
);

-- A payee may be named in messages only once a second person has confirmed it.
CREATE TABLE payee (
    id UUID NOT NULL PRIMARY KEY,
    portfolio_id UUID NOT NULL REFERENCES portfolio (id),
    holder TEXT NOT NULL,
    bank TEXT NOT NULL,
    number TEXT COLLATE "C" NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT,
    UNIQUE (portfolio_id, number),
    CHECK (confirmed_by IS NULL OR confirmed_by <> proposed_by)
);

-- One row; its version moves with every change of the five tables above, so that caches notice.
CREATE TABLE registry (
    one BIGINT NOT NULL PRIMARY KEY CHECK (one = 1),
    version BIGINT NOT NULL
);
INSERT INTO registry (one, version) VALUES (1, 1);

CREATE TABLE campaign (
    id UUID NOT NULL PRIMARY KEY,
    portfolio_id UUID NOT NULL UNIQUE REFERENCES portfolio (id),
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused')),
    next_run_at TIMESTAMPTZ,
    last_run_at TIMESTAMPTZ
);

CREATE TABLE import_batch (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('accounts', 'events')),
    file_name TEXT NOT NULL,
    file_digest BYTEA NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'undone')),
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    unchanged BIGINT NOT NULL,
    rejected BIGINT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);

CREATE TABLE person (
    id UUID NOT NULL PRIMARY KEY,
    creditor_id UUID NOT NULL REFERENCES creditor (id),
    ref TEXT COLLATE "C" NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('natural', 'legal')),
    name TEXT NOT NULL,
    locale TEXT NOT NULL CHECK (locale IN ('zh-CN', 'zh-TW', 'en')),
    country TEXT,
    region TEXT,
    zone TEXT,
    deceased BOOLEAN NOT NULL,
    minor BOOLEAN NOT NULL,
    batch_id UUID,
    revision BIGINT NOT NULL,
    UNIQUE (creditor_id, ref)
);

-- One normalised phone number, e-mail or postal address, whoever uses it; caps and suppressions belong to it.
CREATE TABLE address (
    id UUID NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'postal')),
    normal TEXT COLLATE "C" NOT NULL,
    country TEXT,
    UNIQUE (normal, kind)
);

CREATE TABLE contact_point (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES person (id),
    address_id UUID NOT NULL REFERENCES address (id),
    usage TEXT NOT NULL CHECK (usage IN ('own', 'home', 'shared', 'workplace', 'office')),
    zone TEXT,
    usable BOOLEAN NOT NULL,
    UNIQUE (person_id, address_id)
);
CREATE INDEX contact_point_address ON contact_point (address_id);

CREATE TABLE account (
    id UUID NOT NULL PRIMARY KEY,
    portfolio_id UUID NOT NULL REFERENCES portfolio (id),
    debtor_id UUID NOT NULL REFERENCES person (id),
    reference TEXT COLLATE "C" NOT NULL,
    claim TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor BIGINT NOT NULL CHECK (amount_minor >= 0),
    balance_minor BIGINT NOT NULL,
    issued_on DATE,
    due_on DATE NOT NULL,
    instalments_overdue BIGINT CHECK (instalments_overdue >= 0),
    instalment_minor BIGINT,
    confirmed BOOLEAN NOT NULL,
    observation BOOLEAN NOT NULL,
    legal_action_approved BOOLEAN NOT NULL,
    preferred TEXT CHECK (preferred IN ('sms', 'email', 'letter')),
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'closed')),
    disputed BOOLEAN NOT NULL,
    promised_until DATE,
    next_step_on DATE,
    batch_id UUID,
    row_digest BYTEA,
    revision BIGINT NOT NULL,
    -- In this order, because events may name an account without its portfolio.
    UNIQUE (reference, portfolio_id)
);
CREATE INDEX account_debtor ON account (debtor_id);
CREATE INDEX account_next_step ON account (portfolio_id, next_step_on, id) WHERE state = 'open';
CREATE INDEX account_batch ON account (batch_id);

-- What somebody else is to a debt: guarantor, executor, counsel, contact reference, employer ...
CREATE TABLE relation (
    account_id UUID NOT NULL REFERENCES account (id),
    person_id UUID NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    PRIMARY KEY (account_id, person_id)
);

CREATE TABLE promise (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    amount_minor BIGINT NOT NULL CHECK (amount_minor > 0),
    due_on DATE NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'kept', 'broken')),
    made_at TIMESTAMPTZ NOT NULL
);
CREATE INDEX promise_account ON promise (account_id);
CREATE INDEX promise_open ON promise (due_on) WHERE state = 'open';

CREATE TABLE dispute (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    reason TEXT NOT NULL,
    opened_at TIMESTAMPTZ NOT NULL,
    resolved_at TIMESTAMPTZ
);
CREATE INDEX dispute_account ON dispute (account_id);

CREATE TABLE payment (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    reference TEXT COLLATE "C" NOT NULL,
    amount_minor BIGINT NOT NULL,
    paid_on DATE NOT NULL,
    UNIQUE (account_id, reference)
);

-- Append-only: a suppression ends by being lifted, never by an import.
CREATE TABLE suppression (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID REFERENCES person (id),
    account_id UUID REFERENCES account (id),
    address_id UUID REFERENCES address (id),
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    reason TEXT NOT NULL,
    since TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ,
    lifted_at TIMESTAMPTZ,
    lifted_by TEXT,
    CHECK (person_id IS NOT NULL OR account_id IS NOT NULL OR address_id IS NOT NULL)
);
CREATE INDEX suppression_person ON suppression (person_id);
CREATE INDEX suppression_account ON suppression (account_id);
CREATE INDEX suppression_address ON suppression (address_id);

CREATE TABLE consent (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID NOT NULL REFERENCES person (id),
    scope TEXT NOT NULL CHECK (scope IN ('channel', 'hours', 'frequency')),
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    given_at TIMESTAMPTZ NOT NULL,
    until TIMESTAMPTZ,
    revoked_at TIMESTAMPTZ
);
CREATE INDEX consent_person ON consent (person_id) WHERE revoked_at IS NULL;

CREATE TABLE call_record (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    person_id UUID NOT NULL REFERENCES person (id),
    address_id UUID REFERENCES address (id),
    at TIMESTAMPTZ NOT NULL,
    result TEXT NOT NULL,
    inbound BOOLEAN NOT NULL
);
CREATE INDEX call_record_account ON call_record (account_id);

-- Which imported events were taken in, so that taking a file in again changes nothing.
CREATE TABLE event_seen (
    digest BYTEA NOT NULL PRIMARY KEY,
    account_id UUID,
    batch_id UUID,
    kind TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX event_seen_account ON event_seen (account_id);

-- Human work that a ladder asks for.
CREATE TABLE task (
    id UUID NOT NULL PRIMARY KEY,
    account_id UUID NOT NULL REFERENCES account (id),
    step_key BYTEA NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    due_on DATE NOT NULL,
    done_at TIMESTAMPTZ
);
CREATE INDEX task_account ON task (account_id);

CREATE TABLE attempt (
    id UUID NOT NULL PRIMARY KEY,
    -- The same debt, cycle, stage, step and occurrence give the same key: nothing is queued twice.
    step_key BYTEA NOT NULL UNIQUE,
    account_id UUID NOT NULL REFERENCES account (id),
    recipient_id UUID NOT NULL REFERENCES person (id),
    contact_point_id UUID NOT NULL REFERENCES contact_point (id),
    channel TEXT NOT NULL CHECK (channel IN ('sms', 'email', 'letter')),
    purpose TEXT NOT NULL CHECK (purpose IN ('collection', 'statutory_notice', 'reply', 'service_info')),
    origin TEXT NOT NULL CHECK (origin IN ('campaign', 'collector', 'api')),
    asked_by TEXT NOT NULL,
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    template TEXT,
    own_subject TEXT,
    own_text TEXT,
    due_at TIMESTAMPTZ NOT NULL,
    expires_at TIMESTAMPTZ NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'held', 'in_review', 'blocked', 'reserved', 'accepted', 'delivered', 'undelivered', 'not_sent', 'unknown', 'withdrawn')),
    claimed_by UUID,
    claimed_until TIMESTAMPTZ,
    requested_at TIMESTAMPTZ NOT NULL,
    reserved_at TIMESTAMPTZ,
    settled_at TIMESTAMPTZ,
    provider TEXT,
    provider_ref TEXT,
    -- Why it stands where it stands: the findings as JSON, or the reason in a word.
    reason TEXT,
    findings TEXT,
    -- Who approved it in review; doubts no longer stop it, everything else still does.
    approved_by TEXT,
    -- How often the same step was tried before, each time with proof that nothing went out.
    tries BIGINT NOT NULL DEFAULT 0,
    last_record UUID,
    -- A place in the caps is taken exactly by what has been reserved.
    CHECK (state NOT IN ('reserved', 'accepted', 'delivered', 'undelivered', 'unknown', 'not_sent') OR reserved_at IS NOT NULL),
    CHECK (state NOT IN ('accepted', 'delivered', 'undelivered', 'unknown', 'not_sent') OR settled_at IS NOT NULL),
    CHECK (template IS NOT NULL OR own_text IS NOT NULL)
);
CREATE INDEX attempt_waiting ON attempt (due_at) WHERE state IN ('planned', 'held');
CREATE INDEX attempt_reserved ON attempt (reserved_at) WHERE state = 'reserved';
CREATE INDEX attempt_account ON attempt (account_id);
CREATE INDEX attempt_recipient ON attempt (recipient_id) WHERE state IN ('planned', 'held', 'in_review', 'blocked');
CREATE INDEX attempt_contact_point ON attempt (contact_point_id) WHERE state IN ('planned', 'held', 'in_review', 'blocked');
CREATE INDEX attempt_provider_ref ON attempt (provider, provider_ref) WHERE provider_ref IS NOT NULL;

CREATE FUNCTION attempt_transition () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'illegal transition of an attempt: % > %', OLD.state, NEW.state;
END $$;
CREATE TRIGGER attempt_transition BEFORE UPDATE OF state ON attempt FOR EACH ROW
WHEN (OLD.state || '>' || NEW.state NOT IN (
        'planned>held', 'planned>in_review', 'planned>blocked', 'planned>reserved', 'planned>withdrawn',
        'held>held', 'held>in_review', 'held>blocked', 'held>reserved', 'held>withdrawn',
        'in_review>planned', 'in_review>blocked', 'in_review>withdrawn', 'blocked>planned', 'blocked>withdrawn',
        'reserved>accepted', 'reserved>not_sent', 'reserved>unknown', 'unknown>accepted', 'unknown>delivered',
        'unknown>undelivered', 'unknown>not_sent', 'accepted>delivered', 'accepted>undelivered', 'undelivered>delivered',
        'delivered>undelivered'))
EXECUTE FUNCTION attempt_transition ();

-- One contact that took a place in the caps. Removed only when it is proven that nothing went out.
CREATE TABLE touch (
    id UUID NOT NULL PRIMARY KEY,
    person_id UUID NOT NULL,
    account_id UUID NOT NULL,
    address_id UUID,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('message', 'call_unanswered', 'call_answered', 'conversation')),
    collection BOOLEAN NOT NULL,
    at TIMESTAMPTZ NOT NULL
);
CREATE INDEX touch_person ON touch (person_id, at);
CREATE INDEX touch_account ON touch (account_id, at);
CREATE INDEX touch_address ON touch (address_id, at);

-- What was sent or stopped, and the facts it was made from; erasable beside the log.
CREATE TABLE content (
    attempt_id UUID NOT NULL PRIMARY KEY REFERENCES attempt (id),
    salt BYTEA NOT NULL,
    body TEXT NOT NULL,
    facts TEXT NOT NULL
);

-- Which rules were evaluated with which result; one row for each distinct list, named by its hash from the log.
CREATE TABLE trace (
    digest BYTEA NOT NULL PRIMARY KEY,
    bytes TEXT NOT NULL
);

-- Policies, ladders and templates that were in use, by digest.
CREATE TABLE published (
    digest BYTEA NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    at TIMESTAMPTZ NOT NULL
);

CREATE TABLE receipt (
    provider TEXT COLLATE "C" NOT NULL,
    event TEXT COLLATE "C" NOT NULL,
    attempt_id UUID REFERENCES attempt (id),
    status TEXT NOT NULL,
    received_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (provider, event)
);

-- The log. Appended in the transaction of the step it records; the bytes are the truth.
CREATE TABLE evidence (
    position BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    record UUID NOT NULL,
    kind TEXT NOT NULL,
    attempt_id UUID,
    at TIMESTAMPTZ NOT NULL,
    leaf BYTEA NOT NULL,
    bytes TEXT NOT NULL
);
CREATE INDEX evidence_attempt ON evidence (attempt_id) WHERE attempt_id IS NOT NULL;

CREATE FUNCTION append_only () RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TRIGGER evidence_no_update BEFORE UPDATE OR DELETE ON evidence FOR EACH ROW EXECUTE FUNCTION append_only ();
CREATE TRIGGER evidence_no_truncate BEFORE TRUNCATE ON evidence FOR EACH STATEMENT EXECUTE FUNCTION append_only ();
CREATE TRIGGER suppression_no_delete BEFORE DELETE ON suppression FOR EACH ROW EXECUTE FUNCTION append_only ();
