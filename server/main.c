/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * main - xenapi-memoryd: what is started in which order, and ended
 *
 * The main thread makes everything, then waits: for signals, for the
 * hypervisor process to be lost or due for another try, for the boot module to
 * say that calls may be taken.
 */

/* System */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>
#include <unistd.h>

/* Model */
#include "model/fld.h"
#include "model/journal/jrn_sqlite.h"
#include "model/mem.h"

/* Api */
#include "api/api.h"
#include "api/bal.h"
#include "api/boot.h"
#include "api/evt.h"
#include "api/reserve.h"
#include "api/task.h"
#include "api/timer.h"

/* Own */
#include "certs/cert_make.h"
#include "server/cli_serve.h"
#include "server/conf.h"
#include "server/http.h"
#include "server/log.h"
#include "server/pool.h"
#include "server/srv_health.h"
#include "server/srv_hv.h"
#include "server/srv_listen.h"
#include "server/srv_notify.h"
#include "server/srv_rpc.h"
#include "server/srv_state.h"
#include "server/srv_watch.h"
#include "server/tls.h"
#include "server/usr.h"
#include "server/usr_pam.h"
#include "server/usr_tool.h"
#include "server/writer.h"
#include "server/xml.h"

#define MAIN_PATH 4096
#define MAIN_WORKERS 2 /* each check of ours takes 16 MiB and a processor */
#define MAIN_PAM_MAX 6 /* more workers, which wait for PAM */
#define MAIN_PAM_PROGRAM "xenapi-memory-pam"
#define MAIN_HV_SIM_PROGRAM "xenapi-memory-hv-sim"
#define MAIN_HV_XEN_PROGRAM "xenapi-memory-hv-xen"
#define MAIN_DATABASE "xenapi-memory.db"
#define MAIN_CLI_PATH "/cli"
#define MAIN_LOCK_WAIT_MS 2000
#define MAIN_TARGET_WAIT_MS 256000
#define MAIN_QUIET_POLLS 3
#define MAIN_POLL_MS 20
#define MAIN_BOOT_MS 10000

enum boot_state { BOOTING, READY, HOPELESS };

struct daemon {
	struct conf conf;
	int lock_fd, tcp_fd, local_fd, local_too_fd, port;
	int signal_fd, wake_fd, watch_fd;
	char hv_program[MAIN_PATH], pam_program[MAIN_PATH];
	struct usr_pam pam;
	struct usr_db *users;
	struct tls_conf *tls;
	struct fld_store *store;
	struct wrq *writer;
	struct pool *pool;
	struct api_env env;
	struct api_boot *boot;
	struct srv_hv hv;
	struct srv_rpc rpc;
	struct thin *thin;
	struct http_server *http;
	atomic_int boot_state; /* enum boot_state */
	char hopeless[300];    /* before boot_state says so */
};

/* ---- what the api side asks of us ---- */

