// SPDX-License-Identifier: Apache-2.0
// K05, K17-K24, R45: socket families, netlink, unix sockets, System V objects.
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static void family(struct sp_outcome *o, const struct sp_probe *p) {
    sp_verdict(o, sp_call(SYS_socket, p->a, p->b, p->c, 0, 0, 0), p->what);
}
static void pair(struct sp_outcome *o, const struct sp_probe *p) {
    int fds[2];
    sp_verdict(o, sp_call(SYS_socketpair, p->a, p->b, p->c, (long)fds, 0, 0), p->what);
}

// K18. ROUTE may be asked, since getifaddrs does; it may not be told.
static void add_link(struct sp_outcome *o, const struct sp_probe *p) {
    struct {
        struct nlmsghdr header;
        struct ifinfomsg link;
    } request = {
        .header = {.nlmsg_len = sizeof request, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK},
        .link = {.ifi_index = 1, .ifi_change = IFF_UP, .ifi_flags = (unsigned)p->a},
    };
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0) return sp_refused(o, errno, "netlink route socket");
    struct {
        struct nlmsghdr header;
        struct nlmsgerr error;
        char rest[512];
    } answer;
    if (send(fd, &request, sizeof request, 0) < 0) return sp_refused(o, errno, "send RTM_NEWLINK");
    if (recv(fd, &answer, sizeof answer, 0) < (ssize_t)(sizeof answer.header + sizeof(int)))
        return sp_broken(o, errno, "no answer to RTM_NEWLINK");
    sp_verdict(o, answer.error.error, p->what);
}

// K20. Abstract names belong to a network namespace; these are the ones that gave hosts away. CVE-2020-15257
static socklen_t unix_address(struct sockaddr_un *address, const char *path) {
    *address = (struct sockaddr_un){.sun_family = AF_UNIX};
    size_t length = strnlen(path, sizeof address->sun_path - 1);
    memcpy(address->sun_path, path, length);
    if (path[0] == '@') address->sun_path[0] = 0;
    return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length);
}
static void connect_unix(struct sp_outcome *o, const struct sp_probe *p) {
    struct sockaddr_un address;
    socklen_t length = unix_address(&address, p->path);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) return sp_refused(o, errno, "unix socket");
    sp_verdict(o, connect(fd, (struct sockaddr *)&address, length) == 0 ? 0 : -errno, p->what);
}
// For the control, the listener that the attempt looks for. Nothing of the host lies under these names after umount.
static void listen_unix(const struct sp_probe *p) {
    struct sockaddr_un address;
    socklen_t length = unix_address(&address, p->path);
    if (p->path[0] != '@') {
        char parent[128];
        snprintf(parent, sizeof parent, "%s", p->path);
        *strrchr(parent, '/') = 0;
        // The directory gets a tmpfs of its own first: the host's must not gain a socket.
        if (mkdir(parent, 0755) != 0 && errno != EEXIST) _exit(9);
        if (sp_call(SYS_mount, (long)"probe", (long)parent, (long)"tmpfs", 0, 0, 0) < 0) _exit(9);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) != 0 || listen(fd, 1) != 0) _exit(9);
}

// R45. Everything that can be connected to without knowing a name.
static void visible_unix(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    FILE *file = fopen("/proc/net/unix", "re");
    if (!file) return sp_refused(o, errno, "open /proc/net/unix");
    char line[512];
    int seen = 0;
    if (!fgets(line, sizeof line, file)) return sp_broken(o, EIO, "/proc/net/unix has no heading");
    while (fgets(line, sizeof line, file)) {
        char *at = strpbrk(line, "@/");
        if (!at) continue;
        at[strcspn(at, "\n")] = 0;
        seen++;
        return sp_escaped(o, "a named socket is visible: %.100s", at);
    }
    fclose(file);
    sp_observed(o, "ABSENT", "%d named sockets in this network namespace", seen);
}
static void visible_tcp(struct sp_outcome *o, const struct sp_probe *p) {
    FILE *file = fopen(p->path, "re");
    if (!file) return sp_refused(o, errno, "open %s", p->path);
    char line[512];
    if (!fgets(line, sizeof line, file)) return sp_broken(o, EIO, "%s has no heading", p->path);
    if (fgets(line, sizeof line, file)) return sp_escaped(o, "a socket of another process: %.60s", line);
    fclose(file);
    sp_observed(o, "ABSENT", "no socket in %s", p->path);
}
static void listen_tcp(const struct sp_probe *p) {
    int fd = socket((int)p->a, SOCK_STREAM, 0);
    if (fd < 0 || listen(fd, 1) != 0) _exit(9);
}
static void other_interfaces(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    for (unsigned i = 1; i < 256; i++) {
        char name[IF_NAMESIZE];
        if (if_indextoname(i, name) && strcmp(name, "lo") != 0) return sp_escaped(o, "interface %s", name);
    }
    sp_observed(o, "ABSENT", "no interface but lo");
}
// Echo sockets are for the groups of a range that is empty in a new network namespace. icmp(7)
static void allow_echo(const struct sp_probe *p) {
    (void)p;
    int fd = open("/proc/sys/net/ipv4/ping_group_range", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "0 0", 3) != 3) _exit(9);
    close(fd);
}

