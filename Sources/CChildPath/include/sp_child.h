// SPDX-License-Identifier: Apache-2.0
// The launch plan as the child sees it: one flat block of memory, no pointers, nothing of Swift's.
//
// The parent fills the block, calls sp_launch, and leaves the block alone until the child has executed sp-init or ended.
// The child shares the parent's memory (CLONE_VM) while the parent goes on, and so may only make raw system calls and
// write to nothing but its own stack and the block.
#pragma once
#include <stdint.h>
#include <sys/types.h>

#pragma clang assume_nonnull begin

/// Descriptors that the child itself opens live in slots; a step names one as SP_SLOT(k).
#define SP_SLOT_BASE (-1000)
#define SP_SLOT(k) (SP_SLOT_BASE - (k))
#define SP_SLOTS 64
/// No path, no data.
#define SP_NONE 0xffffffffu

/// What one step does. Operands are named as in struct sp_step; unlisted operands are ignored.
enum sp_op {
    SP_WRITE = 1,          ///< write data[len] to fd (cgroup.procs of cgroup v1)
    SP_UNSHARE,            ///< unshare(a)
    SP_WAIT_BYTE,          ///< read one byte from fd; end of file is EPIPE
    SP_IDS,                ///< setgroups(0), setresgid(a), setresuid(b)
    SP_LOOPBACK_UP,        ///< set IFF_UP on lo
    SP_HOSTNAME,           ///< sethostname(data)
    SP_PRIVATE,            ///< make every mount private
    SP_FILESYSTEM,         ///< fsopen(data type), fsconfig(path: "k=v\0k=v\0\0"), fsmount(a) into slot b
    SP_ATTACH,             ///< move_mount(fd, path below the root descriptor)
    SP_ATTACH_AT,          ///< move_mount(fd, absolute path of the old root)
    SP_CLONE_TREE,         ///< open_tree(path, CLONE | a), check dev:ino data, mount_setattr(set b), into slot fd2
    SP_CHDIR_FD,           ///< fchdir(fd); the root that later SP_ATTACH paths are below
    SP_MAKE,              ///< mkdirat or mknodat(fd, path, mode a), owner and group b; a name that exists is left
    SP_OPEN,           ///< open(path below the root descriptor, flags a) into slot b
    SP_READ_ONLY,          ///< mount_setattr(path below cwd, set a), path already a mount point or made one
    SP_MASK,               ///< cover path with a clone of fd (a file) or fd2 (a directory); an absent path is fine
    SP_PIVOT,              ///< pivot_root(".", "."), detach the old root, chdir("/")
    SP_CHDIR,              ///< chdir(path)
    SP_KEYRING,            ///< join a new anonymous session keyring
    SP_RLIMIT,             ///< prlimit(resource a, soft and hard b)
    SP_LANDLOCK_CREATE,    ///< landlock_create_ruleset(data, len) into slot b
    SP_LANDLOCK_ALLOW,     ///< allow access a beneath path (opened in the final tree) in ruleset fd
    SP_LANDLOCK_RESTRICT,  ///< landlock_restrict_self(fd)
    SP_BOUNDING,           ///< drop every capability but mask a from the bounding set
    SP_CAPABILITIES,       ///< permitted and effective = a, inheritable = b, ambient = b
    SP_SECUREBITS,         ///< PR_SET_SECUREBITS a
    SP_NO_NEW_PRIVILEGES,  ///< PR_SET_NO_NEW_PRIVS
    SP_SECCOMP,            ///< load data as sock_filter[]; with a != 0 the listener goes into slot b
    SP_PTY,                ///< new pty in dev/pts: outer end into slot a, inner end into slot b, owner fd (uid)
    SP_SEND,               ///< send slots set in mask a as one SCM_RIGHTS message on fd
    SP_DUP,                ///< dup3(fd, a)
    SP_DEATH_SIGNAL,       ///< PR_SET_PDEATHSIG SIGKILL, then fail with EOWNERDEAD if the pipe fd has hung up
    SP_UNDUMPABLE,         ///< PR_SET_DUMPABLE 0
    SP_SETNS,              ///< setns(fd, a)
    SP_CLOSE_FROM,         ///< close_range(a, ~0) sparing the exec descriptor, which is close-on-exec
    SP_SETSID,             ///< setsid()
    SP_UMASK,              ///< umask(a)
    SP_CLOSE,              ///< close(fd): the child's copy of an end whose hang-up it waits for
    SP_EXIT,               ///< end with status 0: the plan was only a user namespace to be held
    SP_NETLINK,            ///< send data to netlink protocol a, then fail as the first request that the kernel refuses
    SP_SOCKET,             ///< socket(data: struct sp_socket_kind) into slot b
    SP_SOCKET_OPTION,      ///< setsockopt(fd, level a, name b, data)
    SP_SOCKET_FILTER,      ///< attach data, a sock_filter[], to socket fd
    SP_BIND,               ///< bind(fd, data: a socket address)
    SP_LISTEN,             ///< listen(fd, a)
};

