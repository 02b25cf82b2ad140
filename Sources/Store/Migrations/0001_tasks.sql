-- SPDX-License-Identifier: Apache-2.0
-- Tasks with their events, journal, approvals and timers. Times are milliseconds since 1970. Never edited after a release.

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    owner TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN (
        'PENDING_UPLOADS', 'QUEUED', 'SUBMITTED', 'HYDRATING', 'RUNNING', 'AWAITING_APPROVAL', 'FINALIZING',
        'COMPLETED', 'FAILED', 'CANCELLED', 'TIMED_OUT')),
    -- What counts against the caps: there is no counter that could drift.
    holds_slot INTEGER NOT NULL CHECK (holds_slot IN (0, 1)),
    request TEXT NOT NULL,
    -- Of all owners: one that another owner used is refused, not answered.
    idempotency_key TEXT UNIQUE,
    attempt INTEGER NOT NULL CHECK (attempt >= 1),
    compute TEXT NOT NULL,
    session TEXT UNIQUE,
    handle TEXT,
    report TEXT,
    failure TEXT,
    cancelled_by TEXT,
    repository TEXT,
    branch TEXT,
    -- The blueprint as it was when the task was taken, and its SHA-256; null for a task without one.
    blueprint TEXT,
    blueprint_hash TEXT,
    created_ms INTEGER NOT NULL,
    updated_ms INTEGER NOT NULL,
    status_ms INTEGER NOT NULL,
    deadline_ms INTEGER,
    revision INTEGER NOT NULL,
    CHECK (holds_slot = 0 OR status IN ('SUBMITTED', 'HYDRATING', 'RUNNING', 'AWAITING_APPROVAL', 'FINALIZING')),
    CHECK (holds_slot = 1 OR status NOT IN ('HYDRATING', 'RUNNING', 'AWAITING_APPROVAL', 'FINALIZING'))
) STRICT, WITHOUT ROWID;

CREATE INDEX tasks_with_slot ON tasks (owner) WHERE holds_slot = 1;
CREATE INDEX tasks_by_status ON tasks (status, created_ms, id);
CREATE INDEX tasks_by_repository ON tasks (repository, created_ms) WHERE repository IS NOT NULL;
CREATE INDEX tasks_by_branch ON tasks (branch) WHERE branch IS NOT NULL;

CREATE TABLE events (
    task TEXT NOT NULL REFERENCES tasks (id),
    seq INTEGER NOT NULL,
    wall_ms INTEGER NOT NULL,
    monotonic_ms INTEGER NOT NULL,
    type TEXT NOT NULL,
    source TEXT NOT NULL CHECK (source IN ('observed', 'claimed')),
    payload TEXT NOT NULL,
    -- SHA-256 of the event before, and of this one with that: the last one stands for all.
    previous TEXT NOT NULL,
    digest TEXT NOT NULL,
    PRIMARY KEY (task, seq)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER events_are_dense BEFORE INSERT ON events
WHEN new.seq <> 1 + coalesce((SELECT max(seq) FROM events WHERE task = new.task), 0)
BEGIN SELECT raise(ABORT, 'events of a task count from 1 without gaps'); END;

CREATE TRIGGER events_never_change BEFORE UPDATE ON events
BEGIN SELECT raise(ABORT, 'events never change'); END;

CREATE TABLE journal (
    task TEXT NOT NULL REFERENCES tasks (id),
    attempt INTEGER NOT NULL,
    step TEXT NOT NULL,
    try INTEGER NOT NULL CHECK (try >= 1),
    state TEXT NOT NULL CHECK (state IN ('began', 'completed', 'failed')),
    input TEXT NOT NULL,
    output TEXT NOT NULL,
    started_ms INTEGER NOT NULL,
    ended_ms INTEGER,
    PRIMARY KEY (task, attempt, step, try)
) STRICT, WITHOUT ROWID;

CREATE TABLE approvals (
    task TEXT NOT NULL REFERENCES tasks (id),
    request TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('plan', 'gate')),
    subject TEXT NOT NULL,
    status TEXT NOT NULL CHECK (status IN ('PENDING', 'APPROVED', 'DENIED', 'TIMED_OUT', 'STRANDED')),
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    decided_by TEXT,
    reason TEXT,
    PRIMARY KEY (task, request)
) STRICT, WITHOUT ROWID;

CREATE TRIGGER decisions_stand BEFORE UPDATE OF status ON approvals
WHEN old.status <> 'PENDING' AND new.status <> old.status
BEGIN SELECT raise(ABORT, 'a decision stands'); END;

CREATE TABLE timers (
    task TEXT NOT NULL REFERENCES tasks (id),
    kind TEXT NOT NULL,
    due_ms INTEGER NOT NULL,
    PRIMARY KEY (task, kind)
) STRICT, WITHOUT ROWID;

CREATE INDEX timers_by_due ON timers (due_ms);
