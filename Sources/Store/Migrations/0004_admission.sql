-- SPDX-License-Identifier: Apache-2.0
-- Admission: what a task waits for, what it is given of the host, what it may spend. Never edited after a release.

ALTER TABLE tasks ADD COLUMN priority INTEGER NOT NULL DEFAULT 5 CHECK (priority BETWEEN 0 AND 9);
-- When the attempt was asked for: the place within a priority.
ALTER TABLE tasks ADD COLUMN arrived_ms INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET arrived_ms = created_ms;
-- When the attempt took its slot.
ALTER TABLE tasks ADD COLUMN admitted_ms INTEGER;
ALTER TABLE tasks ADD COLUMN waits_for TEXT CHECK (
    waits_for IN ('dependencies', 'slots', 'capacity', 'pressure', 'budget'));
ALTER TABLE tasks ADD COLUMN waits_detail TEXT;
UPDATE tasks SET waits_for = 'slots', waits_detail = 'a slot' WHERE status = 'QUEUED';
-- Promised to the task while it holds a slot. What ran before this migration was promised the platform's default.
ALTER TABLE tasks ADD COLUMN memory_bytes INTEGER NOT NULL DEFAULT 2147483648 CHECK (memory_bytes >= 0);
ALTER TABLE tasks ADD COLUMN cpu_milli INTEGER NOT NULL DEFAULT 1000 CHECK (cpu_milli >= 0);
ALTER TABLE tasks ADD COLUMN disk_bytes INTEGER NOT NULL DEFAULT 4294967296 CHECK (disk_bytes >= 0);
-- The most that the attempt may spend, in micro-dollars; null where nothing bounds it.
ALTER TABLE tasks ADD COLUMN budget_micro INTEGER CHECK (budget_micro >= 0);
-- What the blueprint gives its repository for a day and a month.
ALTER TABLE tasks ADD COLUMN repository_day_micro INTEGER;
ALTER TABLE tasks ADD COLUMN repository_month_micro INTEGER;
-- Who said that nothing of it may be removed.
ALTER TABLE tasks ADD COLUMN held_by TEXT;

CREATE INDEX tasks_in_queue ON tasks (priority DESC, arrived_ms, id) WHERE status = 'QUEUED';
CREATE INDEX tasks_by_owner ON tasks (owner, created_ms);

-- A task names only tasks that were there before it, so there can be no circle.
CREATE TABLE dependencies (
    task TEXT NOT NULL REFERENCES tasks (id),
    parent TEXT NOT NULL REFERENCES tasks (id),
    PRIMARY KEY (task, parent)
) STRICT, WITHOUT ROWID;

CREATE INDEX dependencies_by_parent ON dependencies (parent);

-- What tasks take of budgets: the sum of a period is what is taken of it, and there is no counter that could drift. Without
-- a reference to the task, since a period may outlive it.
CREATE TABLE budget_entries (
    budget TEXT NOT NULL,
    -- 2026-11-22 or 2026-11, in UTC.
    period TEXT NOT NULL,
    task TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    reserved_micro INTEGER NOT NULL CHECK (reserved_micro >= 0),
    -- Null until it is known; counts instead of what was reserved from then on.
    spent_micro INTEGER CHECK (spent_micro >= 0),
    PRIMARY KEY (budget, period, task, attempt)
) STRICT, WITHOUT ROWID;

CREATE INDEX budget_entries_by_task ON budget_entries (task, attempt);

-- Which thresholds of which period were told, so that each is told once.
CREATE TABLE budget_marks (
    budget TEXT NOT NULL,
    period TEXT NOT NULL,
    percent INTEGER NOT NULL CHECK (percent IN (80, 100)),
    task TEXT NOT NULL,
    at_ms INTEGER NOT NULL,
    PRIMARY KEY (budget, period, percent)
) STRICT, WITHOUT ROWID;

-- What the daemon itself has to do at a time.
CREATE TABLE chores (
    kind TEXT PRIMARY KEY,
    due_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
