-- SPDX-License-Identifier: Apache-2.0
-- What an operator should look at: raised once, cleared once. Never edited after a release.

CREATE TABLE alarms (
    kind TEXT NOT NULL CHECK (kind IN ('stuck', 'stop_unconfirmed', 'backlog', 'failures', 'disk')),
    -- Empty for one of no single task. Without a reference: what was raised is kept as long as the operator's figures are.
    task TEXT NOT NULL,
    detail TEXT NOT NULL,
    raised_ms INTEGER NOT NULL,
    cleared_ms INTEGER CHECK (cleared_ms >= raised_ms)
) STRICT;

-- The same is raised only where it does not hold already.
CREATE UNIQUE INDEX alarms_that_hold ON alarms (kind, task) WHERE cleared_ms IS NULL;
CREATE INDEX alarms_by_time ON alarms (raised_ms);
