// SPDX-License-Identifier: Apache-2.0
// K05, K06: system calls by the numbers of another architecture, entered from 64-bit code. A filter that looks at
// the number only would read 102 as getuid while the kernel runs socketcall.
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#if defined(__x86_64__)

#define X32_BIT 0x40000000L

/// A call of the i386 table. Pointers have to lie below 4 GiB: the entry keeps 32 bits of each register.
static long call_i386(long number, long a, long b, long c) {
    long result;
    __asm__ volatile("int $0x80"
                     : "=a"(result)
                     : "a"(number), "b"(a), "c"(b), "d"(c)
                     : "memory", "r8", "r9", "r10", "r11");
    return (long)(int)result;
}

static unsigned *low_memory(struct sp_outcome *o) {
    unsigned *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_32BIT, -1, 0);
    if (page != MAP_FAILED) return page;
    sp_broken(o, errno, "no memory below 4 GiB");
    return NULL;
}

static void i386_plain(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, call_i386(p->a, 0, 0, 0), p->what);
}

static void i386_socketcall(struct sp_outcome *o, const struct sp_probe *p) {
    unsigned *page = low_memory(o);
    if (!page) return;
    page[0] = (unsigned)p->a;
    page[1] = (unsigned)p->b;
    page[2] = 0;
    sp_verdict(o, call_i386(102, 1 /* SYS_SOCKET */, (long)page, 0), p->what);
}

static void i386_open(struct sp_outcome *o, const struct sp_probe *p) {
    unsigned *page = low_memory(o);
    if (!page) return;
    page[0] = '/';
    sp_verdict(o, call_i386(5, (long)page, O_RDONLY, 0), p->what);
}

static void i386_execve(struct sp_outcome *o, const struct sp_probe *p) {
    unsigned *page = low_memory(o);
    if (!page) return;
    // "/x" does not exist: ENOENT says that the call was made.
    page[0] = '/' | 'x' << 8;
    sp_reached(o, call_i386(11, (long)page, 0, 0), p->what);
}

static void x32_plain(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(X32_BIT | p->a, 0, 0, 0, 0, 0, 0), p->what);
}

static void x32_socket(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(X32_BIT | SYS_socket, p->a, p->b, 0, 0, 0, 0), p->what);
}

#define FAMILY_ALG 38
static const struct sp_probe rows[] = {
    {"K05b", "AF_ALG by the i386 socketcall", i386_socketcall, NULL, NULL, FAMILY_ALG, 5, 0, 0},
    {"K05c", "AF_ALG by the x32 socket call", x32_socket, NULL, NULL, FAMILY_ALG, 5, 0, 0},
    {"K05d", "a unix socket by the i386 socketcall", i386_socketcall, NULL, NULL, 1, 1, 0, 0},
    {"K06a", "i386 getpid", i386_plain, NULL, NULL, 20, 0, 0, 0},
    {"K06b", "i386 open of /", i386_open, NULL, NULL, 0, 0, 0, 0},
    {"K06c", "i386 execve", i386_execve, NULL, NULL, 0, 0, 0, 0},
    {"K06d", "x32 getpid", x32_plain, NULL, NULL, SYS_getpid, 0, 0, 0},
    {"K06e", "x32 with the number of its own ioctl", x32_plain, NULL, NULL, 514, 0, 0, 0},
    {"K07b", "socketcall, which libseccomp would allow along with socket", i386_socketcall, NULL, NULL, 2, 1, 0, 0},
};

#else

static void one_table(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    sp_missing(o, "64-bit code of this architecture enters the kernel by one table only");
}
static const struct sp_probe rows[] = {
    {"K05b", "AF_ALG by another architecture's call", one_table, NULL, NULL, 0, 0, 0, 0},
    {"K06a", "a call of another architecture", one_table, NULL, NULL, 0, 0, 0, 0},
};

#endif

const struct sp_table sp_foreign_table = SP_TABLE(rows);
