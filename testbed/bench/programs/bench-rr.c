// SPDX-License-Identifier: MIT
/*
 * Requests and responses over one TCP connection, one at a time:
 *
 *   bench-rr server PORT
 *   bench-rr client ADDRESS PORT MILLISECONDS BYTES
 *
 * The client prints "rr transactions=N ns=N p50=NS p90=NS p99=NS".
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_BYTES 65536
#define MAX_SAMPLES 200000

static _Noreturn void fail(const char *what)
{
    fprintf(stderr, "bench-rr: cannot %s: %s\n", what, strerror(errno));
    exit(1);
}

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static int tcp_socket(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

    if (fd < 0)
        fail("make a socket");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    return fd;
}

static struct sockaddr_in address_of(const char *host, const char *port)
{
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};

    if (inet_pton(AF_INET, host, &a.sin_addr) != 1) {
        errno = EINVAL;
        fail("read the address");
    }
    return a;
}

static void serve(int fd)
{
    static char buffer[MAX_BYTES];
    int one = 1;
    ssize_t n;

    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    while ((n = read(fd, buffer, sizeof(buffer))) > 0)
        for (ssize_t done = 0, w; done < n; done += w) {
            w = write(fd, buffer + done, (size_t)(n - done));
            if (w <= 0)
                _exit(0);
        }
    _exit(0);
}

static int server(const char *port)
{
    struct sockaddr_in a = address_of("0.0.0.0", port);
    int fd = tcp_socket(), peer;

    signal(SIGCHLD, SIG_IGN);
    if (bind(fd, (struct sockaddr *)&a, sizeof(a)) || listen(fd, 8))
        fail("listen");
    for (;;) {
        peer = accept(fd, NULL, NULL);
        if (peer < 0)
            continue;
        if (!fork())
            serve(peer);
        close(peer);
    }
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

    return x < y ? -1 : x > y;
}

static void transaction(int fd, char *buffer, size_t bytes)
{
    size_t got = 0;
    ssize_t n;

    if (write(fd, buffer, bytes) != (ssize_t)bytes)
        fail("send");
    while (got < bytes) {
        n = read(fd, buffer, bytes - got);
        if (n <= 0)
            fail("receive");
        got += (size_t)n;
    }
}

static int client(char **argv)
{
    static uint64_t samples[MAX_SAMPLES];
    static char buffer[MAX_BYTES];
    struct sockaddr_in a = address_of(argv[0], argv[1]);
    uint64_t limit = strtoull(argv[2], NULL, 0) * 1000000, begin, last, now;
    size_t bytes = strtoul(argv[3], NULL, 0), n = 0;
    int fd = tcp_socket();

    if (!bytes || bytes > MAX_BYTES) {
        errno = EINVAL;
        fail("send that many bytes");
    }
    alarm((unsigned int)(limit / 1000000000) + 10);
    if (connect(fd, (struct sockaddr *)&a, sizeof(a)))
        fail("connect");
    for (int i = 0; i < 10; i++)
        transaction(fd, buffer, bytes);
    begin = last = now_ns();
    do {
        transaction(fd, buffer, bytes);
        now = now_ns();
        samples[n++] = now - last;
        last = now;
    } while (now - begin < limit && n < MAX_SAMPLES);
    qsort(samples, n, sizeof(samples[0]), compare);
    printf("rr transactions=%zu ns=%llu p50=%llu p90=%llu p99=%llu\n", n,
           (unsigned long long)(now - begin), (unsigned long long)samples[n / 2],
           (unsigned long long)samples[n * 9 / 10], (unsigned long long)samples[n * 99 / 100]);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && !strcmp(argv[1], "server"))
        return server(argv[2]);
    if (argc == 6 && !strcmp(argv[1], "client"))
        return client(argv + 2);
    fprintf(stderr, "usage: bench-rr server PORT | client ADDRESS PORT MILLISECONDS BYTES\n");
    return 2;
}
