// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdarg.h>
#include <stddef.h>
#include <sys/types.h>

// Escape attempts, one per threat row of docs/threats.md that can be tried from inside a sandbox.
//
// The same function is the attack and its positive control. Inside a sandbox it has to be refused. As root on the
// host, in throw-away namespaces, it has to succeed: an attempt that never succeeds anywhere proves nothing.

#pragma clang assume_nonnull begin

enum sp_kind {
    SP_NOTHING,  // the attempt ended without saying how: an internal error, never a pass
    SP_REFUSED,  // the kernel said no, or there was nothing to reach
    SP_ESCAPED,  // the attempt got what it must not get
    SP_MISSING,  // this kernel or machine has no such door; the text is the reason
    SP_BROKEN,   // the attempt could not be made
};

struct sp_outcome {
    enum sp_kind kind;
    char name[24];   // errno name, or a word for what was observed (ABSENT, EMPTY, SIGSYS)
    char text[256];
};

struct sp_probe;
typedef void (*sp_attempt)(struct sp_outcome *o, const struct sp_probe *p);

struct sp_probe {
    const char *id;                 // row of the catalogue and a suffix: K01a, K14.bpf
    const char *what;               // the attempt in one phrase
    sp_attempt attempt;
    void (*_Nullable prepare)(const struct sp_probe *p);  // control only: put in place what the attempt looks for
    const char *_Nullable path;
    long a, b, c;
    unsigned flags;
};

// The door may be missing on the host: ENOENT in a control means not applicable instead of broken.
#define SP_PATH_MAY_BE_MISSING 1u
// Needs CAP_SYS_RESOURCE, which some virtual machines withhold from root.
#define SP_NEEDS_SYS_RESOURCE 2u
// The control looks at the host's own network, which it does not change.
#define SP_HOST_NETWORK 4u

struct sp_table {
    const struct sp_probe *rows;
    size_t count;
};

// What an attempt acts on. Inside: pid 1. In a control: a child made for the purpose.
struct sp_world {
    int control;
    pid_t target;
};
extern struct sp_world sp_world;


void sp_refused(struct sp_outcome *o, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));
void sp_observed(struct sp_outcome *o, const char *word, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
void sp_escaped(struct sp_outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sp_missing(struct sp_outcome *o, const char *format, ...) __attribute__((format(printf, 2, 3)));
void sp_broken(struct sp_outcome *o, int error, const char *format, ...) __attribute__((format(printf, 3, 4)));

/// Result of one call: negative errno is a refusal, anything else an escape.
void sp_verdict(struct sp_outcome *o, long result, const char *what);

/// As sp_verdict, but any errno except EPERM and ENOSYS means that the kernel's own code was reached.
void sp_reached(struct sp_outcome *o, long result, const char *what);

/// A system call by number; -errno on failure.
long sp_call(long number, long a, long b, long c, long d, long e, long f);

/// Forks a child that waits until its parent is gone; returns its pid.
pid_t sp_spawn_idle(void);

/// Reads a whole small file; returns its length or -errno. Always ends in NUL.
long sp_slurp(const char *path, char *buffer, size_t size);

const char *sp_errno_name(int error);

int sp_bomb(int argc, char *_Nonnull *_Nonnull argv);
int sp_action(int argc, char *_Nonnull *_Nonnull argv);
int sp_filter_dump(const char *pid);

extern const struct sp_table sp_setup_table, sp_mount_table, sp_procfs_table, sp_privilege_table, sp_kernel_table,
    sp_foreign_table, sp_syscall_table, sp_socket_table, sp_resource_table, sp_terminal_table;

#define SP_TABLE(rows) {(rows), sizeof(rows) / sizeof((rows)[0])}

#pragma clang assume_nonnull end
