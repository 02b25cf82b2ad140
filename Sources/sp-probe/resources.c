// SPDX-License-Identifier: Apache-2.0
// Section 4.3 as seen from inside: what is measured, and the bombs that the limits have to stop.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024L * 1024L)

// L06. A tmpfs without a size takes half of the host's memory. tmpfs(5)
static void unsized(struct sp_outcome *o, const struct sp_probe *p) {
    struct statvfs fs;
    if (statvfs(p->path, &fs) != 0) return sp_refused(o, errno, "statvfs %s", p->path);
    if (fs.f_blocks == 0 || fs.f_files == 0) return sp_escaped(o, "%s has no limit", p->path);
    uint64_t bytes = (uint64_t)fs.f_blocks * fs.f_frsize;
    if (bytes > 1024UL * MIB) return sp_escaped(o, "%s holds %llu bytes", p->path, (unsigned long long)bytes);
    sp_observed(o, "ABSENT", "%s is limited to %llu bytes and %llu files", p->path, (unsigned long long)bytes,
                (unsigned long long)fs.f_files);
}
static void no_limit(const struct sp_probe *p) {
    // size=0 and nr_inodes=0 mean no limit at all.
    if (sp_call(SYS_mount, (long)"probe", (long)p->path, (long)"tmpfs", 0, (long)"size=0,nr_inodes=0", 0) < 0) _exit(9);
}

// L08. A limit that can be raised is none.
static void raise_limit(struct sp_outcome *o, const struct sp_probe *p) {
    struct rlimit limit;
    if (getrlimit((int)p->a, &limit) != 0) return sp_broken(o, errno, "getrlimit");
    if (limit.rlim_max == RLIM_INFINITY) return sp_escaped(o, "%s: there is none", p->what);
    limit.rlim_cur = limit.rlim_max = limit.rlim_max + 1;
    sp_verdict(o, setrlimit((int)p->a, &limit) == 0 ? 0 : -errno, p->what);
}

// L08. What all processes of the host take from one store, without a group that counts it.
static void take_requests(struct sp_outcome *o, const struct sp_probe *p) {
    unsigned long context = 0;  // ends with this process
    sp_verdict(o, sp_call(SYS_io_setup, 1, (long)&context, 0, 0, 0, 0), p->what);
}
// Without a reservation, so that it succeeds on a host that has set no pages aside.
static void map_huge(struct sp_outcome *o, const struct sp_probe *p) {
    void *m = mmap(NULL, 2 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED && sp_world.control && errno == EINVAL) return sp_missing(o, "EINVAL without hugetlbfs");
    sp_verdict(o, m == MAP_FAILED ? -errno : 0, p->what);
}
static void huge_file(struct sp_outcome *o, const struct sp_probe *p) {
    long fd = sp_call(SYS_memfd_create, (long)"huge", MFD_HUGETLB, 0, 0, 0, 0);
    if (fd == -ENOSYS && sp_world.control) return sp_missing(o, "ENOSYS without hugetlbfs");
    sp_verdict(o, fd, p->what);
}
static void lease(struct sp_outcome *o, const struct sp_probe *p) {
    char name[] = "/tmp/sp-probe-XXXXXX";
    int fd = mkstemp(name);
    if (fd < 0) return sp_broken(o, errno, "mkstemp");
    unlink(name);
    sp_verdict(o, fcntl(fd, 1024 /* F_SETLEASE */, F_WRLCK) == 0 ? 0 : -errno, p->what);
}

// The bombs say how far they came: "stopped ERRNO amount" by an error, "unbounded amount" at their own limit; a kill
// says itself. A control runs them with a small limit: they must reach it.

struct bomb {
    long limit, reached;
    int error;
};

static int keep(struct bomb *b, long result) {
    if (result < 0) {
        b->error = errno;
        return 0;
    }
    return ++b->reached < b->limit;
}

static void fork_bomb(struct bomb *b, const char *path) {
    (void)path;
    pid_t pid;
    do pid = sp_spawn_idle();
    while (keep(b, pid));
}

