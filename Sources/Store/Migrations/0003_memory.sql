-- SPDX-License-Identifier: Apache-2.0
-- What repositories are remembered by. Not bound to tasks or blueprints: it outlives both.

CREATE TABLE memory (
    -- The full-text index refers to it.
    number INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    repository TEXT NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('fact', 'episode', 'procedure', 'review_rule')),
    text TEXT NOT NULL,
    trust TEXT NOT NULL CHECK (trust IN ('operator', 'observed', 'maintainer', 'claimed')),
    status TEXT NOT NULL CHECK (status IN ('active', 'proposed', 'quarantined')),
    source TEXT NOT NULL,
    sha256 TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    expires_ms INTEGER NOT NULL,
    note TEXT,
    -- The same said again is the same item.
    UNIQUE (repository, kind, sha256)
) STRICT;

CREATE INDEX memory_by_source ON memory (source);
CREATE INDEX memory_by_expiry ON memory (expires_ms);

-- The same words, to be found by; by the number of their row. Written beside it and not by triggers: a schema that is not
-- trusted may not reach a virtual table. fts5.html; pragma.html, "trusted_schema"
CREATE VIRTUAL TABLE memory_text USING fts5 (text, tokenize = 'porter unicode61');

CREATE TRIGGER memory_words_stand BEFORE UPDATE OF text, sha256, source, repository ON memory
BEGIN SELECT raise(ABORT, 'what is remembered is removed or added, and never rewritten'); END;
