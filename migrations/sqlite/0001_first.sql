-- The first schema. The same tables, columns and names stand in the other dialect's folder.
-- Moments are UTC with microseconds; amounts are minor units; ids are UUID v7 made by the program.

CREATE TABLE creditor (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    country TEXT NOT NULL,
    is_bank INTEGER NOT NULL
) STRICT;

CREATE TABLE sender (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('creditor', 'agency', 'law_firm')),
    name TEXT NOT NULL UNIQUE,
    signature TEXT NOT NULL,
    licence TEXT,
    phone TEXT,
    email TEXT,
    postal TEXT,
    postal_country TEXT,
    staffed TEXT,
    opt_out_word TEXT NOT NULL,
    mandate TEXT
) STRICT;

CREATE TABLE portfolio (
    id BLOB NOT NULL PRIMARY KEY,
    name TEXT NOT NULL UNIQUE,
    creditor_id BLOB NOT NULL REFERENCES creditor (id),
    sender_id BLOB NOT NULL REFERENCES sender (id),
    ladder TEXT NOT NULL,
    packs TEXT NOT NULL,
    zone TEXT NOT NULL
) STRICT;

-- A payee may be named in messages only once a second person has confirmed it.
CREATE TABLE payee (
    id BLOB NOT NULL PRIMARY KEY,
    portfolio_id BLOB NOT NULL REFERENCES portfolio (id),
    holder TEXT NOT NULL,
    bank TEXT NOT NULL,
    number TEXT NOT NULL,
    proposed_by TEXT NOT NULL,
    confirmed_by TEXT,
    UNIQUE (portfolio_id, number),
    CHECK (confirmed_by IS NULL OR confirmed_by <> proposed_by)
) STRICT;

-- One row; its version moves with every change of the five tables above, so that caches notice.
CREATE TABLE registry (
    one INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL
) STRICT;
INSERT INTO registry (one, version) VALUES (1, 1);

CREATE TABLE campaign (
    id BLOB NOT NULL PRIMARY KEY,
    portfolio_id BLOB NOT NULL UNIQUE REFERENCES portfolio (id),
    cron TEXT NOT NULL,
    zone TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('active', 'paused')),
    next_run_at TEXT,
    last_run_at TEXT
) STRICT;

CREATE TABLE import_batch (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('accounts', 'events')),
    file_name TEXT NOT NULL,
    file_digest BLOB NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'done', 'undone')),
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    unchanged INTEGER NOT NULL,
    rejected INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE person (
    id BLOB NOT NULL PRIMARY KEY,
    creditor_id BLOB NOT NULL REFERENCES creditor (id),
    ref TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('natural', 'legal')),
    name TEXT NOT NULL,
    locale TEXT NOT NULL CHECK (locale IN ('zh-CN', 'zh-TW', 'en')),
    country TEXT,
    region TEXT,
    zone TEXT,
    deceased INTEGER NOT NULL,
    minor INTEGER NOT NULL,
    batch_id BLOB,
    revision INTEGER NOT NULL,
    UNIQUE (creditor_id, ref)
) STRICT, WITHOUT ROWID;

-- One normalised phone number, e-mail or postal address, whoever uses it; caps and suppressions belong to it.
CREATE TABLE address (
    id BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL CHECK (kind IN ('phone', 'email', 'postal')),
    normal TEXT NOT NULL,
    country TEXT,
    UNIQUE (normal, kind)
) STRICT, WITHOUT ROWID;

