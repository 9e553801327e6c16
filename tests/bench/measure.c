/*
 * measure RUNS LABEL COMMAND [ARG...] [-- LABEL COMMAND [ARG...]]...
 *
 * Runs commands in turns, so that a busy moment hits all of them alike, and prints for each:
 * LABEL, least and median time, median processor time, all in microseconds, and peak memory in kB, separated by tabs.
 * Small and static: what a process had before its exec counts as its peak memory.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST 16

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static double micros(struct timeval t)
{
	return t.tv_sec * 1e6 + t.tv_usec;
}

static double run(char **argv, double *cpu, long *peak)
{
	int status;
	struct rusage usage;
	double begun = now();
	pid_t pid = vfork();

	if (pid == 0) {
		execvp(argv[0], argv);
		_exit(127);
	}
	if (pid < 0 || wait4(pid, &status, 0, &usage) < 0) {
		perror("measure");
		exit(1);
	}
	double took = now() - begun;
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		fprintf(stderr, "measure: %s: exit status %d\n", argv[0], WEXITSTATUS(status));
		exit(1);
	}
	*cpu = micros(usage.ru_utime) + micros(usage.ru_stime);
	if (usage.ru_maxrss > *peak)
		*peak = usage.ru_maxrss;
	return took;
}

int main(int argc, char **argv)
{
	char **commands[MOST];
	double *times[MOST], *cpus[MOST], cpu;
	long peaks[MOST] = {0};
	int runs = argc > 1 ? atoi(argv[1]) : 0, count = 0;

	for (int i = 2; i < argc && count < MOST; i++) {
		commands[count] = &argv[i];
		while (i < argc && strcmp(argv[i], "--") != 0)
			i++;
		if (i < argc)
			argv[i] = NULL;
		if (!commands[count][0] || !commands[count][1])
			runs = 0;
		times[count] = calloc(runs > 0 ? runs : 1, sizeof(double));
		cpus[count] = calloc(runs > 0 ? runs : 1, sizeof(double));
		count++;
	}
	if (runs < 1 || count < 1) {
		fprintf(stderr, "usage: measure RUNS LABEL COMMAND [ARG...] [-- LABEL COMMAND [ARG...]]...\n");
		return 2;
	}
	/* The results are ours to print; what the commands print is of no interest. */
	FILE *results = fdopen(fcntl(1, F_DUPFD_CLOEXEC, 3), "w");
	if (!results || dup2(open("/dev/null", O_WRONLY), 1) < 0)
		return 1;
	for (int n = -1; n < runs; n++)
		for (int c = 0; c < count; c++) {
			double took = run(commands[c] + 1, &cpu, &peaks[c]);
			/* The first round only warms the caches. */
			if (n >= 0) {
				times[c][n] = took;
				cpus[c][n] = cpu;
			}
		}
	for (int c = 0; c < count; c++) {
		qsort(times[c], runs, sizeof(double), by_value);
		qsort(cpus[c], runs, sizeof(double), by_value);
		fprintf(results, "%s\t%.0f\t%.0f\t%.0f\t%ld\n", commands[c][0], times[c][0], times[c][runs / 2],
			cpus[c][runs / 2], peaks[c]);
	}
	return fclose(results) != 0;
}
