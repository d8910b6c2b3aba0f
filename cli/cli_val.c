/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cli_val - the pool that a command lives in, and the values in it
 */

/* System */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Cli */
#include "cli/cli_val.h"

#define CHUNK_BYTES 16384

struct chunk {
	struct chunk *next;
	size_t used, room;
	max_align_t data[];
};

struct cli_pool {
	struct chunk *chunks;
	size_t left; /* bytes that may still be taken from the system */
	bool failed;
};

struct cli_pool *
cli_pool_new(size_t max_bytes)
{
	struct cli_pool *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->left = max_bytes;
	return p;
}

void
cli_pool_free(struct cli_pool **pool)
{
	struct chunk *c;

	if (*pool == NULL)
		return;
	while ((c = (*pool)->chunks) != NULL) {
		(*pool)->chunks = c->next;
		free(c);
	}
	free(*pool);
	*pool = NULL;
}

/* add_chunk - room for n bytes at least; NULL when there is none */
static struct chunk *
add_chunk(struct cli_pool *p, size_t n)
{
	size_t room = n > CHUNK_BYTES ? n : CHUNK_BYTES;
	struct chunk *c;

	if (room > p->left)
		room = n;
	if (room > p->left || room > SIZE_MAX - sizeof(*c))
		return NULL;
	c = malloc(sizeof(*c) + room);
	if (c == NULL)
		return NULL;
	p->left -= room;
	c->used = 0;
	c->room = room;
	c->next = p->chunks;
	p->chunks = c;
	return c;
}

void *
cli_pool_get(struct cli_pool *p, size_t n)
{
	const size_t align = sizeof(max_align_t);
	struct chunk *c = p->chunks;
	char *at;

	if (n > SIZE_MAX - align) {
		p->failed = true;
		return NULL;
	}
	n = (n + align - 1) / align * align;
	if (n == 0)
		n = align;
	if (c == NULL || c->room - c->used < n)
		c = add_chunk(p, n);
	if (c == NULL) {
		p->failed = true;
		return NULL;
	}
	at = (char *)c->data + c->used;
	c->used += n;
	return memset(at, 0, n);
}

void *
cli_pool_array(struct cli_pool *p, size_t count, size_t size)
{
	if (size > 0 && count > SIZE_MAX / size) {
		p->failed = true;
		return NULL;
	}
	return cli_pool_get(p, count * size);
}

const char *
cli_pool_text(struct cli_pool *p, const char *s, size_t n)
{
	char *copy;

	if (n == SIZE_MAX) {
		p->failed = true;
		return NULL;
	}
	copy = cli_pool_get(p, n + 1);
	if (copy != NULL)
		memcpy(copy, s, n);
	return copy;
}

const char *
cli_pool_printf(struct cli_pool *p, const char *fmt, ...)
{
	va_list ap;
	char *copy;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0) {
		p->failed = true;
		return NULL;
	}
	copy = cli_pool_get(p, (size_t)n + 1);
	if (copy == NULL)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(copy, (size_t)n + 1, fmt, ap); /* measured above */
	va_end(ap);
	return copy;
}

bool
cli_pool_failed(const struct cli_pool *p)
{
	return p->failed;
}

struct cli_val
cli_val_text(const char *s)
{
	return (struct cli_val){.kind = CLI_TEXT, .text = s};
}

struct cli_val
cli_val_number(int64_t i)
{
	return (struct cli_val){.kind = CLI_INT, .i = i};
}

struct cli_val
cli_val_bool(bool b)
{
	return (struct cli_val){.kind = CLI_BOOL, .i = b};
}

struct cli_val
cli_val_float(double f)
{
	return (struct cli_val){.kind = CLI_FLOAT, .f = f};
}

const struct cli_val *
cli_val_member(const struct cli_val *v, const char *name)
{
	size_t i;

	if (v == NULL || v->kind != CLI_STRUCT)
		return NULL;
	for (i = 0; i < v->n; i++)
		if (strcmp(v->name[i], name) == 0)
			return &v->item[i];
	return NULL;
}

const char *
cli_val_str(const struct cli_val *v)
{
	return v != NULL && v->kind == CLI_TEXT ? v->text : "";
}

bool
cli_val_int(const struct cli_val *v, int64_t *i_out)
{
	intmax_t n;
	char *end;

	if (v == NULL)
		return false;
	if (v->kind == CLI_INT) {
		*i_out = v->i;
		return true;
	}
	if (v->kind != CLI_TEXT || v->text[0] == '\0')
		return false;
	errno = 0;
	n = strtoimax(v->text, &end, 10);
	if (errno != 0 || *end != '\0')
		return false;
	*i_out = n;
	return true;
}

bool
cli_val_true(const struct cli_val *v)
{
	return v != NULL && v->kind == CLI_BOOL && v->i != 0;
}
