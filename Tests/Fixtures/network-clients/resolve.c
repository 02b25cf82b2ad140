// SPDX-License-Identifier: Apache-2.0
// resolve.c - asks the C library for a name and fetches / from port 80 of it; linked statically against musl, whose
// resolver reads nothing but /etc/resolv.conf and /etc/hosts.
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *list;
    char text[4096];

    if (argc != 2)
        return 2;
    int code = getaddrinfo(argv[1], "80", &hints, &list);
    if (code != 0) {
        fprintf(stderr, "%s: %s\n", argv[1], gai_strerror(code));
        return 1;
    }
    int fd = socket(list->ai_family, list->ai_socktype, list->ai_protocol);
    if (fd < 0 || connect(fd, list->ai_addr, list->ai_addrlen) != 0) {
        perror("connect");
        return 1;
    }
    int length = snprintf(text, sizeof text, "GET / HTTP/1.1\r\nHost: %s\r\nConnection: close\r\n\r\n", argv[1]);
    if (write(fd, text, length) != length)
        return 1;
    while ((length = read(fd, text, sizeof text)) > 0)
        fwrite(text, 1, length, stdout);
    return 0;
}