static int64_t
now_ms(void *ctx)
{
	struct timespec t;

	(void)ctx;
	(void)clock_gettime(CLOCK_MONOTONIC, &t); /* cannot fail */
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static int64_t
wall_s(void *ctx)
{
	(void)ctx;
	return (int64_t)time(NULL);
}

static void
random_bytes(void *ctx, void *buf, size_t n)
{
	char *p = buf;

	(void)ctx;
	while (n > 0) {
		ssize_t r = getrandom(p, n, 0);

		if (r < 0 && errno != EINTR)
			log_fatal("getrandom"); /* refs could be guessed */
		if (r > 0) {
			p += r;
			n -= (size_t)r;
		}
	}
}

static bool
work(void *ctx, struct api_call *c)
{
	struct daemon *d = ctx;

	return pool_push(d->pool, c);
}

static void
run_work(void *item)
{
	api_work_run(item);
}

static bool
command(void *ctx, const struct hv_command *cmd)
{
	struct daemon *d = ctx;

	return srv_hv_command(&d->hv, cmd);
}

static enum err
login(void *ctx, const char *user, const char *password, const char *peer,
    struct api_user *user_out, struct failure *why)
{
	struct daemon *d = ctx;
	struct usr_user who;
	enum err rc =
	    usr_login(d->users, user, password, peer, now_ms(NULL), &who, why);

	if (rc == ERR_NONE)
		*user_out = (struct api_user){who.role, who.listed};
	return rc;
}

static enum err
pool_login(void *ctx, const char *secret, const char *name, const char *peer,
    struct failure *why)
{
	struct daemon *d = ctx;

	return usr_pool_login(d->users, d->conf.pool_secret_file, secret, name,
	    peer, now_ms(NULL), why);
}

static int
account_role(void *ctx, const char *user)
{
	struct daemon *d = ctx;

	return usr_role(d->users, user);
}

static enum err
change_password(void *ctx, const char *user, const char *old_password,
    const char *new_password, struct failure *why)
{
	struct daemon *d = ctx;

	return usr_change_password(
	    d->users, user, old_password, new_password, now_ms(NULL), why);
}

/* ---- what wakes the main thread ---- */

static void
wake(void *ctx)
{
	static const uint64_t one = 1;
	struct daemon *d = ctx;

	(void)!write(d->wake_fd, &one, sizeof(one)); /* full: awake anyway */
}

static void
on_ready(void *ctx)
{
	struct daemon *d = ctx;

	atomic_store(&d->boot_state, READY);
	wake(d);
}

static void
on_hopeless(void *ctx, const char *text)
{
	struct daemon *d = ctx;

	(void)snprintf(d->hopeless, sizeof(d->hopeless), "%s", text);
	atomic_store(&d->boot_state, HOPELESS);
	wake(d);
}

static void
on_warn(void *ctx, const char *text)
{
	(void)ctx;
	log_warnx("%s", text);
}

static void
on_sync(void *ctx)
{
	struct daemon *d = ctx;

	srv_hv_sync(&d->hv);
}

/* on_committed - whoever waits for changes is told */
static void
on_committed(void *ctx, const struct fld_change *change, size_t n)
{
	struct daemon *d = ctx;

	api_evt_note(&d->env, change, n);
	api_bal_note(&d->env, change, n);
	api_reserve_note(&d->env, change, n);
}

/* on_fatal - nobody knows what is on disk: the next start reads it back */
static void
on_fatal(void *ctx, const struct failure *why)
{
	(void)ctx;
	log_fatalx("store: %s; ending, start again to read back what is there",
	    why->n > 0 ? why->param[0] : "failed");
}

/* ---- what HTTP asks of us ---- */

static void *
thread_new(void *ctx, struct http_loop *l)
{
	struct daemon *d = ctx;

	return srv_rpc_thread_new(&d->rpc, l);
}

static void
thread_free(void *ctx, void *thread)
{
	(void)ctx;
	srv_rpc_thread_free(thread);
}

static void
on_call(void *ctx, void *thread, const struct http_request *rq)
{
	struct daemon *d = ctx;

	if (strcmp(rq->path, MAIN_CLI_PATH) == 0)
		thin_serve(d->thin, rq);
	else
		srv_rpc_call(thread, rq);
}

/* on_health - reads go on without a hypervisor: degraded, not down */
static int
on_health(void *ctx, struct http_buf *out)
{
	struct daemon *d = ctx;
	struct srv_health now = {
	    .is_lost = srv_hv_is_lost(&d->hv),
	    .observes = atomic_load(&d->hv.observes),
	    .refuses_writes = atomic_load(&d->rpc.refused),
	    .event_waits = api_evt_parked(&d->env),
	};

	srv_hv_ill(&d->hv, now.ill);
	srv_health_write(&now, out);
	return 200;
}

/* ---- starting, in this order ---- */

/* set_process - descriptors, no core files, private files, signals */
static void
set_process(struct daemon *d)
{
	/* Unlike 0, a limit of 1 also keeps cores from a core_pattern pipe. */
	const struct rlimit no_core = {1, 1};
	struct rlimit files;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files); /* helps, not needed */
	}
	if (setrlimit(RLIMIT_CORE, &no_core) != 0)
		log_warn("core files cannot be switched off");
	(void)umask(077);
	(void)signal(SIGPIPE, SIG_IGN);
	(void)sigemptyset(&set);
	(void)sigaddset(&set, SIGTERM);
	(void)sigaddset(&set, SIGINT);
	(void)sigaddset(&set, SIGHUP);
	/* Before any thread: all inherit it. */
	(void)pthread_sigmask(SIG_BLOCK, &set, NULL);
	d->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	d->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->signal_fd < 0 || d->wake_fd < 0)
		log_fatal("cannot wait for signals");
}

