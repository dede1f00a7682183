-- Money is kept in hundredths, moments in UTC as text. Each table's rules hold whatever the code above it does.

CREATE TABLE orders (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('open', 'shipped', 'delivered', 'returned')),
    placed_at TEXT NOT NULL,
    customer_name TEXT NOT NULL,
    customer_email TEXT NOT NULL,
    account_owner TEXT NOT NULL,
    currency TEXT NOT NULL CHECK (currency = 'EUR'),
    total INTEGER NOT NULL CHECK (total > 0),
    refunded INTEGER NOT NULL DEFAULT 0 CHECK (refunded BETWEEN 0 AND total),
    note TEXT NOT NULL
) STRICT;

CREATE TABLE order_lines (
    order_id TEXT NOT NULL REFERENCES orders (id),
    position INTEGER NOT NULL,
    article TEXT NOT NULL,
    description TEXT NOT NULL,
    quantity INTEGER NOT NULL CHECK (quantity > 0),
    unit_price INTEGER NOT NULL CHECK (unit_price > 0),
    PRIMARY KEY (order_id, position)
) STRICT;

CREATE TABLE refunds (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('paid', 'cancelled')),
    order_id TEXT NOT NULL REFERENCES orders (id),
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    reason TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL
) STRICT;
CREATE INDEX refunds_of_order ON refunds (order_id);

CREATE TABLE purchases (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('ordered', 'cancelled')),
    supplier TEXT NOT NULL,
    item TEXT NOT NULL,
    amount INTEGER NOT NULL CHECK (amount > 0),
    currency TEXT NOT NULL,
    cost_centre TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL
) STRICT;

-- One row for each copy of a mail: the sender's, and one in each mailbox that it was delivered to.
CREATE TABLE mail (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    folder TEXT NOT NULL CHECK (folder IN ('inbox', 'sent', 'drafts')),
    sender TEXT NOT NULL,
    recipients TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    in_reply_to TEXT,
    at TEXT NOT NULL
) STRICT;
CREATE INDEX mail_of_owner ON mail (owner, folder, at);

-- What left the company.
CREATE TABLE outbox (
    id TEXT PRIMARY KEY,
    sender TEXT NOT NULL,
    recipient TEXT NOT NULL,
    subject TEXT NOT NULL,
    body TEXT NOT NULL,
    at TEXT NOT NULL
) STRICT;

CREATE TABLE entries (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('planned', 'cancelled')),
    owner TEXT NOT NULL,
    title TEXT NOT NULL,
    starts TEXT NOT NULL,
    ends TEXT NOT NULL CHECK (ends > starts),
    location TEXT NOT NULL
) STRICT;

CREATE TABLE attendees (
    entry_id TEXT NOT NULL REFERENCES entries (id),
    user TEXT NOT NULL,
    PRIMARY KEY (entry_id, user)
) STRICT;

CREATE TABLE access_grants (
    id TEXT PRIMARY KEY,
    version INTEGER NOT NULL DEFAULT 1,
    state TEXT NOT NULL CHECK (state IN ('active', 'revoked')),
    user TEXT NOT NULL,
    system TEXT NOT NULL,
    until TEXT NOT NULL,
    made_by TEXT NOT NULL,
    made_at TEXT NOT NULL
) STRICT;

-- The journal: one row for each effect, written in the transaction of the effect, with the reply for whoever asks again.
CREATE TABLE effect (
    id TEXT PRIMARY KEY,
    at TEXT NOT NULL,
    key TEXT NOT NULL,
    operation TEXT NOT NULL,
    sub TEXT NOT NULL,
    body_digest TEXT NOT NULL,
    request_digest TEXT NOT NULL,
    status INTEGER NOT NULL,
    etag TEXT,
    reply TEXT NOT NULL,
    UNIQUE (sub, key)
) STRICT;

CREATE TABLE used_tokens (
    issuer TEXT NOT NULL,
    jti TEXT NOT NULL,
    expires INTEGER NOT NULL,
    PRIMARY KEY (issuer, jti)
) STRICT;
