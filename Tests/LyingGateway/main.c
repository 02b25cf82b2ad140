// SPDX-License-Identifier: Apache-2.0
// lying-gateway - stands in for `sallyport-gateway egress` in a test: starts as that does, and reports what it never did.
//
// Which lie it is, the session's policy says: the name in its first rule, NAME.lie.test. It is told when it is handed
// another policy; some are told when the session is over. It lives until its supervisor ends it or is gone.
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONTROL = 3, ROOM = 64, START = 0x11, POLICY = 0x12, CLOSE = 0x14 };
enum { READY = 0x91, APPLIED = 0x94, UNUSABLE = 0x95, DENIAL = 0x96, ENDED = 0x97, FAILURE = 0x99 };

static char policy[65536];
static const uint8_t nothing[56];

static void report(uint8_t kind, const void *fields, size_t size) {
    uint8_t message[128] = {1, kind};
    memcpy(message + 4, fields, size);
    struct iovec part = {message, 4 + size};
    struct msghdr header = {.msg_iov = &part, .msg_iovlen = 1};
    if (sendmsg(CONTROL, &header, MSG_NOSIGNAL) < 0) _exit(1);
}

static int is(const char *lie) { return strstr(policy, lie) != NULL; }

static void lie(void) {
    // Generation and number of cut connections, each in network order.
    if (is("latest.lie.test")) report(APPLIED, "\xff\xff\xff\xff\0\0\0\0", 8);
    if (is("earlier.lie.test")) report(APPLIED, "\0\0\0\1\0\0\0\0", 8);
    if (is("unasked.lie.test")) {
        report(APPLIED, "\0\0\0\2\0\0\0\0", 8);
        report(UNUSABLE, "\0\0\0\3", 4);
    }
    if (is("again.lie.test")) report(READY, nothing, 0);
    if (is("summary.lie.test")) report(DENIAL, "\0\1a\0\120\0\1b\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 24);
    if (is("failed.lie.test")) report(FAILURE, "\0\1a\0\120\0\1b\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0\1", 24);
    if (is("over.lie.test")) report(ENDED, nothing, sizeof nothing);
    if (is("garbage.lie.test")) report(0x55, nothing, 3);
}

// Takes one command; its kind, or 0 when the supervisor is gone. `first` gets the first descriptor that came along.
static int command(int *first) {
    static char bytes[1024];
    union {
        char space[CMSG_SPACE(ROOM * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec part = {bytes, sizeof bytes};
    struct msghdr header = {
        .msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    ssize_t got = recvmsg(CONTROL, &header, 0);
    struct cmsghdr *note = CMSG_FIRSTHDR(&header);
    if (note && note->cmsg_type == SCM_RIGHTS) memcpy(first, CMSG_DATA(note), sizeof *first);
    return got < 4 ? 0 : bytes[1];
}

int main(void) {
    int document = -1;
    if (command(&document) != START) return 1;
    if (pread(document, policy, sizeof policy - 1, 0) <= 0) return 1;
    report(READY, "", 0);
    for (int kind; (kind = command(&document));) {
        if (kind == POLICY) lie();
        if (kind == CLOSE && is("at-end.lie.test")) report(READY, "", 0);
        if (kind == CLOSE && is("stays.lie.test")) report(ENDED, nothing, sizeof nothing);
    }
    return 0;
}