/* find_program - what lies beside us */
static void
find_program(char p[MAIN_PATH], const char *name)
{
	ssize_t n = readlink("/proc/self/exe", p, MAIN_PATH - 64);
	char *slash;

	if (n <= 0)
		log_fatal("/proc/self/exe");
	p[n] = '\0';
	slash = strrchr(p, '/');
	(void)snprintf(slash + 1, 64, "%s", name);
}

/* open_users - the accounts, and a watch on their file */
static void
open_users(struct daemon *d)
{
	const struct conf *c = &d->conf;
	bool pam = c->pam_service[0] != '\0';
	char why[500];

	if (pam) {
		find_program(d->pam_program, MAIN_PAM_PROGRAM);
		d->pam = (struct usr_pam){
		    .program = d->pam_program,
		    .service = c->pam_service,
		    .confdir = c->pam_confdir,
		    .groups = c->groups,
		    .ngroups = c->ngroups,
		    .limit_ms = c->pam_ms,
		    .checks_max = MAIN_PAM_MAX,
		};
	}
	d->watch_fd = srv_watch_open(c->state_dir);
	d->users =
	    usr_open(c->state_dir, pam ? &d->pam : NULL, why, sizeof(why));
	if (d->users == NULL)
		log_fatalx("%s", why);
}

/* open_state - folder, sockets, accounts, certificates */
static void
open_state(struct daemon *d)
{
	const char *dir = d->conf.state_dir;
	char why[500];
	int made;

	d->lock_fd = srv_state_take(dir, why, sizeof(why));
	if (d->lock_fd < 0)
		log_fatalx("%s", why);
	d->tcp_fd = srv_listen_bind(
	    d->conf.host, d->conf.port, &d->port, why, sizeof(why));
	if (d->tcp_fd < 0)
		log_fatalx("%s", why);
	d->local_fd = srv_listen_bind_local(dir, why, sizeof(why));
	if (d->local_fd < 0)
		log_fatalx("%s", why);
	d->local_too_fd = -1;
	if (d->conf.local_socket[0] != '\0') {
		d->local_too_fd = srv_listen_bind_path(
		    d->conf.local_socket, why, sizeof(why));
		if (d->local_too_fd < 0)
			log_fatalx("%s", why);
	}
	open_users(d);
	if (cert_make_self_signed(dir, d->conf.host, &made, why, sizeof(why)) !=
	    0)
		log_fatalx("%s", why);
	if (made > 0)
		log_info("certificates: made %d self-signed in %s", made, dir);
	d->tls = tls_conf_new(dir, d->conf.client_ca_file, why, sizeof(why));
	if (d->tls == NULL)
		log_fatalx("%s", why);
}

/* open_store - journal, every record, the writer */
static void
open_store(struct daemon *d)
{
	const struct wrq_config config_base = {.now_ms = now_ms,
	    .fatal = on_fatal,
	    .committed = on_committed,
	    .ctx = d};
	struct wrq_config config = config_base;
	char path[MAIN_PATH];
	struct failure why;
	struct jrn *journal;

	(void)snprintf(
	    path, sizeof(path), "%s/" MAIN_DATABASE, d->conf.state_dir);
	if (jrn_sqlite_open(&journal, path, NULL, &why) != ERR_NONE ||
	    fld_open(&d->store, journal, &mem_rules, &why) != ERR_NONE)
		log_fatalx("store: %s: %s", path,
		    why.n > 0 ? why.param[0] : "cannot be opened");
	config.store = d->store;
	if (wrq_start(&d->writer, &config, &why) != ERR_NONE)
		log_fatalx("writer: %s", why.param[0]);
}

