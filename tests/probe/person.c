/* person: somebody else at a socket of QEMU.
 *
 *   person look SOCKET FILE   looks by VNC and wants it for himself (shared=0: QEMU ends the others' sessions), asks for a
 *                             piece of the picture five times a second, and writes to FILE how many came. Ends with 1 when
 *                             the server ends the session.
 *   person babble SOCKET      listens in QEMU's place and talks without an end
 */
#include <arpa/inet.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

static int s;

static void take(void *to, size_t n) {
    char *at = to;
    while (n) {
        ssize_t got = read(s, at, n);
        if (got <= 0) {
            fprintf(stderr, "the server ended the session\n");
            exit(1);
        }
        at += got, n -= (size_t)got;
    }
}
static void skip(size_t n) {
    static char bin[65536];
    while (n) {
        size_t now = n < sizeof bin ? n : sizeof bin;
        take(bin, now);
        n -= now;
    }
}
static uint32_t take32(void) {
    uint32_t v;
    take(&v, 4);
    return ntohl(v);
}
static uint16_t take16(void) {
    uint16_t v;
    take(&v, 2);
    return ntohs(v);
}
static void give(const void *from, size_t n) {
    if (write(s, from, n) != (ssize_t)n) exit(1);
}

static int look(const char *file) {
    unsigned char kinds[256], count, server[16];
    char next[256];
    snprintf(next, sizeof next, "%s.next", file);
    take(server, 12);
    give("RFB 003.008\n", 12);
    take(&count, 1);
    take(kinds, count);
    if (!memchr(kinds, 1, count)) return fprintf(stderr, "the server asks for a password\n"), 1;
    give("\1", 1);
    if (take32()) return fprintf(stderr, "refused\n"), 1;
    give("\0", 1);
    skip(4);
    take(server, 16);
    size_t pixel = server[0] / 8;
    skip(take32());
    give("\2\0\0\1\0\0\0\0", 8);

    for (int updates = 0;;) {
        unsigned char kind;
        give("\3\0\0\0\0\0\0\20\0\20", 10);
        do {
            take(&kind, 1);
            if (kind == 3) skip(3), skip(take32());
            if (kind == 1) return fprintf(stderr, "a palette was not asked for\n"), 1;
        } while (kind);
        skip(1);
        for (int rects = take16(); rects; rects--) {
            skip(4);
            size_t width = take16(), height = take16();
            if (take32()) return fprintf(stderr, "an encoding that was not asked for\n"), 1;
            skip(width * height * pixel);
        }
        /* Whoever reads it finds a number at any time. */
        FILE *out = fopen(next, "w");
        if (out) fprintf(out, "%d\n", ++updates), fclose(out), rename(next, file);
        nanosleep(&(struct timespec){.tv_nsec = 200 * 1000 * 1000}, NULL);
    }
}

static int babble(void) {
    for (;;) {
        int client = accept(s, NULL, NULL);
        if (client < 0) return perror("accept"), 1;
        if (fork()) {
            close(client);
            continue;
        }
        while (write(client, "babble", 6) > 0) continue;
        _exit(0);
    }
}

int main(int n, char **v) {
    int looks = n == 4 && !strcmp(v[1], "look");
    if (!looks && (n != 3 || strcmp(v[1], "babble"))) return fprintf(stderr, "usage: person look|babble SOCKET [FILE]\n"), 2;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s", v[2]);
    s = socket(AF_UNIX, SOCK_STREAM, 0);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGCHLD, SIG_IGN);
    if (looks ? connect(s, (void *)&a, sizeof a) : bind(s, (void *)&a, sizeof a) || listen(s, 5)) return perror(v[2]), 1;
    return looks ? look(v[3]) : babble();
}