static void fill_memory(void *at, size_t bytes) {
    for (size_t i = 0; i < bytes; i += 4096) ((volatile char *)at)[i] = 1;
}
static void heap_bomb(struct bomb *b, const char *path) {
    (void)path;
    for (;;) {
        void *m = mmap(NULL, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (m != MAP_FAILED) fill_memory(m, MIB);
        if (!keep(b, m == MAP_FAILED ? -1 : 0)) return;
    }
}
static void fill_file(struct bomb *b, int fd) {
    static char block[1024 * 1024];
    memset(block, 'x', sizeof block);
    ssize_t n = -1;
    if (fd >= 0) {
        do n = write(fd, block, sizeof block);
        while (keep(b, n));
    } else
        keep(b, -1);
}
static void memfd_bomb(struct bomb *b, const char *path) {
    (void)path;
    fill_file(b, (int)syscall(SYS_memfd_create, "bomb", 0));
}
static void file_bomb(struct bomb *b, const char *path) {
    fill_file(b, open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600));
}
static void allocate_bomb(struct bomb *b, const char *path) {
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    while (keep(b, fd < 0 ? -1 : fallocate(fd, 0, b->reached * MIB, MIB))) {}
}
static void files_bomb(struct bomb *b, const char *path) {
    int fd;
    do {
        char name[512];
        snprintf(name, sizeof name, "%s/%ld", path, b->reached);
        fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        int error = errno;
        if (fd >= 0) close(fd);
        errno = error;
    } while (keep(b, fd));
}
static void deep_bomb(struct bomb *b, const char *path) {
    char name[256];
    memset(name, 'd', 255);
    name[255] = 0;
    int r = chdir(path);
    while (keep(b, r)) {
        r = mkdir(name, 0700);
        if (r == 0) r = chdir(name);
    }
}
static void shm_bomb(struct bomb *b, const char *path) {
    (void)path;
    for (;;) {
        int id = shmget(IPC_PRIVATE, MIB, IPC_CREAT | 0600);
        void *m = id < 0 ? (void *)-1 : shmat(id, NULL, 0);
        if (m != (void *)-1) fill_memory(m, MIB);
        int error = errno;
        // Marked at once: it goes with the last process instead of outliving a control.
        if (id >= 0) shmctl(id, IPC_RMID, NULL);
        errno = error;
        if (!keep(b, m == (void *)-1 ? -1 : 0)) return;
    }
}
static void pipe_bomb(struct bomb *b, const char *path) {
    (void)path;
    static char block[65536];
    for (;;) {
        int fds[2], r = pipe(fds);
        if (r == 0) {
            fcntl(fds[1], F_SETFL, O_NONBLOCK);
            while (write(fds[1], block, sizeof block) > 0) {}
        }
        if (!keep(b, r)) return;
    }
}
// Goes on in a child where this process has no descriptors left; what it holds stays held.
static int next_process(void) {
    if (errno != EMFILE) return 0;
    pid_t pid = fork();
    if (pid < 0) return 0;
    if (pid > 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR) {}
        _exit(0);
    }
    syscall(SYS_close_range, 3, ~0U, 0);
    return 1;
}
static void socket_bomb(struct bomb *b, const char *path) {
    (void)path;
    static char block[65536];
    for (;;) {
        struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
        socklen_t size = sizeof address;
        int door = socket(AF_INET, SOCK_STREAM, 0), out = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), in = -1;
        if (door >= 0 && out >= 0 && bind(door, (struct sockaddr *)&address, size) == 0 && listen(door, 1) == 0 &&
            getsockname(door, (struct sockaddr *)&address, &size) == 0) {
            connect(out, (struct sockaddr *)&address, size);
            in = accept(door, NULL, NULL);
        }
        if (in >= 0) {
            while (write(out, block, sizeof block) > 0) {}
            close(door);
        } else if (next_process()) {
            continue;
        }
        if (!keep(b, in)) return;
    }
}
static void netlink_bomb(struct bomb *b, const char *path) {
    (void)path;
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST, 0, 0}, {.ifi_index = 1}};
    for (;;) {
        int fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
        if (fd < 0 && next_process()) continue;
        // Each answer waits to be read.
        for (int i = 0; fd >= 0 && i < 400; i++)
            if (send(fd, &ask, sizeof ask, MSG_DONTWAIT) < 0) break;
        if (!keep(b, fd)) return;
    }
}
static void open_bomb(struct bomb *b, const char *path) {
    while (keep(b, open(path, O_RDONLY))) {}
}
static void inotify_bomb(struct bomb *b, const char *path) {
    (void)path;
    while (keep(b, inotify_init1(0))) {}
}
static void log_bomb(struct bomb *b, const char *path) {
    (void)path;
    fill_file(b, 1);
}
static void spin_bomb(struct bomb *b, const char *path) {
    (void)path;
    // The limit is milliseconds of processor time; the wall clock says what share was given.
    struct rusage use;
    do getrusage(RUSAGE_SELF, &use);
    while (use.ru_utime.tv_sec * 1000 + use.ru_utime.tv_usec / 1000 + use.ru_stime.tv_sec * 1000 +
               use.ru_stime.tv_usec / 1000 <
           b->limit);
    b->reached = b->limit;
}
static void sleep_bomb(struct bomb *b, const char *path) {
    (void)b;
    (void)path;
    signal(SIGTERM, SIG_IGN);
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    for (;;) pause();
}
static void daemon_bomb(struct bomb *b, const char *path) {
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    if (fork() == 0) {
        setsid();
        if (fork() == 0) {
            setpgid(0, 0);
            // Keeps no pipe of the session, so that only the process itself can hold the session up.
            for (int fd = 0; fd < 3; fd++) close(fd);
            sleep_bomb(b, path);
        }
        _exit(0);
    }
    b->reached = b->limit;
}
static void zombie_bomb(struct bomb *b, const char *path) {
    (void)path;
    pid_t pid;
    do {
        pid = fork();
        if (pid == 0) {
            if (fork() == 0) _exit(0);  // orphaned: pid 1 has to reap it
            _exit(0);
        }
        if (pid > 0) {
            int status;
            while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
        }
    } while (keep(b, pid));
}

