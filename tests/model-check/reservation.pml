/* SPDX-License-Identifier: BSD-2-Clause */

/*
 * reservation - the protocol by which memory is promised, as a Spin model
 *
 * One host: a guest that balloons, and two toolstacks.  Each asks for a
 * reservation, which is counted from then on and granted once the guest has
 * made room; then it builds a domain in it, transfers it first or not, destroys
 * it, or forgets it until it expires.  The daemon has one writer: each of its
 * jobs is one atomic step here, as each is one transaction there.  It may be
 * killed once, between any two of them: what is in the store and in the world stays,
 * asks, and what the loop knows, go.  Facts arrive late; those of a command
 * arrive before its result, as hv.h says.
 *
 * SPARE, SIZE0, SIZE1: pages that are free at first, and that each toolstack
 * wants.
 *
 * What must hold in every state:
 *   PROMISE  a domain whose building began while its reservation was held, and
 *            its time not over, gets every page of it; the emergency pool is
 *            not touched for that
 *   ONCE     the host's account is what a recount says: a reservation and the
 *            domain that it went to are counted once
 *   LAW      what is promised is never more than ballooning can free
 *   WINS     a reservation whose domain is known does not expire
 *
 * BROKEN=n makes a mistake on purpose.  The checker has to find each, or it
 * proves nothing:
 *   1  the loop lets go of what it granted before the record is committed
 *   2  what a transferred one still has to take is not held back
 *   3  a domain that appears is counted beside its reservation
 *   4  expiry does not wait for facts that are on their way
 *   5  expiry does not look at the state again after that wait
 *   6  who waits for the guest is not counted yet
 *   7  what a guest may still grow by counts as free
 *   8  no mistake: a state to be reached, both domains complete
 */

#ifndef BROKEN
#define BROKEN 0
#endif

#define POOL 1 /* of the host's pages; never given away */
#define GUEST_MIN 1
#define GUEST_MAX 3
#define TOTAL (POOL + GUEST_MAX + SPARE)
#define CEILING (TOTAL - POOL - GUEST_MIN)
#define SIZE(i) (i == 0 -> SIZE0 : SIZE1)

mtype = { none, held, transferred, gone };     /* a reservation */
mtype = { idle, waiting, granted, committed }; /* the call that makes it */
mtype = { nothing, making, yes, no };	       /* what its client knows */
mtype = { off, asked, under_way };	       /* a question about facts */

/* The store. */
mtype state[2] = none;
bool free_for[2]; /* its memory is there: granted */
bool counted[2]; /* the VM itself is in the account */
byte account;

/* The world, and the clock that tells both sides of a deadline. */
byte guest = GUEST_MAX;
byte target = GUEST_MAX;
byte pages[2];
bool exists[2];
bool late[2];
bool promised[2]; /* its building began in time */

/* On the way between world and daemon. */
bool sent; /* a command without its result */
byte sent_target;
bool fact; /* a report */
byte fact_guest, fact_target;
byte fact_pages[2];
bool fact_exists[2];

/* The daemon's memory; a crash clears it. */
mtype ask[2] = idle;
mtype fence[2] = off;
bool known;
byte known_guest, known_target;
byte known_pages[2];
bool known_exists[2];

mtype answer[2] = nothing;
bool crashed;

#define MORE(a, b) (a > b -> a - b : 0)
#define FREE (TOTAL - guest - pages[0] - pages[1])
#define KNOWN_FREE (TOTAL - known_guest - known_pages[0] - known_pages[1])
#define ADMITS(i) (account + SIZE(i) <= CEILING)

/* What is held back, by calls and by reservations beyond their domains. */
#define BY_CALL(i)                                                             \
	((ask[i] == granted && BROKEN != 1) || ask[i] == committed ->          \
		SIZE(i) :                                                      \
		0)
#define BY_RECORD(i)                                                           \
	((state[i] == held && free_for[i]) ||                                  \
			(state[i] == transferred && BROKEN != 2) ->            \
		MORE(SIZE(i), known_pages[i]) :                                \
		0)
#define HELD (BY_CALL(0) + BY_CALL(1) + BY_RECORD(0) + BY_RECORD(1))
#define WANTED                                                                 \
	((ask[0] == waiting -> SIZE0 : 0) + (ask[1] == waiting -> SIZE1 : 0))
#define MAY_GROW (BROKEN == 7 -> 0 : MORE(known_target, known_guest))

/* What the guest is to have, by what is known. */
#define TAKEN (POOL + known_pages[0] + known_pages[1] + HELD + WANTED)
#define ROOM MORE(TOTAL, TAKEN)
#define GOAL                                                                   \
	(ROOM < GUEST_MIN -> GUEST_MIN : (ROOM > GUEST_MAX -> GUEST_MAX : ROOM))

#define COUNTED(i)                                                             \
	((state[i] == held && (free_for[i] || BROKEN != 6)) || counted[i] ->   \
		SIZE(i) :                                                      \
		0)
inline check()
{
	assert(account == COUNTED(0) + COUNTED(1)); /* ONCE */
	assert(account <= CEILING);		    /* LAW */
}

inline report()
{
	fact_guest = guest;
	fact_target = target;
	fact_pages[0] = pages[0];
	fact_pages[1] = pages[1];
	fact_exists[0] = exists[0];
	fact_exists[1] = exists[1];
	if
	:: fence[0] == asked -> fence[0] = under_way
	:: else
	fi;
	if
	:: fence[1] == asked -> fence[1] = under_way
	:: else
	fi;
	fact = true
}

#define OLD(i) (known_pages[i] != pages[i] || known_exists[i] != exists[i])
#define NEWS                                                                   \
	(!known || known_guest != guest || known_target != target || OLD(0) || \
		OLD(1) || fence[0] == asked || fence[1] == asked)