/// Operand of SP_SOCKET.
struct sp_socket_kind {
    int32_t domain;
    int32_t type;
    int32_t protocol;
};

struct sp_step {
    uint16_t op;
    uint16_t label;  ///< index into the parent's table of names, for the report
    int32_t fd;
    int32_t fd2;
    uint32_t path;   ///< offset of a NUL-terminated string in the blob, or SP_NONE
    uint32_t data;   ///< offset of bytes in the blob, or SP_NONE
    uint32_t len;
    uint64_t a;
    uint64_t b;
};

struct sp_plan {
    uint64_t clone_flags;
    int32_t cgroup_fd;     ///< CLONE_INTO_CGROUP when in clone_flags
    int32_t exec_fd;       ///< what to execute (fexecve), close-on-exec
    int32_t report_fd;     ///< (label, errno) is written here on failure, close-on-exec
    uint32_t step_count;
    uint32_t argv;         ///< offset of an array of uint32 offsets, ended by SP_NONE
    uint32_t envp;
    uint32_t blob_size;
    uint32_t owner;        ///< to whom the child's user namespace belongs; 0 is the caller
    int32_t stop_fd;       ///< fault point: a byte is written here before stop_label, or -1
    uint16_t exec_label;
    uint16_t stop_label;
    // followed by struct sp_step[step_count], then the blob
};

struct sp_failure {
    uint32_t label;
    int32_t error;
};

/// Starts a child that walks the plan and executes; returns its pid, or -errno if clone failed.
///
/// Returns while the child walks. The block and the one stack that all launches share are the child's until the last copy
/// of `report_fd` is closed, which execve and every end do. `pidfd` receives a pidfd of the child.
/// The plan block must hold argv and envp pointer space: see sp_plan_size.
/// Precondition: every signal is blocked by the calling thread, or the child would run the parent's handlers.
pid_t sp_launch(const struct sp_plan *plan, int32_t *pidfd);

/// Sets the limit on open files of a process inside, soft and hard: 0 or -errno.
///
/// As the owner of its user namespace (0 is the caller), who may do that without CAP_SYS_RESOURCE, which root of a
/// container often lacks. prlimit(2)
long sp_limit_files(uint32_t owner, pid_t pid, uint64_t files);

/// Walks a plan without clone and exec, in the calling thread: 0, or -1 with `failure` filled.
///
/// `slots` receives the descriptors that the steps made, -1 where none: the caller's to close, after a failure too.
/// For steps that need a namespace which the thread has entered and a child would have no right over.
int32_t sp_walk_here(const struct sp_plan *plan, int32_t *slots, struct sp_failure *failure);

/// The name of an operation in printed plans, or NULL.
const char *_Nullable sp_op_name(uint16_t op);

#pragma clang assume_nonnull end
