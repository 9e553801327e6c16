/*
 * crowd PROCESSES FILES
 *
 * That many processes with that many open files between them, of the kinds that a host has: devices, regular files,
 * sockets, event counters. The last one holds /dev/full, for a scan to find. Prints "ready" and stays. All of them end
 * with whoever started it.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

static void open_files(int count)
{
	int pair[2];

	for (int n = 0; n < count; n++)
		switch (n % 5) {
		case 0:
			open("/dev/null", O_RDONLY);
			break;
		case 1:
			open("/etc/passwd", O_RDONLY);
			break;
		case 2:
			eventfd(0, 0);
			break;
		case 3:
			if (n + 1 < count && socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0)
				n++;
			break;
		default:
			open("/dev/zero", O_RDONLY);
		}
}

int main(int argc, char **argv)
{
	int processes = argc > 1 ? atoi(argv[1]) : 0, files = argc > 2 ? atoi(argv[2]) : 0;
	int ready[2];
	char byte;

	/* What the caller happens to have open is not of the crowd. */
	close_range(3, ~0U, 0);
	if (processes < 1 || files < 4 * processes || pipe(ready) < 0) {
		fprintf(stderr, "usage: crowd PROCESSES FILES   (at least 4 files each)\n");
		return 2;
	}
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (int n = 0; n < processes; n++) {
		pid_t pid = fork();

		if (pid < 0) {
			perror("crowd: fork");
			return 1;
		}
		if (pid == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			close(ready[0]);
			int last = n == processes - 1;
			if (last)
				open("/dev/full", O_RDONLY);
			/* The three standard ones count as well. */
			open_files(files / processes - 3 - last);
			if (write(ready[1], "", 1) != 1)
				_exit(1);
			close(ready[1]);
			for (;;)
				pause();
		}
	}
	for (int n = 0; n < processes; n++)
		if (read(ready[0], &byte, 1) != 1)
			return 1;
	puts("ready");
	fflush(stdout);
	for (;;)
		pause();
}