static const struct {
    const char *name;
    void (*run)(struct bomb *b, const char *path);
    const char *path;
} bombs[] = {
    {"fork", fork_bomb, ""},           {"heap", heap_bomb, ""},          {"tmpfs", file_bomb, "/tmp/bomb"},
    {"memfd", memfd_bomb, ""},         {"shm", shm_bomb, ""},            {"devshm", file_bomb, "/dev/shm/bomb"},
    {"pipes", pipe_bomb, ""},          {"file", file_bomb, "bomb"},      {"allocate", allocate_bomb, "bomb"},
    {"files", files_bomb, "."},        {"deep", deep_bomb, "."},         {"open", open_bomb, "/dev/null"},
    {"inotify", inotify_bomb, ""},     {"log", log_bomb, ""},            {"spin", spin_bomb, ""},
    {"sleep", sleep_bomb, ""},         {"daemon", daemon_bomb, ""},      {"zombies", zombie_bomb, ""},
    {"tmpfiles", files_bomb, "/tmp"},  {"sockets", socket_bomb, ""},     {"netlink", netlink_bomb, ""},
};

int sp_bomb(int argc, char **argv) {
    if (argc < 1) return 2;
    for (size_t i = 0; i < sizeof bombs / sizeof bombs[0]; i++) {
        if (strcmp(argv[0], bombs[i].name) != 0) continue;
        struct bomb b = {.limit = argc > 1 ? atol(argv[1]) : INT32_MAX};
        bombs[i].run(&b, argc > 2 ? argv[2] : bombs[i].path);
        FILE *out = strcmp(argv[0], "log") == 0 ? stderr : stdout;
        if (b.error)
            fprintf(out, "%s\tstopped\t%s\t%ld\n", argv[0], sp_errno_name(b.error), b.reached);
        else
            fprintf(out, "%s\tunbounded\t%ld\n", argv[0], b.reached);
        if (argc > 3 && strcmp(argv[3], "hold") == 0) {
            char end;
            fflush(out);
            while (read(0, &end, 1) > 0) {}
        }
        return b.error ? 0 : 1;
    }
    fprintf(stderr, "sp-probe: no bomb is named \"%s\"\n", argv[0]);
    return 2;
}

#define LIMIT(id, what, resource) {id, what, raise_limit, NULL, NULL, resource, 0, 0, SP_NEEDS_SYS_RESOURCE}
static const struct sp_probe rows[] = {
    {"L06a", "find /tmp without a limit", unsized, no_limit, "/tmp", 0, 0, 0, 0},
    {"L06b", "find /dev/shm without a limit", unsized, no_limit, "/dev/shm", 0, 0, 0, 0},
    LIMIT("L08a", "raise the limit on open files", RLIMIT_NOFILE),
    LIMIT("L08b", "raise the limit on core files", RLIMIT_CORE),
    {"L08c", "take of the host's asynchronous requests", take_requests, NULL, NULL, 0, 0, 0, 0},
    {"L08d", "map a huge page", map_huge, NULL, NULL, 0, 0, 0, 0},
    {"L08e", "make a file of huge pages", huge_file, NULL, NULL, 0, 0, 0, 0},
    {"L08f", "hold up who opens a file", lease, NULL, NULL, 0, 0, 0, 0},
};
const struct sp_table sp_resource_table = SP_TABLE(rows);
