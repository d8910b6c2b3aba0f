/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * stress_fld - readers walk images while the writer changes them
 *
 * VMs hand memory to each other, come and go in pairs; in every image the sum
 * of memory_target is the same, and both halves of a pair are there or none.
 * Made for ThreadSanitizer and AddressSanitizer; exits 1 when an image is not
 * what one transaction left.
 */

/* System */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Own */
#include "tests/model/help_fld.h"
#include "tests/model/help_random.h"

#define READERS 3
#define PINS 3
#define VMS 400 /* always there */
#define PAIRS 40
#define BATCHES 1500
#define EACH_BYTES 1000

static struct fld_store *store;
static atomic_bool is_over;
static atomic_int wrong;

/* complain - and make the program fail */
static void
complain(const char *what, uint64_t generation)
{
	fprintf(stderr, "stress_fld: generation %llu: %s\n",
	    (unsigned long long)generation, what);
	atomic_store(&wrong, 1);
}

/* judge - is this image one that a transaction left? */
static void
judge(const struct fld_view *v)
{
	const struct idl_vm *vm = NULL;
	const char *name = "moving";
	int64_t sum = 0;
	uint64_t n;

	while ((vm = fld_next(
		    v, IDL_CLASS_VM, vm == NULL ? NULL : &vm->h.ref)) != NULL)
		sum += vm->memory_target;
	if (sum != VMS * EACH_BYTES)
		complain("the sum is wrong", fld_generation(v));
	for (n = 0; n < PAIRS; n++)
		if ((help_fld_get(v, VMS + 2 * n) == NULL) !=
		    (help_fld_get(v, VMS + 2 * n + 1) == NULL))
			complain("half a pair", fld_generation(v));
	vm = NULL;
	for (n = 0;; n++) {
		vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL, &name,
		    vm == NULL ? NULL : &vm->h.ref);
		if (vm == NULL)
			break;
	}
	if (n != 1)
		complain("a name has not one bearer", fld_generation(v));
}

/* read_on - one reader: several images pinned at a time, judged twice */
static void *
read_on(void *arg)
{
	const struct fld_view *pin[PINS] = {NULL};
	struct fld_reader *r = fld_reader_new(store);
	uint64_t i = 0, last = 0;

	(void)arg;
	if (r == NULL)
		abort();
	for (; !atomic_load(&is_over) || i < PINS; i++) {
		if (pin[i % PINS] != NULL) {
			judge(pin[i % PINS]);
			fld_unpin(r, pin[i % PINS]);
		}
		pin[i % PINS] = fld_pin(r);
		if (pin[i % PINS] == NULL)
			abort();
		if (fld_generation(pin[i % PINS]) < last)
			complain("time went back", last);
		last = fld_generation(pin[i % PINS]);
		judge(pin[i % PINS]);
	}
	for (i = 0; i < PINS; i++)
		fld_unpin(r, pin[i]);
	fld_reader_free(&r);
	return NULL;
}

/* change - one transaction that keeps the sum */
static void
change(struct help_fld *h, struct help_random *r)
{
	uint64_t a = help_random_below(r, VMS), b = help_random_below(r, VMS);
	uint64_t pair = VMS + 2 * help_random_below(r, PAIRS);
	struct idl_ref one = help_fld_ref(pair), two = help_fld_ref(pair + 1);
	const struct fld_view *v = help_fld_begin(h);
	const char *name = "moving";
	const struct idl_vm *vm;
	struct idl_vm *mover;
	struct failure why;

	help_fld_edit(h, a)->memory_target -= 3;
	help_fld_edit(h, b)->memory_target += 3;
	vm = fld_find(v, IDL_CLASS_VM, IDL_VM_F_NAME_LABEL, &name, NULL);
	mover = fld_tx_edit(h->tx, IDL_CLASS_VM, &vm->h.ref);
	mover->name_label = "still";
	help_fld_edit(h, a)->name_label = name;
	if (help_fld_get(v, pair) != NULL) {
		fld_tx_delete(h->tx, IDL_CLASS_VM, &one);
		fld_tx_delete(h->tx, IDL_CLASS_VM, &two);
	} else {
		(void)help_fld_vm(h, pair, "pair");
		(void)help_fld_vm(h, pair + 1, "pair");
	}
	if (help_random_below(r, 5) == 0)
		fld_tx_abort(&h->tx);
	else if (help_fld_end(h, &why) != ERR_NONE)
		complain(why.param[0], 0);
}

/* write_on - the writer: batches, some of them refused */
static void
write_on(struct help_fld *h, struct help_random *r)
{
	struct failure why;
	int i;

	for (i = 0; i < BATCHES; i++) {
		change(h, r);
		change(h, r);
		if (help_random_below(r, 10) == 0)
			jrn_memory_fail(h->j, (struct jrn_memory_fault){
						  1, JRN_REFUSED, JRN_REFUSED});
		if (fld_batch_commit(h->s, &why) == FLD_FATAL)
			complain("fatal", 0);
		jrn_memory_fail(h->j, (struct jrn_memory_fault){0});
		(void)fld_collect(h->s);
	}
}

int
main(void)
{
	pthread_t thread[READERS];
	struct help_random r;
	struct help_fld h;
	struct failure why;
	uint64_t n;
	int i;

	help_random_init(&r, "stress_fld");
	if (help_fld_open(&h, NULL, &help_fld_lax, &why) != ERR_NONE)
		return 1;
	store = h.s;
	(void)help_fld_begin(&h);
	for (n = 0; n < VMS; n++)
		help_fld_vm(&h, n, n == 0 ? "moving" : "still")->memory_target =
		    EACH_BYTES;
	help_fld_commit(&h);
	for (i = 0; i < READERS; i++)
		if (pthread_create(&thread[i], NULL, read_on, NULL) != 0)
			return 1;
	write_on(&h, &r);
	atomic_store(&is_over, true);
	for (i = 0; i < READERS; i++)
		(void)pthread_join(thread[i], NULL);
	if (fld_collect(h.s) != 0)
		complain("garbage stays", 0);
	help_fld_close(&h);
	return atomic_load(&wrong);
}