static struct api_limits
api_limits_of(const struct conf *c)
{
	return (struct api_limits){
	    .sessions_per_user = (unsigned)c->sessions_per_user,
	    .sessions_per_originator = (unsigned)c->sessions_per_originator,
	    .sessions_anonymous = (unsigned)c->sessions_anonymous,
	    .sessions_pool = (unsigned)c->sessions_pool,
	    .calls_per_session = (unsigned)c->calls_per_session,
	    .calls_per_address = (unsigned)c->calls_per_address,
	    .event_waits_per_session = (unsigned)c->event_waits_per_session,
	};
}

/* open_api - everything a call needs */
static void
open_api(struct daemon *d)
{
	const struct api_boot_calls calls = {
	    .ctx = d,
	    .ready = on_ready,
	    .hopeless = on_hopeless,
	    .warn = on_warn,
	    .sync = on_sync,
	};

	d->pool = pool_new(MAIN_WORKERS + d->pam.checks_max,
	    (size_t)d->conf.login_queue, run_work);
	d->env = (struct api_env){
	    .store = d->store,
	    .writer = d->writer,
	    .ctx = d,
	    .work = work,
	    .command = command,
	    .now_ms = now_ms,
	    .wall_s = wall_s,
	    .random = random_bytes,
	    .login = login,
	    .pool_login = pool_login,
	    .account_role = account_role,
	    .change_password = change_password,
	    .result_text = xml_result_text,
	    .lock_wait_ms = MAIN_LOCK_WAIT_MS,
	    .target_wait_ms = MAIN_TARGET_WAIT_MS,
	    .sessions_max = (unsigned)d->conf.sessions,
	    .limits = api_limits_of(&d->conf),
	    .by_need = d->conf.by_need,
	    .balance = d->conf.balances ? BAL_LOOP_SHARES : BAL_LOOP_RESTS,
	    .master = d->conf.master[0] != '\0' ? d->conf.master : NULL,
	};
	if (d->pool == NULL || api_env_init(&d->env) != 0)
		log_fatalx("out of memory");
	api_task_start(&d->env);
	api_evt_start(&d->env);
	d->boot = api_boot_new(&d->env, d->conf.sim, &calls);
	if (d->boot == NULL)
		log_fatalx("out of memory");
	d->rpc = (struct srv_rpc){
	    .env = &d->env,
	    .call_max_bytes = (size_t)d->conf.call_bytes,
	    .reply_max_bytes = (size_t)d->conf.reply_bytes,
	};
	d->thin = thin_new(&d->env, d->rpc.call_max_bytes);
	if (d->thin == NULL)
		log_fatalx("out of memory");
}

/* start_hv - the hypervisor process; its facts go to the boot module */
static void
start_hv(struct daemon *d)
{
	static char sim[] = "--sim", state[] = "--state";
	static char take_over[] = "--take-over";
	bool is_xen = d->conf.world == CONF_XEN;
	char why[500];

	find_program(
	    d->hv_program, is_xen ? MAIN_HV_XEN_PROGRAM : MAIN_HV_SIM_PROGRAM);
	d->hv.argv[0] = d->hv_program;
	if (is_xen || d->conf.sim != NULL) {
		d->hv.argv[1] = is_xen ? state : sim;
		d->hv.argv[2] =
		    strdup(is_xen ? d->conf.state_dir : d->conf.sim);
		if (d->hv.argv[2] == NULL)
			log_fatalx("out of memory");
	}
	if (is_xen && d->conf.takes_over)
		d->hv.argv[3] = take_over;
	d->hv.takes_over = d->conf.takes_over;
	d->hv.backend = is_xen ? "xen" : "sim";
	d->hv.state_dir = d->conf.state_dir;
	d->hv.patience_ms = d->conf.hv_ms;
	d->env.command_ms = d->conf.command_ms;
	d->hv.boot = d->boot;
	d->hv.wake = wake;
	d->hv.ctx = d;
	if (srv_hv_start(&d->hv, now_ms(NULL), why, sizeof(why)) != 0)
		log_fatalx("hypervisor: %s", why);
}

