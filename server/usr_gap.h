/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef SERVER_USR_GAP_H
#define SERVER_USR_GAP_H

/*
 * usr_gap - who has to wait before the next try at a password
 *
 * A bounded table of (account, address) pairs, and one entry for each account
 * over all addresses (address "*"), and one for each address over all accounts
 * (account "").  A pair gets 3 free failures, then 1 s doubling to 60 s.  An
 * account or an address gets 10, then 100 ms doubling to 2 s: enough to stop a
 * distributed guesser, or one who tries many names, little enough not to be a
 * lock-out; a pair that has logged in during the last hour does not feel it.
 *
 * A pair has one try at a time, the others wait for their turn; but one that
 * has logged in, and not failed since, is no guesser and has as many as it
 * likes.
 *
 * Names that are no account are treated alike, or the gaps would tell which
 * are; they have a part of the table to themselves, so that made-up names push
 * nothing out that matters.
 *
 * Not thread safe: the caller locks.
 *
 * DIAGNOSTICS none.
 * BUGS when the table is full the entry untouched for longest is forgotten.
 */

#include <stdbool.h>
#include <stdint.h>

#define USR_GAP_SETS 256
#define USR_GAP_WAYS 4
#define USR_GAP_KEY 40

struct usr_gap_entry {
	char account[USR_GAP_KEY]; /* cut short; "": all of an address */
	char address[USR_GAP_KEY]; /* "" entry not in use */
	unsigned failures;	   /* since the last success */
	unsigned busy;		   /* verifications under way */
	int64_t touched_ms;
	int64_t next_ms;    /* earliest next try */
	int64_t success_ms; /* last success; INT64_MIN: none */
};

/* Parts of the table. */
enum usr_gap_part { USR_GAP_KNOWN, USR_GAP_UNKNOWN, USR_GAP_ADDRESS };
#define USR_GAP_PARTS 3

struct usr_gap {
	uint64_t seed; /* nobody outside can aim at a set */
	struct usr_gap_entry entries[USR_GAP_PARTS][USR_GAP_SETS][USR_GAP_WAYS];
};

/* Who tries. */
struct usr_gap_who {
	const char *account;
	bool known; /* is there such an account? */
	const char *address;
};

/* Another try of the pair is under way: ask again when one has been left. */
#define USR_GAP_BUSY (-1)

/*
 * usr_gap_enter - may this pair try now?
 *
 * returns 0: yes, usr_gap_leave must follow; USR_GAP_BUSY; else how long to
 *         wait, in ms
 */
int64_t usr_gap_enter(
    struct usr_gap *g, const struct usr_gap_who *who, int64_t now_ms);

/*
 * usr_gap_leave - the outcome of the try
 */
enum usr_gap_outcome {
	USR_GAP_SUCCESS,
	USR_GAP_FAILURE,
	USR_GAP_UNTRIED, /* there was no time to look */
};
void usr_gap_leave(struct usr_gap *g, const struct usr_gap_who *who,
    int64_t now_ms, enum usr_gap_outcome outcome);

#endif
