// SPDX-License-Identifier: Apache-2.0
// Section 4.4 with K08: typing into somebody else's terminal, and requests hidden in the upper half of an argument.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

/// A terminal of our own as controlling terminal, or standard input where none can be made.
static int own_terminal(void) {
    setsid();
    int outer = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    char name[64];
    if (outer < 0 || unlockpt(outer) != 0 || ptsname_r(outer, name, sizeof name) != 0) return 0;
    int inner = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (inner < 0) return 0;
    ioctl(inner, TIOCSCTTY, 0);
    return inner;
}

static void request(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = own_terminal();
    // Taken as a byte or as a number, by the request.
    int value = p->b ? (int)p->b : '\n';
    long r = sp_call(SYS_ioctl, fd, p->a, (long)&value, 0, 0, 0);
    // The driver of anything but a virtual console answers ENOTTY: then the request was let through.
    if (r == -ENOTTY || r == -EINVAL)
        return sp_escaped(o, "%s reached the driver: %s", p->what, sp_errno_name((int)-r));
    sp_verdict(o, r, p->what);
}

// T01. The caller's terminal itself: neither as controlling terminal nor as a descriptor.
static void controlling_terminal(struct sp_outcome *o, const struct sp_probe *p) {
    int fd = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
    sp_verdict(o, fd < 0 ? -errno : fd, p->what);
}
static void take_terminal(const struct sp_probe *p) {
    (void)p;
    own_terminal();
}

// T06. Whatever pid 1 reports its result on must be out of reach.
static void forge_result(struct sp_outcome *o, const struct sp_probe *p) {
    for (int n = 0; n < 32; n++) {
        char path[64];
        snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)sp_world.target, n);
        int fd = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd >= 0) return sp_escaped(o, "%s is open for writing", path);
        if (errno != ENOENT && errno != ENXIO) return sp_refused(o, errno, "open %s", path);
    }
    sp_refused(o, ENOENT, "%s", p->what);
}

#define HIGH (1L << 32)
#define LINUX 0x541CL
#define REQUEST(id, what, number, byte) {id, what, request, NULL, NULL, number, byte, 0, 0}
static const struct sp_probe rows[] = {
    REQUEST("T01a", "push a byte by TIOCSTI", TIOCSTI, 0),
    {"T01b", "open the controlling terminal", controlling_terminal, take_terminal, NULL, 0, 0, 0, 0},
    REQUEST("T02a", "paste by TIOCLINUX", LINUX, 3),
    REQUEST("T02b", "put another line discipline on a terminal", TIOCSETD, 27 /* N_NULL */),
    REQUEST("T03a", "TIOCSTI with a bit above the low 32", HIGH | TIOCSTI, 0),
    REQUEST("T03b", "TIOCLINUX with a bit above the low 32", HIGH | LINUX, 3),
    REQUEST("K08a", "TIOCSTI with the upper half set", (long)0xffffffff00000000UL | TIOCSTI, 0),
    REQUEST("K08b", "TIOCLINUX with the upper half set", (long)0xffffffff00000000UL | LINUX, 3),
    REQUEST("K29e", "TIOCCONS, the console's output to a terminal of our own", 0x541DL, 0),
    {"T06a", "write to a descriptor of pid 1", forge_result, NULL, NULL, 0, 0, 0, 0},
};
const struct sp_table sp_terminal_table = SP_TABLE(rows);
