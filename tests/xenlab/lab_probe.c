/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * lab_probe - what Xen itself says, in pages: the tests' own second opinion,
 *         and the agent that runs what tests want in dom0
 *
 * Runs in dom0 of the Xen tests and shares no code with the daemon.
 *   lab-probe newest      the domain that was made last
 *   lab-probe host        total, free, scrub, claimed pages of the machine
 *   lab-probe dom ID      one domain
 *   lab-probe shadow ID   its shadow (or HAP) allocation in MiB
 *   lab-probe dirty ID    are its writes logged?
 *   lab-probe watch       a line every 50 ms, for ever: ms, free (scrub
 *                         included), then domain=pages for each guest
 * One line of "name=value" words; exit status 1 where Xen refuses.
 *   lab-probe serve       on TCP port 80: the length of a shell script, a line
 *                         feed and the script; its output and "exit STATUS"
 * Emulated, each program that a shell starts costs as much as a second of a
 * guest's life: a script that is one of the above, or xenstore-read and a path,
 * is done by the agent itself.
 */

#define _GNU_SOURCE
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <xenctrl.h>
#include <xenstore.h>

#define SCRIPT_BYTES (1u << 20)
#define WORDS 3

/* host - the machine's pages */
static int
host(xc_interface *xc)
{
	xc_physinfo_t p;

	memset(&p, 0, sizeof(p));
	if (xc_physinfo(xc, &p) != 0)
		return 1;
	printf("total=%llu free=%llu scrub=%llu claimed=%llu hap=%d\n",
	    (unsigned long long)p.total_pages, (unsigned long long)p.free_pages,
	    (unsigned long long)p.scrub_pages,
	    (unsigned long long)p.outstanding_pages,
	    (p.capabilities & XEN_SYSCTL_PHYSCAP_hap) != 0);
	return 0;
}

/* dom - one domain */
static int
dom(xc_interface *xc, uint32_t id)
{
	xc_dominfo_t d;

	if (xc_domain_getinfo(xc, id, 1, &d) != 1 || d.domid != id)
		return 1;
	printf("pages=%lu max_kib=%lu paused=%d dying=%d hvm=%d vcpus=%u\n",
	    d.nr_pages, d.max_memkb, d.paused, d.dying, d.hvm,
	    d.nr_online_vcpus);
	return 0;
}

/* shadow - MiB that Xen set aside for a domain's page tables */
static int
shadow(xc_interface *xc, uint32_t id)
{
	unsigned mib = 0;

	if (xc_shadow_control(
		xc, id, XEN_DOMCTL_SHADOW_OP_GET_ALLOCATION, &mib, 0) != 0)
		return 1;
	printf("mib=%u\n", mib);
	return 0;
}

/* dirty - are a domain's writes logged? Only a log that is off can begin */
static int
dirty(xc_interface *xc, uint32_t id)
{
	int r = xc_shadow_control(
	    xc, id, XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY, NULL, 0);

	if (r != 0 && errno != EINVAL)
		return 1;
	printf("on=%d\n", r != 0);
	if (r == 0) /* Xen 4.17 answers EINVAL for PVH, and does it */
		(void)xc_shadow_control(
		    xc, id, XEN_DOMCTL_SHADOW_OP_OFF, NULL, 0);
	return 0;
}

/* watch - free and guests' pages as time goes by */
static int
watch(xc_interface *xc)
{
	static xc_domaininfo_t d[64];
	struct timespec t;
	xc_physinfo_t p;
	int i, n;

	for (;;) {
		memset(&p, 0, sizeof(p));
		n = xc_domain_getinfolist(xc, 1, 64, d);
		if (n < 0 || xc_physinfo(xc, &p) != 0)
			return 1;
		(void)clock_gettime(CLOCK_MONOTONIC, &t);
		printf("ms=%lld free=%llu",
		    t.tv_sec * 1000LL + t.tv_nsec / 1000000,
		    (unsigned long long)(p.free_pages + p.scrub_pages));
		for (i = 0; i < n; i++)
			printf(" %u=%llu", d[i].domain,
			    (unsigned long long)d[i].tot_pages);
		printf("\n");
		(void)fflush(stdout);
		(void)usleep(50000);
	}
}

/* newest - ids only rise */
static int
newest(xc_interface *xc)
{
	static xc_domaininfo_t d[64];
	int n = xc_domain_getinfolist(xc, 0, 64, d);

	if (n <= 0)
		return 1;
	printf("domid=%u\n", d[n - 1].domain);
	return 0;
}

