// SPDX-License-Identifier: Apache-2.0
// K14: calls that a coding task has no use for and that kernel bugs like. Each is made with arguments that do no harm
// when they are let through: an errno other than EPERM or ENOSYS then shows that the kernel's own code was reached.
#include "probe.h"

#include <errno.h>
#include <sys/syscall.h>
#include <unistd.h>

static void plain(struct sp_outcome *o, const struct sp_probe *p) {
    sp_reached(o, sp_call(p->a, p->b, p->c, -1, -1, -1, -1), p->what);
}

// vhangup would hang up the terminal of whoever runs the control.
static void hang_up(struct sp_outcome *o, const struct sp_probe *p) {
    setsid();
    sp_reached(o, sp_call(SYS_vhangup, 0, 0, 0, 0, 0, 0), p->what);
}

#define CALL(name, b, c) {"K14." #name, "call " #name, plain, NULL, NULL, SYS_##name, b, c, 0}
#define BAD (-4096L)
static const struct sp_probe rows[] = {
    CALL(bpf, 0, BAD),
    CALL(perf_event_open, BAD, 0),
    CALL(userfaultfd, 0, 0),
    CALL(kexec_load, 0, 1000),
    CALL(kexec_file_load, -1, -1),
    CALL(init_module, BAD, 16),
    CALL(finit_module, -1, BAD),
    CALL(delete_module, BAD, 0),
    CALL(swapon, BAD, 0),
    CALL(swapoff, BAD, 0),
    CALL(reboot, 0, 0),
    CALL(acct, BAD, 0),
    CALL(quotactl, -1, BAD),
    CALL(quotactl_fd, -1, -1),
    CALL(fanotify_init, -1, -1),
    CALL(memfd_secret, -1, 0),
    CALL(vmsplice, -1, BAD),
    CALL(move_pages, 0, 1),
    CALL(migrate_pages, 0, 1),
    CALL(mbind, 0, 4096),
    CALL(set_mempolicy, -1, BAD),
    CALL(pidfd_getfd, -1, -1),
    CALL(kcmp, 0, 0),
    CALL(mount, BAD, BAD),
    CALL(umount2, BAD, 0),
    CALL(pivot_root, BAD, BAD),
    CALL(chroot, BAD, 0),
    CALL(setns, -1, 0),
    CALL(sethostname, BAD, 4),
    CALL(setdomainname, BAD, 4),
    CALL(settimeofday, BAD, 0),
    CALL(syslog, 1000, 0),
    CALL(name_to_handle_at, -1, BAD),
    CALL(open_by_handle_at, -1, BAD),
    CALL(mount_setattr, -1, BAD),
    CALL(add_key, BAD, BAD),
    CALL(keyctl, 9999, 0),
#if defined(__x86_64__)
    CALL(iopl, 4, 0),
    CALL(ioperm, -1, -1),
    CALL(modify_ldt, 0x99, 0),
    CALL(nfsservctl, 0, 0),
    CALL(lookup_dcookie, 0, 0),
    CALL(create_module, 0, 0),
    CALL(query_module, 0, 0),
    CALL(get_kernel_syms, 0, 0),
    CALL(uselib, BAD, 0),
    CALL(_sysctl, BAD, 0),
    CALL(ustat, -1, BAD),
    CALL(sysfs, 99, 0),
#endif
    {"K14.vhangup", "call vhangup", hang_up, NULL, NULL, 0, 0, 0, 0},
};
const struct sp_table sp_syscall_table = SP_TABLE(rows);
