# SPDX-License-Identifier: Apache-2.0
"""System calls that Python 3.11 has no name for, and the commands that set up the two namespaces."""
import ctypes
import os
import signal
import subprocess

import plan

CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWNET = 0x00020000, 0x20000000, 0x40000000
MS_REC, MS_PRIVATE, MS_BIND = 16384, 1 << 18, 4096
PR_SET_PDEATHSIG = 1

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(result, what):
    if result != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"cannot {what}: {os.strerror(code)}")


def unshare(flags):
    _checked(_libc.unshare(flags), "unshare namespaces")


def mount(source, target, kind, flags, data=None):
    encoded = [None if text is None else text.encode() for text in (source, target, kind)]
    _checked(_libc.mount(*encoded, ctypes.c_ulong(flags), None if data is None else data.encode()), f"mount {target}")


def die_with_parent():
    """For the first thread of a process whose parent is alive: the parent waits for a byte of it before it goes on."""
    _checked(_libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "ask for a signal at the parent's end")


def _ip(text, *options):
    subprocess.run(["ip", *options, "-batch", "-"], input=text, text=True, check=True)


def _settings(values):
    for name, value in values.items():
        with open(f"/proc/sys/net/{name}", "w") as file:
            file.write(value)


def set_up_host(internet_pid):
    """In the host's namespace: one link, everything by its gateway."""
    _ip(f"""link set lo up
link add h0 type veth peer name i0 netns {internet_pid}
address add {plan.HOST4}/24 dev h0
address add {plan.MARKER4}/24 dev h0
address add {plan.HOST6}/64 dev h0 nodad
address add {plan.MARKER6}/64 dev h0 nodad
link set h0 up
route add default via {plan.GATEWAY4} src {plan.HOST4}
""")
    _ip(f"route add default via {plan.GATEWAY6} src {plan.HOST6}\n", "-6")


def set_up_internet():
    """In the other: every address is local but those of the host.

    The local table is asked after a rule for the host's own addresses: it could not hold both a route for everything
    and an exception from it.
    """
    _ip(f"""link set lo up
address add {plan.GATEWAY4}/24 dev i0
address add {plan.GATEWAY6}/64 dev i0 nodad
link set i0 up
""")
    for version, all_, hosts in (("-4", "0.0.0.0/0", (plan.HOST4, plan.MARKER4)),
                                 ("-6", "::/0", (plan.HOST6, plan.MARKER6))):
        exceptions = "".join(f"rule add pref 10 to {host} lookup main\n" for host in hosts)
        _ip("rule add pref 20 lookup local\nrule del pref 0\n" + exceptions + f"route add local {all_} dev lo\n", version)
    _settings({"ipv4/conf/all/rp_filter": "0", "ipv4/conf/i0/rp_filter": "0", "ipv6/ip_nonlocal_bind": "1"})
