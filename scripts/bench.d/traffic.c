// SPDX-License-Identifier: Apache-2.0
// One end of a network path that scripts/bench egress measures; static, so that it runs in any root.
//
//   traffic serve PORT                              answers one byte for each, or sends as many as it is asked for
//   traffic latency HOST PORT COUNT [VIA]           microseconds: connect and first byte (p10, median), then an open connection
//   traffic bulk HOST PORT MEGABYTES [VIA]          megabytes a second of one download
//   traffic names SERVER NAME SECONDS               DNS answers a second, 32 questions on their way
//   traffic burst SERVER NAME COUNT                 the same for so many answers: fewer than the session's cap lets through
//   traffic echo                                    answers every datagram to port 53 with itself, marked as an answer
//
// VIA is `HOST:PORT` for a CONNECT request through HOST PORT.
#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static void fail(const char *what) {
    fprintf(stderr, "traffic: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static double now_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

static void write_all(int fd, const void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, (const char *)bytes + done, size - done);
        if (n <= 0) fail("write");
        done += (size_t)n;
    }
}

static void read_all(int fd, void *bytes, size_t size) {
    for (size_t done = 0; done < size;) {
        ssize_t n = read(fd, (char *)bytes + done, size - done);
        if (n <= 0) fail("read");
        done += (size_t)n;
    }
}

// ---- server -------------------------------------------------------------------------------------------------------

static void *answer(void *argument) {
    int fd = (int)(intptr_t)argument;
    static char block[1 << 18];
    char byte;
    while (read(fd, &byte, 1) == 1) {
        if (byte == 'e') {
            if (write(fd, &byte, 1) != 1) break;
            continue;
        }
        uint64_t left = 0;
        if (read(fd, &left, sizeof left) != sizeof left) break;
        while (left > 0) {
            ssize_t n = write(fd, block, left < sizeof block ? left : sizeof block);
            if (n <= 0) break;
            left -= (uint64_t)n;
        }
    }
    close(fd);
    return NULL;
}

static _Noreturn void serve(int port) {
    int on = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1024) < 0) fail("listen");
    puts("ready");
    fflush(stdout);
    for (;;) {
        int fd = accept(listener, NULL, NULL);
        if (fd < 0) continue;
        setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        pthread_t thread;
        pthread_attr_t small;
        pthread_attr_init(&small);
        pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
        pthread_attr_setstacksize(&small, 65536);
        if (pthread_create(&thread, &small, answer, (void *)(intptr_t)fd) != 0) close(fd);
    }
}

// ---- client -------------------------------------------------------------------------------------------------------

static struct addrinfo *target;

static void find(const char *host, const char *port) {
    struct addrinfo hints = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
    int error = getaddrinfo(host, port, &hints, &target);
    if (error != 0) {
        fprintf(stderr, "traffic: cannot find %s: %s\n", host, gai_strerror(error));
        exit(1);
    }
}

static int dial(const char *via) {
    int on = 1, fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(fd, target->ai_addr, target->ai_addrlen) < 0) fail("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    if (via != NULL) {
        char text[512];
        int size = snprintf(text, sizeof text, "CONNECT %s HTTP/1.1\r\nHost: %s\r\n\r\n", via, via);
        write_all(fd, text, (size_t)size);
        char last[4] = {0};
        while (memcmp(last, "\r\n\r\n", 4) != 0) {
            memmove(last, last + 1, 3);
            read_all(fd, last + 3, 1);
        }
    }
    return fd;
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void latency(int count, const char *via) {
    double *first = calloc((size_t)count, sizeof *first), *open = calloc((size_t)count, sizeof *open);
    char byte = 'e';
    for (int i = 0; i < count; i++) {
        double begun = now_us();
        int fd = dial(via);
        write_all(fd, &byte, 1);
        read_all(fd, &byte, 1);
        first[i] = now_us() - begun;
        close(fd);
    }
    int fd = dial(via);
    for (int i = 0; i < count; i++) {
        double begun = now_us();
        write_all(fd, &byte, 1);
        read_all(fd, &byte, 1);
        open[i] = now_us() - begun;
    }
    qsort(first, (size_t)count, sizeof *first, compare);
    qsort(open, (size_t)count, sizeof *open, compare);
    printf("%.1f %.1f %.1f\n", first[count / 10], first[count / 2], open[count / 10]);
}

