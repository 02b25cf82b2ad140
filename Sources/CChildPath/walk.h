// SPDX-License-Identifier: Apache-2.0
#pragma once
#include "sp_child.h"

struct sp_walk_state {
    const struct sp_plan *plan;
    const struct sp_step *steps;
    const char *blob;
    int32_t slots[SP_SLOTS];
    int32_t root;  // what SP_ATTACH paths are below; -1 until SP_CHDIR_FD
};

/// Walks the plan in the child and executes; never returns.
__attribute__((noreturn, used)) void sp_walk(const struct sp_plan *plan);

/// One step: 0 or -errno. Split by subject over the step_*.c files.
long sp_step_mount(struct sp_walk_state *w, const struct sp_step *s);
long sp_step_privilege(struct sp_walk_state *w, const struct sp_step *s);
long sp_step_process(struct sp_walk_state *w, const struct sp_step *s);
long sp_step_network(struct sp_walk_state *w, const struct sp_step *s);

static inline int32_t sp_fd(const struct sp_walk_state *w, int32_t fd) {
    return fd <= SP_SLOT_BASE && fd > SP_SLOT_BASE - SP_SLOTS ? w->slots[SP_SLOT_BASE - fd] : fd;
}
static inline const char *sp_path(const struct sp_walk_state *w, const struct sp_step *s) {
    return s->path == SP_NONE ? "" : w->blob + s->path;
}
static inline const void *sp_data(const struct sp_walk_state *w, const struct sp_step *s) {
    return s->data == SP_NONE ? 0 : (const void *)(w->blob + s->data);
}
/// Puts a new descriptor into a slot, above the numbers that later SP_DUP steps use.
long sp_keep(struct sp_walk_state *w, uint64_t slot, long fd);