// K22. A descriptor can only be imported over a socket that leads outside.
static void granted_socket(struct sp_outcome *o, const struct sp_probe *p) {
    (void)p;
    for (int fd = 0; fd < 64; fd++) {
        struct stat st;
        if (fstat(fd, &st) == 0 && S_ISSOCK(st.st_mode)) return sp_escaped(o, "descriptor %d is a socket", fd);
    }
    sp_observed(o, "ABSENT", "no descriptor is a socket");
}
static void grant_socket(const struct sp_probe *p) {
    (void)p;
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) != 0) _exit(9);
}

// K24. Objects named by keys live in the ipc namespace.
static void ipc_objects(struct sp_outcome *o, const struct sp_probe *p) {
    FILE *file = fopen(p->path, "re");
    if (!file) return sp_refused(o, errno, "open %s", p->path);
    char line[512];
    if (!fgets(line, sizeof line, file)) return sp_broken(o, EIO, "%s has no heading", p->path);
    if (fgets(line, sizeof line, file)) return sp_escaped(o, "an object of another process: %.60s", line);
    fclose(file);
    sp_observed(o, "ABSENT", "no object in %s", p->path);
}
static void make_ipc_object(const struct sp_probe *p) {
    (void)p;
    if (shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) < 0) _exit(9);
}
static void open_queue(struct sp_outcome *o, const struct sp_probe *p) {
    long r = sp_call(SYS_mq_open, (long)"sp-probe", O_RDONLY, 0, 0, 0, 0);
    sp_verdict(o, r, p->what);
}
static void make_queue(const struct sp_probe *p) {
    (void)p;
    if (sp_call(SYS_mq_open, (long)"sp-probe", O_CREAT | O_RDWR, 0600, 0, 0, 0) < 0) _exit(9);
}

