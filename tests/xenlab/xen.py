#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The story on real Xen, driven from outside over HTTPS by python3-os-xenapi.

usage: xen.py [STORY...]   (xenstored, oxenstored: by store; statistics)
Boots Xen once for each story.  Prints one line per outcome, with seconds since
the boot; exits 1 when one is not what it must be, 77 where QEMU or Debian's
packages cannot be had.  XENLAB_BUILD names another folder than build/ to take
the programs from, say with a hypervisor process that has sanitizers in it.
"""
import os
import re
import subprocess
import sys
import time
import traceback

import dom0
import lab
import story
import story_balance
import story_guests
import story_host
import story_stats
import story_trouble

PREPARED = "--prepared"  # said by the process that has made what is booted
STORIES = {
    "xenstored": (
        story_host.sampled, story_host.overheads, story_guests.discovered,
        story_guests.moved, story_guests.refused, story_guests.paused,
        story_guests.shadow, story_trouble.again, story_trouble.killed,
        story_guests.restarted, story_guests.vanished, story_trouble.hung,
        story_trouble.reborn, story_guests.stopped,
    ),
    "oxenstored": (
        story_host.sampled, story_balance.full, story_balance.promised,
        story_balance.too_much, story_balance.stubborn, story_trouble.hung,
        story_guests.stopped,
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


def boot(name):
    """A whole boot; the outcomes that held, and those that did not."""
    args = "lab.oxenstored" if name == "oxenstored" else ""
    with lab.Lab(name, args) as where:
        s = story.Story(where)
        s.daemon.start()
        s.login()
        for step in STORIES[name]:
            tell(s, step)
        s.same("no sanitizer has reported", s.lab.run(
            "grep -hE 'Sanitizer|runtime error' %s/hv*.log"
            % dom0.STATE)[1], "")
        s.lab.end()
        return s.passed, s.wrong


def alone(name):
    """One story, told here."""
    passed, wrong = boot(name)
    for sentence in wrong:
        print("WRONG %s: %s" % (name, sentence))
    print("%d passed, %d failed" % (passed, len(wrong)))
    return 1 if wrong else 0


def begin(name):
    """A story in a process of its own; its output goes to a file."""
    out = open(os.path.join(lab.WORK, "story-%s.log" % name), "w+")
    argv = [sys.executable, "-B", os.path.abspath(__file__), PREPARED, name]
    return subprocess.Popen(argv, stdout=out, stderr=subprocess.STDOUT,
                            preexec_fn=lab.die_with_parent), out


def together(names):
    """As many stories at a time as there are processors."""
    waiting, running, sums, failed = list(names), {}, [0, 0], False
    while waiting or running:
        while waiting and len(running) < (os.cpu_count() or 1):
            name = waiting.pop(0)
            running[name] = begin(name)
        time.sleep(0.5)
        for name, (process, out) in list(running.items()):
            if process.poll() is None:
                continue
            del running[name]
            failed = failed or process.returncode != 0
            out.seek(0)
            text = out.read()
            print("== %s: exit status %d\n%s" % (
                name, process.returncode, text), flush=True)
            m = re.search(r"^(\d+) passed, (\d+) failed$", text, re.M)
            more = map(int, m.groups()) if m else (0, 1)
            sums = [n + one for n, one in zip(sums, more)]
    print("%d passed, %d failed" % tuple(sums))
    return 1 if failed else 0


def main():
    names = sys.argv[1:]
    if names[:1] == [PREPARED]:
        return alone(names[1])
    lab.prepare(dom0.PROGRAMS, dom0.GUEST_PROGRAMS)
    return alone(names[0]) if len(names) == 1 else together(names or STORIES)


if __name__ == "__main__":
    sys.exit(main())
