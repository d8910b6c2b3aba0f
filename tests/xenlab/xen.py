#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The story on real Xen, driven from outside over HTTPS by python3-os-xenapi.

usage: xen.py [STORY...]   (xenstored, oxenstored: by store; statistics)
Boots Xen once for each story.  Prints one line per outcome, with seconds since
the boot; exits 1 when one is not what it must be, 77 where QEMU or Debian's
packages cannot be had.
"""
import sys
import traceback

import dom0
import lab
import story
import story_balance
import story_guests
import story_host
import story_stats
import story_trouble

STORIES = {
    "xenstored": (
        story_host.sampled, story_guests.discovered, story_guests.moved,
        story_guests.refused, story_guests.paused, story_guests.shadow,
        story_trouble.again, story_trouble.killed, story_guests.restarted,
        story_guests.vanished, story_trouble.hung, story_trouble.reborn,
        story_guests.stopped,
    ),
    "oxenstored": (
        story_host.sampled, story_host.overheads, story_balance.full,
        story_balance.promised, story_balance.too_much,
        story_balance.stubborn, story_trouble.hung, story_guests.stopped,
    ),
    "statistics": (
        story_stats.asked, story_stats.agrees, story_stats.loaded,
        story_stats.swapped, story_stats.counted, story_stats.counted_once,
        story_stats.clocked, story_stats.flooded, story_stats.silent,
        story_stats.killed, story_stats.store_hung,
        story_stats.store_updated, story_stats.vanished, story_stats.saved,
        story_stats.rebooted,
    ),
}


def tell(s, step):
    """One step of a story; what breaks it off is an outcome as well."""
    s.lab.log("--  %s" % step.__doc__.strip())
    before = len(s.wrong)
    try:
        step(s)
    except Exception as e:
        traceback.print_exc(file=sys.stdout)
        s.true("%s goes to its end" % step.__name__, False, repr(e))
    if len(s.wrong) > before:
        print(s.daemon.errors())


def boot(store):
    """A whole boot; the outcomes that held, and those that did not."""
    args = "lab.oxenstored" if store == "oxenstored" else ""
    with lab.Lab(store, args) as where:
        s = story.Story(where)
        s.daemon.start()
        s.login()
        for step in STORIES[store]:
            tell(s, step)
        s.lab.log("%s: end" % store)
        return s.passed, s.wrong


def main():
    lab.prepare(dom0.PROGRAMS, dom0.GUEST_PROGRAMS)
    passed, wrong = 0, []
    for store in sys.argv[1:] or STORIES:
        held, not_held = boot(store)
        passed += held
        wrong += ["%s: %s" % (store, sentence) for sentence in not_held]
    for sentence in wrong:
        print("WRONG %s" % sentence)
    print("%d passed, %d failed" % (passed, len(wrong)))
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
