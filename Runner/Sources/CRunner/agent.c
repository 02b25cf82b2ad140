// SPDX-License-Identifier: Apache-2.0
#include "sp_agent.h"
#include "sp_runner.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

_Static_assert(SP_NO_SUCH_NAME == ENOENT && SP_LEADS_OUT == EXDEV && SP_NO_DIRECTORY == ENOTDIR && SP_NOT_A_FILE == EINVAL &&
                   SP_TOO_LONG == EFBIG,
               "the numbers of Linux");

long sp_is_confined(void) {
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 && prctl(PR_GET_SECCOMP) == 2;
}

// Waits for one event on a socket; 0 when it came.
static long await_socket(int fd, short events, int64_t deadline_ms) {
    struct pollfd polled = {.fd = fd, .events = events};
    for (;;) {
        int64_t left = deadline_ms - sp_milliseconds();
        if (left <= 0) return -ETIME;
        int ready = poll(&polled, 1, left > INT32_MAX ? INT32_MAX : (int)left);
        if (ready > 0) return 0;
        if (ready < 0 && errno != EINTR) return -errno;
    }
}

static long dial_address(const struct addrinfo *address, int64_t deadline_ms) {
    int fd = socket(address->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) return -errno;
    long result = connect(fd, address->ai_addr, address->ai_addrlen) < 0 ? -errno : 0;
    if (result == -EINPROGRESS) {
        result = await_socket(fd, POLLOUT, deadline_ms);
        int error = 0;
        socklen_t length = sizeof error;
        if (result == 0 && getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length) == 0) result = -error;
    }
    if (result == 0) return fd;
    close(fd);
    return result;
}

long sp_dial(const char *host, const char *port, int64_t deadline_ms) {
    struct addrinfo wanted = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM}, *found = NULL;
    int failed = getaddrinfo(host, port, &wanted, &found);
    if (failed) return failed == EAI_NONAME || failed == EAI_NODATA ? -ENOENT : -EAGAIN;
    long result = -ENOENT;
    for (const struct addrinfo *at = found; at && result < 0; at = at->ai_next) result = dial_address(at, deadline_ms);
    freeaddrinfo(found);
    return result;
}

long sp_send_all(int fd, const char *bytes, size_t count, int64_t deadline_ms) {
    while (count > 0) {
        ssize_t done = send(fd, bytes, count, MSG_NOSIGNAL);
        if (done < 0 && errno == EAGAIN) {
            long waited = await_socket(fd, POLLOUT, deadline_ms);
            if (waited < 0) return waited;
        } else if (done < 0 && errno != EINTR) {
            return -errno;
        } else if (done > 0) {
            bytes += done;
            count -= (size_t)done;
        }
    }
    return 0;
}

long sp_receive(int fd, char *buffer, size_t room, int64_t deadline_ms) {
    for (;;) {
        ssize_t got = recv(fd, buffer, room, 0);
        if (got >= 0) return got;
        if (errno == EINTR) continue;
        if (errno != EAGAIN) return -errno;
        long waited = await_socket(fd, POLLIN, deadline_ms);
        if (waited < 0) return waited;
    }
}

long sp_make_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC) < 0 ? -errno : 0; }
void sp_close(int fd) { close(fd); }
long sp_current_directory(char *buffer, size_t room) { return getcwd(buffer, room) ? 0 : -errno; }

// From linux/openat2.h, which musl does not have.
struct open_how {
    uint64_t flags, mode, resolve;
};
enum { RESOLVE_NO_MAGICLINKS = 0x02, RESOLVE_BENEATH = 0x08 };

static long open_below(int directory, const char *path, int flags) {
    struct open_how how = {
        .flags = (uint64_t)(flags | O_CLOEXEC), .mode = flags & O_CREAT ? 0644 : 0,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(SYS_openat2, directory, path, &how, sizeof how);
    return fd < 0 ? -errno : fd;
}

long sp_open_below(const char *path, enum sp_opening how) {
    switch (how) {
    // Not to wait for a writer of a fifo, nor to be its terminal's.
    case SP_READ: return open_below(AT_FDCWD, path, O_RDONLY | O_NONBLOCK | O_NOCTTY);
    case SP_WRITE: return open_below(AT_FDCWD, path, O_WRONLY | O_CREAT | O_TRUNC | O_NONBLOCK | O_NOCTTY);
    case SP_DIRECTORY: return open_below(AT_FDCWD, path, O_RDONLY | O_DIRECTORY);
    }
    return -EINVAL;
}

long sp_make_parents(const char *path) {
    int directory = (int)open_below(AT_FDCWD, ".", O_RDONLY | O_DIRECTORY);
    if (directory < 0) return directory;
    for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
        char name[256];
        size_t length = (size_t)(slash - path);
        long next = length == 0 || length >= sizeof name ? -ENAMETOOLONG : 0;
        if (next == 0) {
            memcpy(name, path, length);
            name[length] = 0;
            next = mkdirat(directory, name, 0755) < 0 && errno != EEXIST ? -errno : open_below(directory, name, O_RDONLY | O_DIRECTORY);
        }
        close(directory);
        if (next < 0) return next;
        directory = (int)next;
    }
    close(directory);
    return 0;
}

int64_t sp_file_size(int fd) {
    struct stat status;
    if (fstat(fd, &status) < 0) return -errno;
    if (S_ISDIR(status.st_mode)) return -EISDIR;
    return S_ISREG(status.st_mode) ? status.st_size : -EINVAL;
}

long sp_read_all(int fd, char *buffer, size_t room) {
    size_t used = 0;
    while (used < room) {
        ssize_t got = read(fd, buffer + used, room - used);
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return -errno;
        if (got == 0) break;
        used += (size_t)got;
    }
    return (long)used;
}

static char kind(unsigned char type) {
    return type == DT_DIR ? 'd' : type == DT_REG ? 'f' : type == DT_LNK ? 'l' : 'o';
}

long sp_list_directory(int fd, char *buffer, size_t room) {
    DIR *directory = fdopendir(fd);
    if (!directory) {
        int error = errno;
        close(fd);
        return -error;
    }
    size_t used = 0;
    long result = 0;
    struct dirent *entry;
    while (result == 0 && (entry = readdir(directory))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        size_t length = strlen(entry->d_name) + 1;
        if (used + 1 + length > room) {
            result = -EFBIG;
            continue;
        }
        buffer[used++] = kind(entry->d_type);
        memcpy(buffer + used, entry->d_name, length);
        used += length;
    }
    closedir(directory);
    return result < 0 ? result : (long)used;
}
