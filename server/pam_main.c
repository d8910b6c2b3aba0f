/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * pam_main - xenapi-memory-pam SERVICE [CONFDIR]: one password, by PAM
 *
 * Started by xenapi-memoryd for each login that PAM is to check; what comes in
 * and goes out is in server/usr_pam.h.
 *
 * Modules run in a child.  What it leaves behind, or has running when SIGTERM
 * says that the time is over, becomes ours (we are its subreaper) and is
 * killed: pam_exec, for one, puts its programs into sessions of their own.
 */

/* System */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* PAM */
#include <security/pam_appl.h>

#define INPUT_MAX 2048
#define LIFE_S 900 /* longer than pam_ms can be */
#define GROUPS_MAX 4096

/* What is asked: three words in one buffer. */
struct question {
	char text[INPUT_MAX];
	const char *address, *user, *password;
};

/* read_question - standard input to its end, three words */
static bool
read_question(struct question *q)
{
	const char **words[] = {&q->address, &q->user, &q->password};
	size_t n = 0, at = 0;

	while (n < sizeof(q->text)) {
		ssize_t r =
		    read(STDIN_FILENO, q->text + n, sizeof(q->text) - n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	for (int i = 0; i < 3; i++) {
		const char *end = memchr(q->text + at, '\0', n - at);

		if (end == NULL)
			return false;
		*words[i] = q->text + at;
		at = (size_t)(end - q->text) + 1;
	}
	return at == n;
}

/* converse - the password for every question that hides what is typed */
static int
converse(int n, const struct pam_message **msgs, struct pam_response **out,
    void *arg)
{
	const struct question *q = arg;
	struct pam_response *answers;

	if (n <= 0 || n > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	answers = calloc((size_t)n, sizeof(*answers));
	if (answers == NULL)
		return PAM_BUF_ERR;
	for (int i = 0; i < n; i++) {
		int style = msgs[i]->msg_style;

		if (style == PAM_PROMPT_ECHO_OFF)
			answers[i].resp = strdup(q->password);
		else if (style == PAM_PROMPT_ECHO_ON)
			answers[i].resp = strdup(q->user);
	}
	*out = answers; /* PAM frees them */
	return PAM_SUCCESS;
}

/* no_delay - who guesses is slowed by the daemon, without a process waiting */
static void
no_delay(int status, unsigned micros, void *arg)
{
	(void)status;
	(void)micros;
	(void)arg;
}

/* say_groups - every group of a user, by name */
static void
say_groups(FILE *out, const char *user)
{
	const struct passwd *pw = getpwnam(user);
	static gid_t gids[GROUPS_MAX];
	int n = GROUPS_MAX;

	if (pw == NULL)
		return; /* then he has no role */
	if (getgrouplist(user, pw->pw_gid, gids, &n) < 0)
		n = GROUPS_MAX; /* as many as there is room for */
	for (int i = 0; i < n; i++) {
		const struct group *g = getgrgid(gids[i]);

		if (g != NULL && strchr(g->gr_name, '\n') == NULL)
			(void)fprintf(out, "group %s\n", g->gr_name);
	}
}

/* is_denial - does PAM's answer concern the user, not PAM? */
static bool
is_denial(int r)
{
	switch (r) {
	case PAM_AUTH_ERR:
	case PAM_USER_UNKNOWN:
	case PAM_MAXTRIES:
	case PAM_PERM_DENIED:
	case PAM_ACCT_EXPIRED:
	case PAM_NEW_AUTHTOK_REQD:
	case PAM_AUTHTOK_EXPIRED:
	case PAM_CRED_INSUFFICIENT:
		return true;
	default:
		return false;
	}
}

/* check - ask PAM, say what it says */
static void
check(FILE *out, const char *service, const char *confdir, struct question *q)
{
	const struct pam_conv conv = {converse, q};
	union {
		void (*f)(int, unsigned, void *);
		const void *p;
	} delay = {.f = no_delay};
	const void *user = NULL;
	pam_handle_t *h = NULL;
	int r = pam_start_confdir(service, q->user, &conv, confdir, &h);

	if (r == PAM_SUCCESS)
		r = pam_set_item(h, PAM_RHOST, q->address);
	if (r == PAM_SUCCESS)
		(void)pam_set_item(h, PAM_FAIL_DELAY, delay.p); /* a wish */
	if (r == PAM_SUCCESS)
		r = pam_authenticate(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	if (r == PAM_SUCCESS)
		r = pam_acct_mgmt(h, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	/* A module may know the user by another name. */
	if (r == PAM_SUCCESS)
		r = pam_get_item(h, PAM_USER, &user);
	if (r == PAM_SUCCESS) {
		(void)fprintf(out, "accepted\n");
		say_groups(out, user != NULL ? user : q->user);
	} else if (is_denial(r)) {
		(void)fprintf(out, "denied\n");
	} else {
		(void)fprintf(out, "failed %s\n", pam_strerror(h, r));
	}
	if (h != NULL)
		(void)pam_end(h, r);
	(void)fprintf(out, "end\n");
}

/* work - the child: asks PAM and ends */
static _Noreturn void
work(int argc, char **argv)
{
	static struct question q;
	FILE *out;
	int fd;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL); /* these two help */
	(void)prctl(PR_SET_DUMPABLE, 0);
	/* What modules and their children print is no answer of ours. */
	fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	out = fd >= 0 ? fdopen(fd, "w") : NULL;
	if (out == NULL || dup2(STDERR_FILENO, STDOUT_FILENO) < 0)
		_exit(2);
	if (!read_question(&q))
		_exit(2);
	check(
	    out, argv[1], argc > 2 && argv[2][0] != '\0' ? argv[2] : NULL, &q);
	explicit_bzero(&q, sizeof(q));
	_exit(fclose(out) == 0 ? 0 : 1);
}

/* kill_children - each that we have now; false: there is none */
static bool
kill_children(void)
{
	char path[64], text[16];
	bool any = false;
	FILE *f;
	long pid;

	(void)snprintf(
	    path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fscanf(f, "%15s", text) == 1) {
		pid = strtol(text, NULL, 10);
		if (pid <= 1)
			break; /* not what the kernel writes */
		any = true;
		(void)kill((pid_t)pid, SIGKILL); /* maybe it has ended */
	}
	(void)fclose(f); /* read-only */
	return any;
}

/* await - the child has ended, or the time is over */
static void
await(pid_t child, const sigset_t *set)
{
	for (;;) {
		int sig = sigwaitinfo(set, NULL);

		if (sig < 0 && errno == EINTR)
			continue;
		if (sig != SIGCHLD || waitpid(child, NULL, WNOHANG) == child)
			return;
	}
}

int
main(int argc, char **argv)
{
	sigset_t set, was;
	pid_t child;

	if (argc < 2 || argc > 3 || isatty(STDIN_FILENO)) {
		(void)fprintf(stderr, "xenapi-memory-pam: started by "
				      "xenapi-memoryd only\n");
		return 2;
	}
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1); /* Linux 3.4 */
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGCHLD);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGALRM);
	(void)sigprocmask(SIG_BLOCK, &set, &was);
	child = fork();
	if (child < 0)
		return 2;
	if (child == 0) {
		(void)sigprocmask(SIG_SETMASK, &was, NULL);
		work(argc, argv);
	}
	/* An end of the answer must be one to who reads it. */
	(void)close(STDIN_FILENO);
	(void)close(STDOUT_FILENO);
	(void)alarm(LIFE_S); /* should the daemon be gone */
	await(child, &set);
	/* Who loses its parent becomes our child, and is next. */
	while (kill_children())
		(void)waitpid(-1, NULL, 0);
	return 0;
}