active proctype world()
{
end:	do
	:: d_step { guest > target -> guest-- }
	:: d_step { guest < target && FREE > 0 ->
		guest++;
		assert(FREE >= POOL) /* nobody else's was given to it */ }
	:: d_step { !fact && NEWS -> report() }
	od
}

/* seen - what a domain that appears or dies does to the store */
inline seen(i)
{
	if
	:: fact_exists[i] && state[i] == held ->
		state[i] = transferred; /* by itself */
		counted[i] = true;
		if
		:: BROKEN == 3 -> account = account + SIZE(i)
		:: else
		fi
	:: known && known_exists[i] && !fact_exists[i] && counted[i] ->
		counted[i] = false;
		state[i] = gone;
		account = account - SIZE(i)
	:: else
	fi
}

/* expire - the facts that the deadline waited for are there */
inline expire(i)
{
	if
	:: fence[i] == under_way &&
		(state[i] == held || (BROKEN == 5 && state[i] != gone)) ->
		assert(!fact_exists[i]); /* WINS */
		state[i] = gone;
		counted[i] = false;
		account = account - SIZE(i)
	:: else
	fi;
	if
	:: fence[i] == under_way -> fence[i] = off
	:: else
	fi
}

inline take_facts()
{
	seen(0);
	seen(1);
	known_guest = fact_guest;
	known_target = fact_target;
	known_pages[0] = fact_pages[0];
	known_pages[1] = fact_pages[1];
	known_exists[0] = fact_exists[0];
	known_exists[1] = fact_exists[1];
	known = true;
	expire(0);
	expire(1);
	fact = false;
	check()
}

/* The jobs of the writer that concern all, and its death. */
active proctype daemon()
{
end:	do
	:: d_step { fact -> take_facts() }
	:: d_step { known && !sent && GOAL != known_target ->
		sent_target = GOAL;
		sent = true }
	/* the world obeys at once: facts of before, the change, its facts */
	:: d_step { sent && !fact ->
		target = sent_target;
		report();
		take_facts();
		sent = false }
	:: d_step { !crashed ->
		crashed = true;
		ask[0] = idle;
		ask[1] = idle;
		fence[0] = off;
		fence[1] = off;
		known = false;
		fact = false;
		answer[0] = (answer[0] == making -> no : answer[0]);
		answer[1] = (answer[1] == making -> no : answer[1]) }
	:: d_step { crashed && sent && !known -> sent = false } /* was lost */
	od
}

/* The jobs of the writer that one reservation needs. */
proctype writer(byte i)
{
end:	do
	:: d_step { answer[i] == making && ask[i] == idle && known &&
		state[i] == none ->
		if
		:: ADMITS(i) ->
			state[i] = held;
			account = account + (BROKEN == 6 -> 0 : SIZE(i));
			ask[i] = waiting
		:: else -> answer[i] = no
		fi;
		check() }
	:: d_step { ask[i] == waiting && known && !sent &&
		KNOWN_FREE >= POOL + HELD + MAY_GROW + SIZE(i) ->
		ask[i] = granted }
	:: d_step { ask[i] == granted ->
		free_for[i] = true;
		account = account + (BROKEN == 6 -> SIZE(i) : 0);
		ask[i] = committed;
		check() }
	/* the first look after a start: its call died, nobody knows of it */
	:: d_step { known && ask[i] == idle && state[i] == held &&
		!free_for[i] ->
		state[i] = gone;
		account = account - (BROKEN == 6 -> 0 : SIZE(i));
		check() }
	:: d_step { ask[i] == committed ->
		ask[i] = idle;
		answer[i] = yes }
	:: d_step { late[i] && state[i] == held && known && fence[i] == off ->
		if
		:: BROKEN == 4 ->
			state[i] = gone;
			account = account - SIZE(i)
		:: else -> fence[i] = asked
		fi;
		check() }
	od
}

/* A client, and the domain that it builds. */
proctype toolstack(byte i)
{
	atomic { answer[i] = making };
	atomic { answer[i] == yes || answer[i] == no };
	if
	:: answer[i] == no -> goto end
	:: else
	fi;
	if
	:: goto end /* it dies; the reservation has its time */
	:: d_step { state[i] == held -> /* destroy */
		state[i] = gone;
		account = account - SIZE(i);
		check() };
		goto end
	:: d_step { state[i] == held && !late[i] -> /* transfer */
		state[i] = transferred;
		counted[i] = true;
		check() }
	:: true
	:: late[i] -> goto end
	fi;
	/* begin to build; only a fool does when the time is over */
	if
	:: d_step { state[i] == transferred || (state[i] == held && !late[i]) ->
		exists[i] = true;
		promised[i] = true }
	:: late[i] && state[i] != transferred -> goto end
	fi;
	do
	:: d_step { pages[i] < SIZE(i) ->
		pages[i]++;
		assert(FREE >= POOL && FREE < TOTAL) /* PROMISE */ }
	:: pages[i] == SIZE(i) -> break
	od;
	if
	:: d_step { BROKEN == 8 && pages[0] == SIZE0 && pages[1] == SIZE1 ->
		assert(false) }
	:: true
	fi;
	if
	:: skip /* it lives on */
	:: d_step { exists[i] = false; pages[i] = 0 }
	fi;
end:	skip
}

proctype clock(byte i)
{
end:	d_step { state[i] == held && free_for[i] -> late[i] = true }
}

init
{
	atomic {
		run writer(0);
		run writer(1);
		run toolstack(0);
		run toolstack(1);
		run clock(0);
		run clock(1)
	}
}
