/* qmp: what the lab does with a QEMU's monitor socket. Native, because starting an interpreter costs seconds
 * in emulation.
 *
 *   qmp ask SOCKET JSON...          one connection: each command's answer and the events before it
 *   qmp hold SOCKET                 stays connected, and says "held" when it is
 *   qmp spy SOCKET LOG              listens on SOCKET and passes on to SOCKET.real; logs each command
 *   qmp squat SOCKET BUS PORT MS    takes the port of a USB bus at the moment when it becomes free, and lets go of it
 *                                   after so long; says "taken" and "left"
 *   qmp quote FILE                  the file's bytes as a JSON string
 */
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static int die(const char *what) {
    perror(what);
    exit(1);
}

static int open_socket(const char *path, int listening) {
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    snprintf(a.sun_path, sizeof a.sun_path, "%s", path);
    if (listening ? bind(s, (void *)&a, sizeof a) || listen(s, 5) : connect(s, (void *)&a, sizeof a)) die(path);
    return s;
}

/* Prints up to and with the answer; what is not asked for (the greeting) is not printed. Whether it is no error. */
static int answer(FILE *in, int quiet) {
    static char line[1 << 16];
    for (;;) {
        if (!fgets(line, sizeof line, in)) {
            fprintf(stderr, "the monitor closed the connection\n");
            exit(1);
        }
        if (!quiet) fputs(line, stdout);
        if (strstr(line, "\"QMP\":") || strstr(line, "\"return\":") || strstr(line, "\"error\":")) return !strstr(line, "\"error\":");
    }
}

static FILE *session(int s) {
    FILE *in = fdopen(s, "r");
    answer(in, 1);
    dprintf(s, "{\"execute\":\"qmp_capabilities\"}\n");
    answer(in, 1);
    return in;
}

static int ask(const char *path, char **commands) {
    int s = open_socket(path, 0);
    alarm(15);
    FILE *in = session(s);
    for (; *commands; commands++) {
        dprintf(s, "%s\n", *commands);
        answer(in, 0);
    }
    return 0;
}

static int hold(const char *path) {
    char greeting[4096];
    int s = open_socket(path, 0);
    if (read(s, greeting, sizeof greeting) <= 0) die(path);
    puts("held");
    fflush(stdout);
    return sleep(1000);
}

/* QEMU serves its monitors in turn, so the next command has to lie ready while one is answered: then it comes before what a
 * client of the other monitor says after an answer of its own. */
static int squat(const char *path, const char *bus, const char *port, int ms) {
    const char *take = "{\"execute\":\"device_add\",\"arguments\":"
                       "{\"driver\":\"usb-tablet\",\"id\":\"squatter\",\"bus\":\"%s\",\"port\":\"%s\"}}\n";
    int s = open_socket(path, 0);
    alarm(180);
    FILE *in = session(s);
    dprintf(s, take, bus, port);
    do dprintf(s, take, bus, port);
    while (!answer(in, 1));
    puts("taken");
    fflush(stdout);
    answer(in, 1);
    usleep(ms * 1000);
    dprintf(s, "{\"execute\":\"device_del\",\"arguments\":{\"id\":\"squatter\"}}\n");
    if (!answer(in, 0)) return 1;
    puts("left");
    return 0;
}

static void pass(int client, const char *path, FILE *log) {
    static char data[1 << 16], real[200];
    size_t have = 0;
    ssize_t got;
    snprintf(real, sizeof real, "%s.real", path);
    int qemu = open_socket(real, 0);
    struct pollfd fds[] = {{client, POLLIN, 0}, {qemu, POLLIN, 0}};
    while (poll(fds, 2, -1) > 0) {
        if (fds[1].revents) {
            if ((got = read(qemu, data + have, sizeof data - have)) <= 0) break;
            if (write(client, data + have, got) < 0) break;
        }
        if (!fds[0].revents) continue;
        if ((got = read(client, data + have, sizeof data - 1 - have)) <= 0) break;
        data[have += got] = 0;
        /* A command ends with its last brace, with a line end after it or without. */
        size_t end = have;
        while (end && strchr(" \r\n", data[end - 1])) end--;
        if (!end || data[end - 1] != '}') continue;
        fprintf(log, "%.*s\n", (int)end, data);
        fflush(log);
        if (write(qemu, data, have) < 0) break;
        have = 0;
    }
    close(qemu);
}

static int spy(const char *path, const char *log) {
    int s = open_socket(path, 1), client;
    FILE *out = fopen(log, "a");
    /* A client that has gone ends its session, not this. */
    signal(SIGPIPE, SIG_IGN);
    while ((client = accept(s, 0, 0)) >= 0) {
        pass(client, path, out);
        close(client);
    }
    return die("accept");
}

static int quote(const char *path) {
    FILE *in = fopen(path, "r");
    int c;
    if (!in) die(path);
    putchar('"');
    while ((c = getc(in)) != EOF) {
        if (c == '"' || c == '\\') putchar('\\');
        if (c < ' ') printf("\\u%04x", c);
        else putchar(c);
    }
    putchar('"');
    return 0;
}

int main(int n, char **v) {
    if (n > 2 && !strcmp(v[1], "ask")) return ask(v[2], v + 3);
    if (n == 3 && !strcmp(v[1], "hold")) return hold(v[2]);
    if (n == 4 && !strcmp(v[1], "spy")) return spy(v[2], v[3]);
    if (n == 6 && !strcmp(v[1], "squat")) return squat(v[2], v[3], v[4], atoi(v[5]));
    if (n == 3 && !strcmp(v[1], "quote")) return quote(v[2]);
    fprintf(stderr, "usage: qmp ask|hold|spy|squat|quote FILE...\n");
    return 2;
}
