-- SPDX-License-Identifier: Apache-2.0
-- What sessions tell and ask. Never edited after a release.

-- How many of the session's news became events.
ALTER TABLE tasks ADD COLUMN news INTEGER NOT NULL DEFAULT 0 CHECK (news >= 0);
-- Who decides what for this task; null: its order does.
ALTER TABLE tasks ADD COLUMN approval_policy TEXT;

ALTER TABLE approvals ADD COLUMN attempt INTEGER NOT NULL DEFAULT 1 CHECK (attempt >= 1);
-- As the session of that attempt named it; null: no session waits for it.
ALTER TABLE approvals ADD COLUMN question TEXT;
-- Act, subject and observed facts.
ALTER TABLE approvals ADD COLUMN asked TEXT NOT NULL DEFAULT '{}';
ALTER TABLE approvals ADD COLUMN severity TEXT NOT NULL DEFAULT 'medium' CHECK (severity IN ('low', 'medium', 'high'));
ALTER TABLE approvals ADD COLUMN decided_ms INTEGER;

CREATE INDEX approvals_pending ON approvals (created_ms) WHERE status = 'PENDING';
