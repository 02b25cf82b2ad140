// SPDX-License-Identifier: Apache-2.0
#include <sqlite3.h>

// Variadic, so Swift cannot call it. A trusted file may still have a hostile schema in it: none of its triggers and views may
// call what has effects, and none may rewrite the database's own tables. sqlite3.h, SQLITE_DBCONFIG_DEFENSIVE
static inline int sp_sqlite_defend(sqlite3 *_Nonnull database) {
    int result = sqlite3_db_config(database, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)0);
    if (result != SQLITE_OK) return result;
    return sqlite3_db_config(database, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, (int *)0);
}

// The value is copied before the call returns: Swift has no SQLITE_TRANSIENT.
static inline int sp_sqlite_bind_text(sqlite3_stmt *_Nonnull statement, int index, const char *_Nonnull text, int bytes) {
    return sqlite3_bind_text(statement, index, text, bytes, SQLITE_TRANSIENT);
}
