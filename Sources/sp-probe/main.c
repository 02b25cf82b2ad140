// SPDX-License-Identifier: Apache-2.0
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

// An attempt that hangs is a broken attempt; the parent would otherwise wait for ever.
#define ATTEMPT_SECONDS 20
#define TABLES 10

static const struct sp_table *table(size_t index) {
    static const struct sp_table *const all[TABLES] = {
        &sp_setup_table,   &sp_mount_table,   &sp_procfs_table, &sp_privilege_table, &sp_kernel_table,
        &sp_foreign_table, &sp_syscall_table, &sp_socket_table, &sp_resource_table,  &sp_terminal_table,
    };
    return all[index];
}

/// Moves a control's child to where the effect of a success cannot hurt the host.
static int enter_scratch(unsigned flags) {
    int namespaces = CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS;
    if (!(flags & SP_HOST_NETWORK)) namespaces |= CLONE_NEWNET;
    if (unshare(namespaces) != 0) return -errno;
    // Without this, mounts of the control would propagate to the host. mount_namespaces(7)
    if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) return -errno;
    if (mount("scratch", "/tmp", "tmpfs", 0, "size=64m") != 0) return -errno;
    if (mkdir("/tmp/scratch", 0777) != 0 || chdir("/tmp/scratch") != 0) return -errno;
    return 0;
}

static void in_child(const struct sp_probe *probe, struct sp_outcome *out, int control) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    alarm(ATTEMPT_SECONDS);
    if (control) {
        int entered = enter_scratch(probe->flags);
        if (entered < 0) {
            sp_broken(out, -entered, "cannot enter scratch namespaces; a control needs root on the host");
            return;
        }
        sp_world.control = 1;
        sp_world.target = sp_spawn_idle();
        if (probe->prepare) probe->prepare(probe);
    }
    probe->attempt(out, probe);
}

static struct sp_outcome attempt(const struct sp_probe *probe, int control) {
    struct sp_outcome result = {0};
    // The child may be killed by a filter at any call, so its verdict lies in shared memory, not in an exit code.
    struct sp_outcome *out =
        mmap(NULL, sizeof *out, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (out == MAP_FAILED) {
        sp_broken(&result, errno, "no memory for the verdict");
        return result;
    }
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        in_child(probe, out, control);
        _exit(0);
    }
    int status = 0;
    pid_t waited = pid < 0 ? -1 : waitpid(pid, &status, 0);
    result = *out;
    if (pid < 0 || waited < 0)
        sp_broken(&result, errno, "cannot run the attempt in a child");
    else if (WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS)
        sp_observed(&result, "SIGSYS", "%s: killed by the filter", probe->what);
    else if (WIFSIGNALED(status))
        sp_broken(&result, EINTR, "%s: the attempt died of signal %d", probe->what, WTERMSIG(status));
    // What the attempt left behind dies with it and comes to us: pid 1 of a sandbox is under test, not at service.
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR) {}
    munmap(out, sizeof *out);
    return result;
}

static int report_attempt(const struct sp_probe *p) {
    struct sp_outcome o = attempt(p, 0);
    switch (o.kind) {
    case SP_REFUSED: printf("%s\trefused\t%s\t%s\n", p->id, o.name, o.text); return 0;
    case SP_MISSING: printf("%s\tnot-applicable\t%s\n", p->id, o.text); return 0;
    case SP_ESCAPED: printf("%s\tESCAPE:%s\t%s\n", p->id, p->id, o.text); return 1;
    case SP_NOTHING: printf("%s\tbroken\tNONE\tno verdict\n", p->id); return 2;
    case SP_BROKEN: printf("%s\tbroken\t%s\t%s\n", p->id, o.name, o.text); return 2;
    }
    return 2;
}

