/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * xe_top - hosts and VMs, live: what each may have, should have and has
 *
 *	web      running  [  --====##|====------   ]  2 GiB of 4 GiB
 *
 * '-' static range, '=' dynamic range, '#' what it has, '|' its target; where
 * there is room for it, what guests that are asked say is free.
 */

/* System */
#define NCURSES_WIDECHAR 1
#include <curses.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <wchar.h>

/* Cli */
#include "cli/cli_priv.h"
#include "cli/xe.h"

#define REFRESH_MS 1000
#define NAME_COLUMNS_MIN 18
#define NAME_COLUMNS_MAX 40
#define STATE_COLUMNS 10
#define TEXT_COLUMNS 24
#define FREE_COLUMNS 15
#define WIDE_COLUMNS 96 /* a screen that has room for them */

/* What the keys have asked for. */
static struct {
	size_t first; /* VM in the first line */
	bool shown;   /* there is a screen */
	bool frees;   /* some guest says what it has free */
	bool quit;
	bool gave_up; /* the server did not answer before that */
} asked;

/* One refresh: what the server says, in a pool of its own. */
struct view {
	struct cli_pool *pool;
	struct cli_val hosts, host_metrics, vms, vm_metrics, guest_metrics;
};

/* One VM, as it is drawn; bytes. */
struct line {
	const char *name, *state;
	int64_t static_min, dynamic_min, target, dynamic_max, static_max;
	int64_t actual;
	int64_t free; /* the guest says; -1: it does not */
};

static bool
fetch(const struct cli_env *env, struct view *v, const char **why_out)
{
	const struct {
		const char *method;
		struct cli_val *out;
	} call[] = {{"host.get_all_records", &v->hosts},
	    {"host_metrics.get_all_records", &v->host_metrics},
	    {"VM.get_all_records", &v->vms},
	    {"VM_metrics.get_all_records", &v->vm_metrics},
	    {"VM_guest_metrics.get_all_records", &v->guest_metrics}};
	struct cli_failure why;
	size_t i;

	for (i = 0; i < sizeof(call) / sizeof(call[0]); i++)
		if (env->ops->call(env->ctx, v->pool, call[i].method, NULL, 0,
			call[i].out, &why) != CLI_OK) {
			*why_out =
			    why.code != NULL ? why.code : "out of memory";
			return false;
		}
	return true;
}

static int64_t
bytes(const struct cli_val *record, const char *member)
{
	int64_t n = 0;

	(void)cli_val_int(cli_val_member(record, member), &n); /* else 0 */
	return n;
}

/* by_ref - the record in all whose ref a member holds */
static const struct cli_val *
by_ref(
    const struct cli_val *all, const struct cli_val *record, const char *member)
{
	return cli_val_member(all, cli_val_str(cli_val_member(record, member)));
}

/* guest_free - what the guest of a VM says it has free; -1: it does not */
static int64_t
guest_free(const struct view *v, const struct cli_val *vm)
{
	const struct cli_val *m =
	    by_ref(&v->guest_metrics, vm, "guest_metrics");
	int64_t n;

	return cli_val_int(
		   cli_val_member(cli_val_member(m, "memory"), "free"), &n)
		   ? n
		   : -1;
}

static int
compare(const void *a, const void *b)
{
	const struct line *x = a, *y = b;
	bool runs = strcmp(x->state, "Halted") != 0;

	if (runs != (strcmp(y->state, "Halted") != 0))
		return runs ? -1 : 1;
	return strcmp(x->name, y->name);
}

/* lines - VMs that are no templates: those that run first, then by name */
static struct line *
lines(struct view *v, size_t *n_out)
{
	struct line *l = cli_pool_array(v->pool, v->vms.n + 1, sizeof(*l));
	size_t i, n = 0;

	*n_out = 0;
	if (l == NULL || v->vms.kind != CLI_STRUCT)
		return NULL;
	for (i = 0; i < v->vms.n; i++) {
		const struct cli_val *r = &v->vms.item[i];

		if (cli_val_true(cli_val_member(r, "is_a_template")))
			continue;
		l[n++] = (struct line){
		    .name = cli_val_str(cli_val_member(r, "name_label")),
		    .state = cli_val_str(cli_val_member(r, "power_state")),
		    .static_min = bytes(r, "memory_static_min"),
		    .dynamic_min = bytes(r, "memory_dynamic_min"),
		    .target = bytes(r, "memory_target"),
		    .dynamic_max = bytes(r, "memory_dynamic_max"),
		    .static_max = bytes(r, "memory_static_max"),
		    .actual = bytes(
			by_ref(&v->vm_metrics, r, "metrics"), "memory_actual"),
		    .free = guest_free(v, r)};
	}
	qsort(l, n, sizeof(*l), compare);
	*n_out = n;
	return l;
}

/* name_columns - a quarter of the screen, within bounds */
static int
name_columns(void)
{
	int n = COLS / 4;

	if (n < NAME_COLUMNS_MIN)
		return NAME_COLUMNS_MIN;
	return n > NAME_COLUMNS_MAX ? NAME_COLUMNS_MAX : n;
}

/* bar_columns - what the other columns leave for a bar */
static int
bar_columns(void)
{
	int more = asked.frees && COLS >= WIDE_COLUMNS ? FREE_COLUMNS : 0;

	return COLS - name_columns() - STATE_COLUMNS - TEXT_COLUMNS - more - 5;
}

/* column - where on a bar of that width a number of bytes is */
static int
column(int64_t n, int64_t most, int width)
{
	if (n <= 0 || most <= 0 || width <= 0)
		return 0;
	return n >= most ? width : (int)((double)n / (double)most * width);
}

/* draw_bar - between two brackets, in the place where the cursor is */
static void
draw_bar(const struct line *l, int64_t most, int width)
{
	int low = column(l->static_min, most, width);
	int min = column(l->dynamic_min, most, width);
	int max = column(l->dynamic_max, most, width);
	int high = column(l->static_max, most, width);
	int has = column(l->actual, most, width);
	int target = column(l->target, most, width), i;
	bool runs = strcmp(l->state, "Halted") != 0;

	addch('[');
	for (i = 0; i < width; i++) {
		chtype c = ' ';

		if (i >= low && i < high)
			c = '-';
		if (i >= min && i < max)
			c = '=';
		if (runs && i < has)
			c = '#';
		if (runs && i == (target < width ? target : width - 1))
			c = '|' | A_BOLD;
		addch(c);
	}
	addch(']');
}

/* human - bytes as people read them; "?" when the pool is full */
static const char *
human(struct view *v, int64_t n)
{
	const char *s = cli_print_human(v->pool, n);

	return s != NULL ? s : "?";
}

/* put_name - a name in a field of that many columns; control signs go */
static void
put_name(const char *name, int columns)
{
	mbstate_t state = {0};
	wchar_t sign;
	size_t n;
	int used = 0, wide;

	for (; *name != '\0'; name += n, used += wide) {
		n = mbrtowc(&sign, name, MB_LEN_MAX, &state);
		wide = n < (size_t)-2 ? wcwidth(sign) : -1;
		if (wide < 0) { /* not for a terminal: one '?' */
			memset(&state, 0, sizeof(state));
			n = n < (size_t)-2 ? n : 1;
			wide = 1;
			sign = L'?';
		}
		if (used + wide > columns)
			break;
		addnwstr(&sign, 1);
	}
	printw("%*s", columns + 1 - used, "");
}

/* compare_hosts - by name */
static int
compare_hosts(const void *a, const void *b)
{
	const struct cli_val *const *x = a, *const *y = b;

	return strcmp(cli_val_str(cli_val_member(*x, "name_label")),
	    cli_val_str(cli_val_member(*y, "name_label")));
}

static void
draw_host(struct view *v, const struct cli_val *h)
{
	const struct cli_val *m = by_ref(&v->host_metrics, h, "metrics");
	int64_t total = bytes(m, "memory_total");
	struct line l = {.state = "Running",
	    .static_max = total,
	    .dynamic_max = total,
	    .target = total,
	    .actual = total - bytes(m, "memory_free")};

	attron(A_BOLD);
	put_name(cli_val_str(cli_val_member(h, "name_label")),
	    name_columns() + STATE_COLUMNS + 1);
	attroff(A_BOLD);
	draw_bar(&l, total, bar_columns());
	printw(" %s of %s", human(v, l.actual), human(v, total));
}

/* draw_hosts - a line for each; returns the next row */
static int
draw_hosts(struct view *v, int row)
{
	const struct cli_val **host =
	    cli_pool_array(v->pool, v->hosts.n + 1, sizeof(*host));
	size_t i, n = v->hosts.kind == CLI_STRUCT ? v->hosts.n : 0;

	if (host == NULL)
		return row;
	for (i = 0; i < n; i++)
		host[i] = &v->hosts.item[i];
	qsort(host, n, sizeof(const struct cli_val *), compare_hosts);
	for (i = 0; i < n && row < LINES; i++) {
		move(row++, 0);
		draw_host(v, host[i]);
	}
	return row;
}

static void
draw_vms(struct view *v, int row)
{
	size_t i, n;
	struct line *l = lines(v, &n);
	int64_t most = 0;

	for (i = 0; i < n; i++)
		if (l[i].static_max > most)
			most = l[i].static_max;
	for (i = asked.first; i < n && row < LINES; i++) {
		bool runs = strcmp(l[i].state, "Halted") != 0;

		move(row++, 0);
		put_name(l[i].name, name_columns());
		put_name(l[i].state, STATE_COLUMNS);
		draw_bar(&l[i], most, bar_columns());
		printw(" %s of %s", human(v, runs ? l[i].actual : 0),
		    human(v, l[i].static_max));
		if (l[i].free >= 0 && COLS >= WIDE_COLUMNS)
			mvprintw(row - 1, COLS - FREE_COLUMNS, "%10s free",
			    human(v, l[i].free));
	}
}

/* any_free - does any guest say what it has free? */
static bool
any_free(const struct view *v)
{
	bool is = v->vms.kind == CLI_STRUCT;

	for (size_t i = 0; is && i < v->vms.n; i++)
		if (guest_free(v, &v->vms.item[i]) >= 0)
			return true;
	return false;
}

static void
draw_head(void)
{
	erase();
	mvaddnstr(0, 0,
	    "xe-memory top   - static  = dynamic  # actual  | target   "
	    "q quits",
	    COLS);
}

/* draw - the whole screen from one refresh, or why there is none */
static void
draw(const struct cli_env *env)
{
	struct view v = {.pool = cli_pool_new(CLI_POOL_MAX_BYTES)};
	const char *why = "out of memory";
	int row = 2;

	draw_head();
	if (v.pool == NULL || !fetch(env, &v, &why)) {
		mvprintw(row, 0, "%s", why);
		if (row + 2 < LINES)
			mvaddnstr(row + 2, 0, "Trying again.", COLS);
	} else {
		asked.frees = any_free(&v);
		row = draw_hosts(&v, row) + 1;
		if (row < LINES)
			draw_vms(&v, row);
	}
	refresh();
	cli_pool_free(&v.pool);
}

/* obey - what a key asks for */
static void
obey(int key)
{
	if (key == 'q' || key == 'Q')
		asked.quit = true;
	if (key == KEY_DOWN || key == 'j')
		asked.first++;
	if ((key == KEY_UP || key == 'k') && asked.first > 0)
		asked.first--;
}

bool
xe_top_stop(void)
{
	int key;

	if (!asked.shown)
		return asked.gave_up;
	timeout(0);
	while ((key = getch()) != ERR)
		obey(key);
	timeout(REFRESH_MS);
	asked.gave_up = asked.quit || xe_wait_stopped();
	return asked.gave_up;
}

int
xe_top(const struct cli_env *env)
{
	SCREEN *screen;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO)) {
		fprintf(stderr, "Error: top needs a terminal\n");
		return 1;
	}
	screen = newterm(NULL, stdout, stdin);
	if (screen == NULL) {
		fprintf(stderr, "Error: the terminal cannot show this\n");
		return 1;
	}
	xe_wait_catch();
	cbreak();
	noecho();
	(void)curs_set(0); /* some terminals cannot */
	keypad(stdscr, TRUE);
	timeout(REFRESH_MS);
	asked.shown = true;
	draw_head(); /* the first answer may take its time */
	refresh();
	/* A terminal that has gone has no keys, and does not wait for any. */
	while (!asked.quit && !xe_wait_stopped() && isatty(STDIN_FILENO)) {
		draw(env);
		if (!asked.quit)
			obey(getch());
	}
	asked.shown = false;
	endwin();
	delscreen(screen);
	return 0;
}