static struct http_limits
limits_of(const struct conf *c)
{
	return (struct http_limits){
	    .threads = (unsigned)c->threads,
	    .connections_max = (unsigned)c->connections,
	    .connections_per_address_max = (unsigned)c->connections_per_address,
	    .local_connections_max = (unsigned)c->local_connections,
	    .body_max_bytes = (size_t)c->body_bytes,
	    .bodies_max_bytes = (size_t)c->bodies_bytes,
	    .header_max_bytes = (size_t)c->header_bytes,
	    .headers_max = (unsigned)c->headers,
	    .handshake_ms = c->handshake_ms,
	    .idle_ms = c->idle_ms,
	    .header_ms = c->header_ms,
	    .body_ms = c->body_ms,
	    .write_ms = c->write_ms,
	    .reply_ms = c->reply_ms,
	    .linger_ms = c->linger_ms,
	};
}

/* give_up - the hypervisor process runs already: it is to end as well */
static _Noreturn void
give_up(struct daemon *d, const char *why)
{
	srv_hv_stop(&d->hv);
	log_fatalx("%s", why);
}

/* start_http - listen, run the loops, say that we are ready */
static void
start_http(struct daemon *d)
{
	const struct http_limits limits = limits_of(&d->conf);
	const struct http_ops ops = {
	    .ctx = d,
	    .thread_new = thread_new,
	    .thread_free = thread_free,
	    .call = on_call,
	    .health = on_health,
	};
	bool six = strchr(d->conf.host, ':') != NULL;
	char why[200];

	if (srv_listen_open(d->tcp_fd, why, sizeof(why)) != 0 ||
	    srv_listen_open(d->local_fd, why, sizeof(why)) != 0 ||
	    (d->local_too_fd >= 0 &&
		srv_listen_open(d->local_too_fd, why, sizeof(why)) != 0))
		give_up(d, why);
	d->http =
	    http_server_new(&limits, &ops, d->tls, d->tcp_fd, d->local_fd);
	if (d->http != NULL && d->local_too_fd >= 0)
		http_server_add_local(d->http, d->local_too_fd);
	if (d->http == NULL || !http_server_start(d->http))
		give_up(d, "http: out of memory, descriptors or threads");
	(void)printf("ready https://%s%s%s:%d\n", six ? "[" : "", d->conf.host,
	    six ? "]" : "", d->port);
	if (fflush(stdout) != 0)
		log_warn("standard output");
	(void)srv_notify("READY=1"); /* whoever asked for it */
}

/* ---- running ---- */

/* reload - SIGHUP: certificates and accounts anew; what fails stays */
static void
reload(struct daemon *d)
{
	char why[500];

	if (tls_conf_reload(d->tls, why, sizeof(why)) == 0)
		log_info("certificates: read again");
	else
		log_warnx("certificates: kept the old ones: %s", why);
	srv_watch_reload(d->users, &d->env);
}