/// An errno by which a kernel without the feature answers.
static int means_missing(const struct sp_probe *p, const char *name) {
    static const char *const always[] = {"ENOSYS", "EAFNOSUPPORT", "EPROTONOSUPPORT", "ESOCKTNOSUPPORT", "ENODEV",
                                         "EOPNOTSUPP", "ENXIO"};
    for (size_t i = 0; i < sizeof always / sizeof always[0]; i++)
        if (strcmp(name, always[i]) == 0) return 1;
    if ((p->flags & SP_PATH_MAY_BE_MISSING) && strcmp(name, "ENOENT") == 0) return 1;
    // CAP_SYS_RESOURCE is capability 24; asked of the kernel, so that a machine which has it cannot be excused.
    if ((p->flags & SP_NEEDS_SYS_RESOURCE) && prctl(PR_CAPBSET_READ, 24, 0, 0, 0) == 0) return 1;
    return 0;
}

static int report_control(const struct sp_probe *p) {
    struct sp_outcome o = attempt(p, 1);
    switch (o.kind) {
    case SP_ESCAPED: printf("%s\tworks\t%s\n", p->id, o.text); return 0;
    case SP_MISSING: printf("%s\tnot-applicable\t%s\n", p->id, o.text); return 0;
    case SP_REFUSED:
        if (means_missing(p, o.name)) {
            printf("%s\tnot-applicable\t%s without any sandbox: %s\n", p->id, o.name, o.text);
            return 0;
        }
        printf("%s\tbroken\t%s\trefused without any sandbox: %s\n", p->id, o.name, o.text);
        return 2;
    case SP_NOTHING: printf("%s\tbroken\tNONE\tno verdict\n", p->id); return 2;
    case SP_BROKEN: printf("%s\tbroken\t%s\t%s\n", p->id, o.name, o.text); return 2;
    }
    return 2;
}

/// Whether an id is named by a word: itself, or its row (K01 names K01a and K01b).
static int named(const char *id, const char *word) {
    size_t length = strlen(word);
    return strcmp(id, word) == 0 || (length == 3 && strncmp(id, word, 3) == 0);
}

static int each(const char *word, int (*report)(const struct sp_probe *)) {
    int worst = 0, found = 0;
    for (size_t t = 0; t < TABLES; t++)
        for (size_t i = 0; i < table(t)->count; i++) {
            const struct sp_probe *p = &table(t)->rows[i];
            if (word && !named(p->id, word)) continue;
            found = 1;
            int code = report(p);
            if (code > worst) worst = code;
        }
    if (!found) {
        fprintf(stderr, "sp-probe: no attempt is named \"%s\". See: sp-probe list\n", word ? word : "");
        return 2;
    }
    return worst;
}

static int list_plain(const struct sp_probe *p) { return printf("%s\t%s\n", p->id, p->what) < 0; }
static int list_json(const struct sp_probe *p) {
    return printf("{\"id\":\"%s\",\"row\":\"%.3s\",\"what\":\"%s\"}\n", p->id, p->id, p->what) < 0;
}

static int usage(void) {
    fputs("usage: sp-probe list [--json] | run ID... | all | control [ID...]\n"
          "       sp-probe bomb KIND [LIMIT] | do ACTION ARGS... | filter PID\n"
          "run and all are for inside a sandbox, control and filter for root outside of it.\n",
          stderr);
    return 2;
}

int main(int argc, char **argv) {
    if (argc < 2) return usage();
    const char *verb = argv[1];
    if (strcmp(verb, "list") == 0) return each(NULL, argc > 2 ? list_json : list_plain);
    if (strcmp(verb, "bomb") == 0) return sp_bomb(argc - 2, argv + 2);
    if (strcmp(verb, "do") == 0) return sp_action(argc - 2, argv + 2);
    if (strcmp(verb, "filter") == 0 && argc == 3) return sp_filter_dump(argv[2]);
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    int control = strcmp(verb, "control") == 0;
    if (strcmp(verb, "all") == 0) return each(NULL, report_attempt);
    if (control && argc == 2) return each(NULL, report_control);
    if (!control && strcmp(verb, "run") != 0) return usage();
    int worst = 0;
    for (int i = 2; i < argc; i++) {
        int code = each(argv[i], control ? report_control : report_attempt);
        if (code > worst) worst = code;
    }
    return argc > 2 ? worst : usage();
}