CREATE TABLE contact_point (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES person (id),
    address_id BLOB NOT NULL REFERENCES address (id),
    usage TEXT NOT NULL CHECK (usage IN ('own', 'home', 'shared', 'workplace', 'office')),
    zone TEXT,
    usable INTEGER NOT NULL,
    UNIQUE (person_id, address_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX contact_point_address ON contact_point (address_id);

CREATE TABLE account (
    id BLOB NOT NULL PRIMARY KEY,
    portfolio_id BLOB NOT NULL REFERENCES portfolio (id),
    debtor_id BLOB NOT NULL REFERENCES person (id),
    reference TEXT NOT NULL,
    claim TEXT NOT NULL,
    currency TEXT NOT NULL,
    amount_minor INTEGER NOT NULL CHECK (amount_minor >= 0),
    balance_minor INTEGER NOT NULL,
    issued_on TEXT,
    due_on TEXT NOT NULL,
    instalments_overdue INTEGER CHECK (instalments_overdue >= 0),
    instalment_minor INTEGER,
    confirmed INTEGER NOT NULL,
    observation INTEGER NOT NULL,
    legal_action_approved INTEGER NOT NULL,
    preferred TEXT CHECK (preferred IN ('sms', 'email', 'letter')),
    state TEXT NOT NULL CHECK (state IN ('open', 'settled', 'closed')),
    disputed INTEGER NOT NULL,
    promised_until TEXT,
    next_step_on TEXT,
    batch_id BLOB,
    row_digest BLOB,
    revision INTEGER NOT NULL,
    -- In this order, because events may name an account without its portfolio.
    UNIQUE (reference, portfolio_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_debtor ON account (debtor_id);
CREATE INDEX account_next_step ON account (portfolio_id, next_step_on, id) WHERE state = 'open';
CREATE INDEX account_batch ON account (batch_id);

-- What somebody else is to a debt: guarantor, executor, counsel, contact reference, employer ...
CREATE TABLE relation (
    account_id BLOB NOT NULL REFERENCES account (id),
    person_id BLOB NOT NULL REFERENCES person (id),
    role TEXT NOT NULL,
    PRIMARY KEY (account_id, person_id)
) STRICT;

CREATE TABLE promise (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    amount_minor INTEGER NOT NULL CHECK (amount_minor > 0),
    due_on TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('open', 'kept', 'broken')),
    made_at TEXT NOT NULL
) STRICT;
CREATE INDEX promise_account ON promise (account_id);
CREATE INDEX promise_open ON promise (due_on) WHERE state = 'open';

CREATE TABLE dispute (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    reason TEXT NOT NULL,
    opened_at TEXT NOT NULL,
    resolved_at TEXT
) STRICT;
CREATE INDEX dispute_account ON dispute (account_id);

CREATE TABLE payment (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    reference TEXT NOT NULL,
    amount_minor INTEGER NOT NULL,
    paid_on TEXT NOT NULL,
    UNIQUE (account_id, reference)
) STRICT;

-- Append-only: a suppression ends by being lifted, never by an import.
CREATE TABLE suppression (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB REFERENCES person (id),
    account_id BLOB REFERENCES account (id),
    address_id BLOB REFERENCES address (id),
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    reason TEXT NOT NULL,
    since TEXT NOT NULL,
    until TEXT,
    lifted_at TEXT,
    lifted_by TEXT,
    CHECK (person_id IS NOT NULL OR account_id IS NOT NULL OR address_id IS NOT NULL)
) STRICT;
CREATE INDEX suppression_person ON suppression (person_id);
CREATE INDEX suppression_account ON suppression (account_id);
CREATE INDEX suppression_address ON suppression (address_id);

CREATE TABLE consent (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL REFERENCES person (id),
    scope TEXT NOT NULL CHECK (scope IN ('channel', 'hours', 'frequency')),
    channel TEXT CHECK (channel IN ('sms', 'email', 'letter', 'call')),
    given_at TEXT NOT NULL,
    until TEXT,
    revoked_at TEXT
) STRICT;
CREATE INDEX consent_person ON consent (person_id) WHERE revoked_at IS NULL;

CREATE TABLE call_record (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    person_id BLOB NOT NULL REFERENCES person (id),
    address_id BLOB REFERENCES address (id),
    at TEXT NOT NULL,
    result TEXT NOT NULL,
    inbound INTEGER NOT NULL
) STRICT;
CREATE INDEX call_record_account ON call_record (account_id);

-- Which imported events were taken in, so that taking a file in again changes nothing.
CREATE TABLE event_seen (
    digest BLOB NOT NULL PRIMARY KEY,
    account_id BLOB,
    batch_id BLOB,
    kind TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX event_seen_account ON event_seen (account_id);

-- Human work that a ladder asks for.
CREATE TABLE task (
    id BLOB NOT NULL PRIMARY KEY,
    account_id BLOB NOT NULL REFERENCES account (id),
    step_key BLOB NOT NULL UNIQUE,
    kind TEXT NOT NULL,
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    due_on TEXT NOT NULL,
    done_at TEXT
) STRICT;
CREATE INDEX task_account ON task (account_id);

CREATE TABLE attempt (
    id BLOB NOT NULL PRIMARY KEY,
    -- The same debt, cycle, stage, step and occurrence give the same key: nothing is queued twice.
    step_key BLOB NOT NULL UNIQUE,
    account_id BLOB NOT NULL REFERENCES account (id),
    recipient_id BLOB NOT NULL REFERENCES person (id),
    contact_point_id BLOB NOT NULL REFERENCES contact_point (id),
    channel TEXT NOT NULL CHECK (channel IN ('sms', 'email', 'letter')),
    purpose TEXT NOT NULL CHECK (purpose IN ('collection', 'statutory_notice', 'reply', 'service_info')),
    origin TEXT NOT NULL CHECK (origin IN ('campaign', 'collector', 'api')),
    asked_by TEXT NOT NULL,
    stage TEXT NOT NULL,
    step TEXT NOT NULL,
    template TEXT,
    own_subject TEXT,
    own_text TEXT,
    due_at TEXT NOT NULL,
    expires_at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('planned', 'held', 'in_review', 'blocked', 'reserved', 'accepted', 'delivered', 'undelivered', 'not_sent', 'unknown', 'withdrawn')),
    claimed_by BLOB,
    claimed_until TEXT,
    requested_at TEXT NOT NULL,
    reserved_at TEXT,
    settled_at TEXT,
    provider TEXT,
    provider_ref TEXT,
    -- Why it stands where it stands: the findings as JSON, or the reason in a word.
    reason TEXT,
    findings TEXT,
    -- Who approved it in review; doubts no longer stop it, everything else still does.
    approved_by TEXT,
    -- How often the same step was tried before, each time with proof that nothing went out.
    tries INTEGER NOT NULL DEFAULT 0,
    last_record BLOB,
    -- A place in the caps is taken exactly by what has been reserved.
    CHECK (state NOT IN ('reserved', 'accepted', 'delivered', 'undelivered', 'unknown', 'not_sent') OR reserved_at IS NOT NULL),
    CHECK (state NOT IN ('accepted', 'delivered', 'undelivered', 'unknown', 'not_sent') OR settled_at IS NOT NULL),
    CHECK (template IS NOT NULL OR own_text IS NOT NULL)
) STRICT, WITHOUT ROWID;
CREATE INDEX attempt_waiting ON attempt (due_at) WHERE state IN ('planned', 'held');
CREATE INDEX attempt_reserved ON attempt (reserved_at) WHERE state = 'reserved';
CREATE INDEX attempt_account ON attempt (account_id);
CREATE INDEX attempt_recipient ON attempt (recipient_id) WHERE state IN ('planned', 'held', 'in_review', 'blocked');
CREATE INDEX attempt_contact_point ON attempt (contact_point_id) WHERE state IN ('planned', 'held', 'in_review', 'blocked');
CREATE INDEX attempt_provider_ref ON attempt (provider, provider_ref) WHERE provider_ref IS NOT NULL;

CREATE TRIGGER attempt_transition BEFORE UPDATE OF state ON attempt
WHEN OLD.state || '>' || NEW.state NOT IN (
        'planned>held', 'planned>in_review', 'planned>blocked', 'planned>reserved', 'planned>withdrawn',
        'held>held', 'held>in_review', 'held>blocked', 'held>reserved', 'held>withdrawn',
        'in_review>planned', 'in_review>blocked', 'in_review>withdrawn', 'blocked>planned', 'blocked>withdrawn',
        'reserved>accepted', 'reserved>not_sent', 'reserved>unknown', 'unknown>accepted', 'unknown>delivered',
        'unknown>undelivered', 'unknown>not_sent', 'accepted>delivered', 'accepted>undelivered', 'undelivered>delivered',
        'delivered>undelivered')
BEGIN
    SELECT RAISE (ABORT, 'illegal transition of an attempt');
END;

-- One contact that took a place in the caps. Removed only when it is proven that nothing went out.
CREATE TABLE touch (
    id BLOB NOT NULL PRIMARY KEY,
    person_id BLOB NOT NULL,
    account_id BLOB NOT NULL,
    address_id BLOB,
    channel TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('message', 'call_unanswered', 'call_answered', 'conversation')),
    collection INTEGER NOT NULL,
    at TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX touch_person ON touch (person_id, at);
CREATE INDEX touch_account ON touch (account_id, at);
CREATE INDEX touch_address ON touch (address_id, at);

-- What was sent or stopped, and the facts it was made from; erasable beside the log.
CREATE TABLE content (
    attempt_id BLOB NOT NULL PRIMARY KEY REFERENCES attempt (id),
    salt BLOB NOT NULL,
    body TEXT NOT NULL,
    facts TEXT NOT NULL
) STRICT;

-- Which rules were evaluated with which result; one row for each distinct list, named by its hash from the log.
CREATE TABLE trace (
    digest BLOB NOT NULL PRIMARY KEY,
    bytes TEXT NOT NULL
) STRICT;

-- Policies, ladders and templates that were in use, by digest.
CREATE TABLE published (
    digest BLOB NOT NULL PRIMARY KEY,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE receipt (
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    attempt_id BLOB REFERENCES attempt (id),
    status TEXT NOT NULL,
    received_at TEXT NOT NULL,
    PRIMARY KEY (provider, event)
) STRICT;

-- The log. Appended in the transaction of the step it records; the bytes are the truth.
CREATE TABLE evidence (
    position INTEGER NOT NULL PRIMARY KEY,
    record BLOB NOT NULL,
    kind TEXT NOT NULL,
    attempt_id BLOB,
    at TEXT NOT NULL,
    leaf BLOB NOT NULL,
    bytes TEXT NOT NULL
) STRICT;
CREATE INDEX evidence_attempt ON evidence (attempt_id) WHERE attempt_id IS NOT NULL;

CREATE TRIGGER evidence_no_update BEFORE UPDATE ON evidence
BEGIN
    SELECT RAISE (ABORT, 'evidence is append-only');
END;
CREATE TRIGGER evidence_no_delete BEFORE DELETE ON evidence
BEGIN
    SELECT RAISE (ABORT, 'evidence is append-only');
END;
CREATE TRIGGER suppression_no_delete BEFORE DELETE ON suppression
BEGIN
    SELECT RAISE (ABORT, 'suppressions are append-only');
END;