/* take_signal - returns true when we are to end */
static bool
take_signal(struct daemon *d)
{
	struct signalfd_siginfo info;

	while (
	    read(d->signal_fd, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
		if (info.ssi_signo != SIGHUP)
			return true;
		reload(d);
	}
	return false;
}

/* on_boot - take calls as soon as there is something to say */
static void
on_boot(struct daemon *d)
{
	int state = atomic_load(&d->boot_state);

	if (state == HOPELESS)
		give_up(d, d->hopeless);
	if (state == READY && d->http == NULL)
		start_http(d);
}

/* run - until a signal says to end */
static void
run(struct daemon *d)
{
	struct pollfd fds[] = {
	    {.fd = d->signal_fd, .events = POLLIN},
	    {.fd = d->wake_fd, .events = POLLIN},
	    {.fd = d->watch_fd, .events = POLLIN},
	};
	int64_t wait_ms = -1, watch_ms = srv_notify_watchdog_ms();
	uint64_t n;

	for (;;) {
		/* EINTR: look, wait again. */
		if (poll(fds, 3, (int)wait_ms) == 0 && d->http == NULL)
			log_info("hypervisor: waiting for its first report");
		if (take_signal(d))
			return;
		srv_watch_take(d->watch_fd, d->users, &d->env);
		(void)!read(d->wake_fd, &n, sizeof(n)); /* maybe nothing */
		on_boot(d);
		api_hv_late(&d->env);
		wait_ms = srv_hv_mend(&d->hv, now_ms(NULL));
		if (d->http == NULL && (wait_ms < 0 || wait_ms > MAIN_BOOT_MS))
			wait_ms = MAIN_BOOT_MS;
		if (watch_ms > 0 && srv_notify("WATCHDOG=1") &&
		    wait_ms > watch_ms)
			wait_ms = watch_ms;
	}
}

/* ---- ending ---- */

/*
 * settle - let running calls end: none left, or none but parked ones (those
 * have nothing in flight, look after look)
 */
static void
settle(struct daemon *d)
{
	const struct timespec pause = {0, MAIN_POLL_MS * 1000000};
	int64_t until_ms = now_ms(NULL) + d->conf.stop_ms;
	int quiet = 0;

	while (atomic_load(&d->rpc.running) + thin_running(d->thin) > 0 &&
	       quiet < MAIN_QUIET_POLLS && now_ms(NULL) < until_ms) {
		quiet = atomic_load(&d->hv.commands) == 0 ? quiet + 1 : 0;
		(void)nanosleep(&pause, NULL); /* shorter is fine */
	}
}

/* stop - in an order in which nobody pushes to what has gone */
static void
stop(struct daemon *d)
{
	log_info("ending");
	(void)srv_notify("STOPPING=1"); /* whoever asked for it */
	if (d->http != NULL) {
		http_server_drain(d->http);
		api_evt_stop(&d->env);
		settle(d);
	}
	thin_stop(d->thin); /* its commands wait for all that follows */
	api_timers_stop(&d->env);
	srv_hv_stop(&d->hv);
	api_boot_lost(d->boot);
	atomic_store(&d->pam.ending, true);
	pool_free(&d->pool);
	wrq_stop(&d->writer);
	if (d->http != NULL) {
		if (!http_server_stop(d->http, d->conf.stop_ms))
			log_warnx("http: cut off connections that took too "
				  "long to end");
		http_server_free(&d->http);
	}
	thin_free(&d->thin);
	api_boot_free(&d->boot);
	api_env_fini(&d->env);
	fld_close(&d->store);
	tls_conf_free(&d->tls);
	usr_close(&d->users);
	free(d->hv.argv[2]);
}

int
main(int argc, char **argv)
{
	static struct daemon d;
	char why[1000], path[MAIN_PATH];

	switch (conf_parse(&d.conf, argc, argv, why, sizeof(why))) {
	case CONF_RUN:
		break;
	case CONF_TOOL:
		return usr_tool_run(&d.conf);
	case CONF_HELP:
		conf_help();
		return 0;
	case CONF_MAN:
		conf_man();
		return 0;
	case CONF_DEFAULTS:
		conf_defaults();
		return 0;
	case CONF_BAD:
		(void)fprintf(stderr, "xenapi-memoryd: %s\n", why);
		return EX_CONFIG; /* the unit: another try is no use */
	}
	if (d.conf.verbose)
		log_verbose();
	set_process(&d);
	open_state(&d);
	open_store(&d);
	open_api(&d);
	start_hv(&d);
	run(&d);
	stop(&d);
	(void)snprintf(path, sizeof(path), "%s/socket", d.conf.state_dir);
	(void)unlink(path); /* else the next start removes it */
	if (d.conf.local_socket[0] != '\0')
		(void)unlink(d.conf.local_socket); /* likewise */
	return 0;
}