/* probe - one question to Xen; the exit status */
static int
probe(const char *what, const char *about)
{
	xc_interface *xc = xc_interface_open(NULL, NULL, 0);
	uint32_t id = about != NULL ? (uint32_t)strtoul(about, NULL, 10) : 0;
	int rc = 1;

	if (xc == NULL) {
		fprintf(stderr, "xc_interface_open: %s\n", strerror(errno));
		return 1;
	}
	if (strcmp(what, "host") == 0)
		rc = host(xc);
	else if (strcmp(what, "newest") == 0)
		rc = newest(xc);
	else if (strcmp(what, "dom") == 0)
		rc = dom(xc, id);
	else if (strcmp(what, "shadow") == 0)
		rc = shadow(xc, id);
	else if (strcmp(what, "dirty") == 0)
		rc = dirty(xc, id);
	else if (strcmp(what, "watch") == 0)
		rc = watch(xc);
	if (rc != 0)
		fprintf(stderr, "%s: %s\n", what, strerror(errno));
	xc_interface_close(xc);
	return rc;
}

/* value - as xenstore-read prints it; the exit status */
static int
value(const char *path)
{
	struct xs_handle *xs = xs_open(0);
	unsigned bytes = 0;
	char *text = xs != NULL ? xs_read(xs, XBT_NULL, path, &bytes) : NULL;

	if (text == NULL)
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
	else
		printf("%.*s\n", (int)bytes, text);
	free(text);
	if (xs != NULL)
		xs_close(xs);
	return text == NULL;
}

/* own - what needs no shell; -1: it needs one */
static int
own(const char *script)
{
	char text[200], *word[WORDS] = {NULL}, *rest = text;
	size_t n = 0;

	if (strlen(script) >= sizeof(text) ||
	    strpbrk(script, "|&;<>()$`\\\"'*?[#~=%\n") != NULL)
		return -1;
	(void)snprintf(text, sizeof(text), "%s", script);
	while (n < WORDS && (word[n] = strsep(&rest, " ")) != NULL)
		n++;
	if (rest != NULL || n < 2)
		return -1;
	if (strcmp(word[0], "lab-probe") == 0 && strcmp(word[1], "watch") != 0)
		return probe(word[1], word[2]);
	if (strcmp(word[0], "xenstore-read") == 0 && n == 2 &&
	    word[1][0] == '/')
		return value(word[1]);
	return -1;
}

/* shell - run it; the exit status */
static int
shell(char *script)
{
	pid_t pid = vfork();
	int status;

	if (pid == 0) {
		execl("/bin/sh", "sh", "-c", script, NULL);
		_exit(127);
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid)
		return 126;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

/* answer - one connection, in a process of its own */
static int
answer(int fd)
{
	FILE *in = fdopen(dup(fd), "r");
	char *script;
	unsigned bytes;
	int status;

	signal(SIGCHLD, SIG_DFL);
	if (in == NULL || fscanf(in, "%u", &bytes) != 1 ||
	    bytes > SCRIPT_BYTES || fgetc(in) != '\n')
		return 1;
	script = calloc(1, bytes + 1);
	if (script == NULL || fread(script, 1, bytes, in) != bytes)
		return 1;
	fclose(in);
	if (dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		return 1;
	close(fd);
	status = own(script);
	if (status < 0)
		status = shell(script);
	printf("\nexit %d\n", status);
	fflush(stdout);
	/* Something that the script left behind may still hold it. */
	return shutdown(1, SHUT_WR) != 0;
}

/* serve - connections, one after the other and all at once */
static int
serve(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(80)};
	int one = 1, fd, s = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	signal(SIGCHLD, SIG_IGN);
	if (s < 0 ||
	    setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one)) != 0 ||
	    bind(s, (struct sockaddr *)&at, sizeof(at)) != 0 ||
	    listen(s, 32) != 0) {
		perror("serve");
		return 1;
	}
	for (;;) {
		fd = accept4(s, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		if (fork() == 0)
			_exit(answer(fd));
		close(fd);
	}
}

int
main(int argc, char **argv)
{
	const char *what = argc > 1 ? argv[1] : "host";

	if (strcmp(what, "serve") == 0)
		return serve();
	return probe(what, argc > 2 ? argv[2] : NULL);
}