#define FAMILY(id, what, family_, type, protocol) {id, what, family, NULL, NULL, family_, type, protocol, 0}
#define UNIX(id, path) {id, "connect to " path, connect_unix, listen_unix, path, 0, 0, 0, 0}
static const struct sp_probe rows[] = {
    FAMILY("K05a", "AF_ALG", 38, SOCK_SEQPACKET, 0),
    FAMILY("K17a", "AF_VSOCK stream", 40, SOCK_STREAM, 0),
    FAMILY("K17b", "AF_VSOCK datagram", 40, SOCK_DGRAM, 0),
    FAMILY("K18a", "netlink audit", AF_NETLINK, SOCK_RAW, NETLINK_AUDIT),
    FAMILY("K18b", "netlink kobject uevent", AF_NETLINK, SOCK_RAW, NETLINK_KOBJECT_UEVENT),
    FAMILY("K18c", "netlink netfilter", AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER),
    FAMILY("K18d", "netlink xfrm", AF_NETLINK, SOCK_RAW, NETLINK_XFRM),
    FAMILY("K18e", "netlink crypto", AF_NETLINK, SOCK_RAW, NETLINK_CRYPTO),
    FAMILY("K18f", "netlink sock_diag", AF_NETLINK, SOCK_RAW, NETLINK_SOCK_DIAG),
    FAMILY("K18g", "netlink generic", AF_NETLINK, SOCK_RAW, NETLINK_GENERIC),
    FAMILY("K18h", "netlink connector", AF_NETLINK, SOCK_RAW, NETLINK_CONNECTOR),
    FAMILY("K18i", "netlink usersock", AF_NETLINK, SOCK_RAW, NETLINK_USERSOCK),
    FAMILY("K18j", "netlink rdma", AF_NETLINK, SOCK_RAW, NETLINK_RDMA),
    {"K18k", "change a link by netlink route", add_link, NULL, NULL, 0, 0, 0, 0},
    FAMILY("K19a", "AF_PACKET", AF_PACKET, SOCK_RAW, 0),
    FAMILY("K19b", "raw IPv4", AF_INET, SOCK_RAW, IPPROTO_ICMP),
    FAMILY("K19c", "raw IPv6", AF_INET6, SOCK_RAW, IPPROTO_ICMPV6),
    FAMILY("K19d", "AF_BLUETOOTH", AF_BLUETOOTH, SOCK_RAW, 1),
    FAMILY("K19e", "AF_CAN", AF_CAN, SOCK_RAW, 1),
    FAMILY("K19f", "AF_TIPC", AF_TIPC, SOCK_STREAM, 0),
    FAMILY("K19g", "AF_RDS", AF_RDS, SOCK_SEQPACKET, 0),
    FAMILY("K19h", "AF_KCM", AF_KCM, SOCK_DGRAM, 0),
    FAMILY("K19i", "AF_XDP", 44, SOCK_RAW, 0),
    FAMILY("K19j", "AF_NFC", AF_NFC, SOCK_STREAM, 0),
    FAMILY("K19k", "AF_SMC", 43, SOCK_STREAM, 0),
    FAMILY("K19l", "SCTP", AF_INET, SOCK_STREAM, IPPROTO_SCTP),
    FAMILY("K19m", "DCCP", AF_INET, 6, 33),
    FAMILY("K19n", "MPTCP", AF_INET, SOCK_STREAM, 262),
    FAMILY("K19o", "UDP-Lite", AF_INET, SOCK_DGRAM, 136),
    {"K19p", "ICMP echo datagrams", family, allow_echo, NULL, AF_INET, SOCK_DGRAM, IPPROTO_ICMP, 0},
    FAMILY("K19q", "AF_KEY", AF_KEY, SOCK_RAW, 2),
    FAMILY("K19r", "AF_PPPOX", AF_PPPOX, SOCK_STREAM, 0),
    FAMILY("K19s", "AF_QIPCRTR", 42, SOCK_DGRAM, 0),
    FAMILY("K19t", "AF_IB", 27, SOCK_STREAM, 0),
    {"K19u", "a socket pair of another family", pair, NULL, NULL, 30 /* AF_TIPC */, SOCK_STREAM, 0, 0},
    FAMILY("K19v", "a family above the low 32 bits", (1L << 32) | 40, SOCK_STREAM, 0),
    UNIX("K20a", "@/containerd-shim/sp-probe.sock"),
    UNIX("K20b", "@/tmp/.X11-unix/X0"),
    UNIX("K20c", "@/tmp/dbus-sp-probe"),
    UNIX("K21a", "/run/docker.sock"),
    UNIX("K21b", "/run/dbus/system_bus_socket"),
    UNIX("K21c", "/run/systemd/private"),
    UNIX("K21d", "/run/containerd/containerd.sock"),
    UNIX("K21e", "/tmp/.X11-unix/X0"),
    UNIX("K21f", "/run/sallyport/control.sock"),
    {"K22a", "find a socket that leads outside", granted_socket, grant_socket, NULL, 0, 0, 0, 0},
    {"K24a", "find shared memory of the host", ipc_objects, make_ipc_object, "/proc/sysvipc/shm", 0, 0, 0, 0},
    {"K24b", "open a message queue of the host", open_queue, make_queue, NULL, 0, 0, 0, 0},
    {"R45a", "find a named unix socket", visible_unix, listen_unix, "@sp-probe-R45", 0, 0, 0, 0},
    {"R45b", "find a listener on IPv4", visible_tcp, listen_tcp, "/proc/net/tcp", AF_INET, 0, 0, 0},
    {"R45c", "find a listener on IPv6", visible_tcp, listen_tcp, "/proc/net/tcp6", AF_INET6, 0, 0, 0},
    {"R46a", "find an interface that leads outside", other_interfaces, NULL, NULL, 0, 0, 0, SP_HOST_NETWORK},
};
const struct sp_table sp_socket_table = SP_TABLE(rows);