static void bulk(uint64_t megabytes, const char *via) {
    static char block[1 << 18];
    int fd = dial(via);
    uint64_t left = megabytes << 20;
    char request[9] = {'b'};
    memcpy(request + 1, &left, 8);
    double begun = now_us();
    write_all(fd, request, sizeof request);
    while (left > 0) {
        ssize_t n = read(fd, block, left < sizeof block ? left : sizeof block);
        if (n <= 0) fail("read");
        left -= (uint64_t)n;
    }
    printf("%.1f\n", (double)megabytes * 1e6 / (now_us() - begun));
}

static void names(const char *server, const char *name, double seconds, uint64_t most) {
    unsigned char question[512] = {0, 0, 1, 0, 0, 1};
    size_t size = 12;
    for (const char *label = name; *label;) {
        size_t length = strcspn(label, ".");
        question[size++] = (unsigned char)length;
        memcpy(question + size, label, length);
        size += length;
        label += length + (label[length] == '.');
    }
    question[size + 2] = 1;  // after the root label: type A, class IN
    question[size + 4] = 1;
    size += 5;
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)};
    inet_pton(AF_INET, server, &to.sin_addr);
    if (connect(fd, (struct sockaddr *)&to, sizeof to) < 0) fail("connect");
    uint64_t answers = 0;
    int under_way = 0;
    double end = now_us() + seconds * 1e6, begun = now_us();
    while (now_us() < end && answers < most) {
        while (under_way < 32 && answers + (uint64_t)under_way < most && write(fd, question, size) > 0) under_way++;
        struct pollfd ready = {.fd = fd, .events = POLLIN};
        // What the resolver's own rate limit dropped never comes.
        if (poll(&ready, 1, 20) == 0) under_way = 0;
        unsigned char reply[512];
        while (recv(fd, reply, sizeof reply, MSG_DONTWAIT) > 0) {
            answers++;
            if (under_way > 0) under_way--;
        }
    }
    printf("%.0f\n", (double)answers * 1e6 / (now_us() - begun));
}

// The least that a resolver can do: what an answer costs the kernel.
static _Noreturn void echo(void) {
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(53)};
    if (bind(fd, (struct sockaddr *)&address, sizeof address) < 0) fail("bind");
    puts("ready");
    fflush(stdout);
    for (;;) {
        unsigned char bytes[512];
        struct sockaddr_in from;
        socklen_t size = sizeof from;
        ssize_t n = recvfrom(fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
        if (n < 3) continue;
        bytes[2] |= 0x80;
        sendto(fd, bytes, (size_t)n, 0, (struct sockaddr *)&from, size);
    }
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "echo") == 0) echo();
    if (argc == 3 && strcmp(argv[1], "serve") == 0) serve(atoi(argv[2]));
    if (argc == 5 && strcmp(argv[1], "names") == 0) return names(argv[2], argv[3], atoi(argv[4]), UINT64_MAX), 0;
    if (argc == 5 && strcmp(argv[1], "burst") == 0) return names(argv[2], argv[3], 10, (uint64_t)atoll(argv[4])), 0;
    if (argc < 5) return fputs("usage: see the head of scripts/bench.d/traffic.c\n", stderr), 2;
    find(argv[2], argv[3]);
    const char *via = argc > 5 ? argv[5] : NULL;
    if (strcmp(argv[1], "latency") == 0) latency(atoi(argv[4]), via);
    else bulk((uint64_t)atoll(argv[4]), via);
    return 0;
}
