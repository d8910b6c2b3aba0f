# SPDX-License-Identifier: BSD-2-Clause
"""What guests know of their memory, and what they write to it: our agent in
Linux guests, read and judged against the guests' own /proc and against Xen."""
import threading
import time

import lab
from dom0 import MIB, PAGE, XenAPI

GUESTS = (("p", "pv"), ("h", "pvh"))
GUEST_MIB = 128
# What shells and their tools hold at one moment and not at another.
NOISE = 4 * MIB
HELD_MIB = 32
# Emulated, a guest's first write to a page that is logged takes its time: the
# least number of seconds in which every page of it has had its turn.
DIRTY_MIB = 16
COUNT_S = (8, 20, 60)
# Two counts of one idle guest do not agree to the page: what its kernel does in
# these seconds is not always the same.  They were seen to differ by 8 pages.
SPREAD = 16 * PAGE
COUNTERS = {"minor_faults": "pgfault", "major_faults": "pgmajfault",
            "swap_in": "pswpin", "swap_out": "pswpout"}
MARK = "/tool/xenapi-memory/log-dirty/%d"
# What the Xen process may grow by while a guest floods it.
GROWTH_KIB = 4 * 1024


class Runs:
    """Scripts run inside guests, numbered."""
    number = 0


def inside(guest, script, seconds=120):
    """The output of a script run inside a guest (see init.stats)."""
    Runs.number += 1
    assert "'" not in script
    # A loop that polled would take the emulated processor from the guest.
    return guest.lab.sh(
        "timeout {seconds} xenstore-watch -n 2 {done} | {{ read -r path;"
        " xenstore-write {run} '{n} {script}'; read -r path; }};"
        " [ \"$(xenstore-read {done})\" = {n} ] || exit 9;"
        " xenstore-read -R {out}".format(
            run=guest.key("control/lab-run"), done=guest.key("data/lab-done"),
            out=guest.key("data/lab-out"), script=script, n=Runs.number,
            seconds=seconds), seconds + 30)


def stats(s, name):
    return {k: int(v) for k, v in
            s.x.VM.get_memory_stats(s.vm(name)).items()}


def proc(guest):
    """The guest's own /proc: bytes and counts by name."""
    text = inside(guest, "cat /proc/meminfo; grep -E"
                  " \"^(pgfault|pgmajfault|pswpin|pswpout) \" /proc/vmstat")
    rows = (line.split() for line in text.splitlines())
    return {r[0].rstrip(":"): int(r[1]) * (1024 if r[-1] == "kB" else 1)
            for r in rows if len(r) > 1}


def newer(s, name):
    """A reading whose question was put after this call."""
    guest = s.guests[name]
    first = int(guest.read("control/memory-stats-request"))
    # Two questions later: the first may have been under way.
    lab.until("%s is asked twice more" % name, lambda: int(guest.read(
        "control/memory-stats-request")) >= first + 2, 60, 0.5)
    return stats(s, name)


def asked(s):
    """guests are asked when polling is on, and not before"""
    x = s.x
    for name, kind in GUESTS:
        s.guest(name, kind, GUEST_MIB, GUEST_MIB, init="/init.stats")
    for name, guest in s.guests.items():
        vm = s.find(name)
        guest.ready()
        s.lab.log("%s has booted" % name)
        got = stats(s, name)
        s.same("%s: nothing is read before polling is on" % name,
               (got["last_update"], got["free"], got["total"],
                guest.read("control/memory-stats-request")), (0, -1, -1,
                                                              None))
        s.follows("%s: the host's own figure is Xen's" % name,
                  lambda: stats(s, name)["balloon_actual"],
                  lambda: guest.xen()["pages"] * PAGE)
        for value in ("-1", str(1 << 40)):
            s.fails("%s: an interval of %s s" % (name, value),
                    ["INVALID_VALUE"],
                    x.VM.set_memory_stats_polling_interval, vm, value)
        x.VM.set_memory_stats_polling_interval(vm, "1")
        s.soon("%s answers" % name,
               lambda: stats(s, name)["last_update"] > 0)


def agrees(s):
    """readings are the guest's own /proc"""
    for name, guest in s.guests.items():
        before = proc(guest)
        got = newer(s, name)
        after = proc(guest)
        s.same("%s: total is MemTotal" % name, got["total"],
               before["MemTotal"])
        for tag, row in COUNTERS.items():
            s.true("%s: %s is between /proc before and after" % (name, tag),
                   before[row] <= got[tag] <= after[row],
                   (before[row], got[tag], after[row]))
        for tag, row in (("free", "MemFree"), ("available", "MemAvailable")):
            low, high = sorted((before[row], after[row]))
            s.true("%s: %s is /proc's" % (name, tag),
                   low - MIB <= got[tag] <= high + MIB,
                   (low, got[tag], high))
            s.lab.log("    %s %s: %d, /proc %d before, %d after"
                      % (name, tag, got[tag], before[row], after[row]))
        s.same("%s: nothing it says is thrown away" % name, got["ignored"],
               0)
        gm = s.x.VM.get_guest_metrics(s.vm(name))
        s.same("%s: VM_guest_metrics.memory has it too" % name,
               s.x.VM_guest_metrics.get_memory(gm).get("total"),
               str(before["MemTotal"]))


def load(guest, what, mib, first=""):
    """Start lab-load in a guest and wait until it has written once."""
    inside(guest, "%slab-load %s %d >/tmp/load 2>&1 & echo $! >/tmp/load.pid;"
           " until grep -q written /tmp/load; do usleep 300000; done"
           % (first, what, mib))


def instead(guest, what, mib):
    """The same in place of the one that runs."""
    load(guest, what, mib, "kill $(cat /tmp/load.pid); : >/tmp/load; ")


def unload(guest):
    inside(guest, "kill $(cat /tmp/load.pid)")


def loaded(s):
    """free and available fall by what a program holds, and come back"""
    for name, guest in s.guests.items():
        before = newer(s, name)
        load(guest, "hold", HELD_MIB)
        during = newer(s, name)
        unload(guest)
        after = newer(s, name)
        for tag in ("free", "available"):
            s.true("%s: %s falls by %d MiB" % (name, tag, HELD_MIB),
                   abs(before[tag] - during[tag] - HELD_MIB * MIB) < NOISE,
                   (before[tag], during[tag]))
            s.true("%s: %s comes back" % (name, tag),
                   abs(after[tag] - before[tag]) < NOISE,
                   (before[tag], after[tag]))
        s.true("%s: minor_faults count its pages" % name,
               during["minor_faults"] - before["minor_faults"] >=
               HELD_MIB * MIB // PAGE, (before, during))


def swapped(s):
    """swap and major faults move when a guest is short of memory"""
    guest = s.guests["p"]
    before = newer(s, "p")
    s.same("no swap, nothing swapped", (before["swap_in"],
                                        before["swap_out"]), (0, 0))
    inside(guest, "echo %d >/sys/block/zram0/disksize; mkswap /dev/zram0;"
           " swapon /dev/zram0" % (2 * GUEST_MIB * MIB))
    load(guest, "hold", before["available"] // MIB + 16)
    s.soon("swap_out, swap_in and major_faults have risen", lambda: all(
        stats(s, "p")[tag] > before[tag]
        for tag in ("swap_out", "swap_in", "major_faults")))
    got = newer(s, "p")
    s.lab.log("    out %d MiB, in %d MiB, %d major faults" % (
        got["swap_out"] // MIB, got["swap_in"] // MIB, got["major_faults"]))
    unload(guest)
    inside(guest, "swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset")


def count(s, name, seconds):
    return int(s.x.VM.estimate_working_set(s.vm(name), str(seconds)))


def tracked(s, name, seconds):
    """The same in two intervals."""
    vm = s.vm(name)
    ever = int(s.x.VM.track_touched_memory(vm, str(seconds),
                                           str(seconds // 2)))
    told = s.x.VM.get_touched_memory(vm)
    written = [int(told["written_%d" % n]) for n in (1, 2)]
    s.lab.log("    %s: %.2f MiB, then %.2f; %.2f in all" % (
        (name,) + tuple(n / MIB for n in written + [ever])))
    s.same("%s: it is told in intervals" % name,
           (told["intervals"], told["is_on"], told["ever_written"]),
           ("2", "0", str(ever)))
    s.true("%s: each page once, and no interval has more" % name,
           max(written) <= ever <= min(sum(written), GUEST_MIB * MIB),
           (written, ever))
    return ever


def logs_dirty(s, guest):
    return "on=1" in s.lab.sh("lab-probe dirty %d" % guest.domid)


def shadow_paging(s):
    """Whether Xen can log what a PV guest writes, as Xen itself says."""
    return "on=" in s.lab.run("lab-probe dirty %d" % s.guests["p"].domid)[1]


def is_marked(s, guest):
    return s.lab.run("xenstore-exists " + MARK % guest.domid)[0] == 0


def is_on(s, vm, guest):
    # The mark comes before the log, and whoever asks Xen in between has
    # switched the log on himself: so the daemon is asked first.
    s.soon("a count has begun", lambda: s.x.VM.get_touched_memory(vm)
           ["is_on"] == "1")
    s.same("Xen logs, and there is a mark", (logs_dirty(s, guest), is_marked(
        s, guest)), (True, True))


def is_off(s, name):
    guest = s.guests[name]
    s.same("%s: the log is off and the mark gone" % name,
           (logs_dirty(s, guest), is_marked(s, guest)), (False, False))


def counted(s):
    """a working set is what a guest writes, and what it writes when idle"""
    for name, guest in s.guests.items():
        if guest.kind == "pv" and not shadow_paging(s):
            s.fails("p: Debian's Xen is built without shadow paging: said",
                    ["NOT_IMPLEMENTED", "VM.estimate_working_set"],
                    count, s, name, 1)
            continue
        # What starting a program wrote to is in the first count, not in the
        # second.
        load(guest, "dirty", DIRTY_MIB)
        ever = tracked(s, name, COUNT_S[0])
        for seconds in COUNT_S:
            got = count(s, name, seconds)
            if got >= DIRTY_MIB * MIB:
                break
        is_off(s, name)
        # Idle: the same program, in the same processor time, only reads.  What
        # the processor writes to page tables and the program to its stack is
        # in that as well.
        instead(guest, "read", DIRTY_MIB)
        idle = tracked(s, name, seconds)
        unload(guest)
        s.lab.log("    %s: dirtying %d MiB: %.2f, idle: %.2f, in %d s"
                  % (name, DIRTY_MIB, got / MIB, idle / MIB, seconds))
        s.true("%s: at least what it dirties" % name,
               got >= DIRTY_MIB * MIB, got)
        s.true("%s: some of that in two intervals too" % name,
               ever >= DIRTY_MIB * MIB // 8, ever)
        s.true("%s: at most that and what an idle one writes" % name,
               got <= DIRTY_MIB * MIB + idle + SPREAD, (got, idle))
        s.true("%s: each count begins at nothing" % name,
               idle < DIRTY_MIB * MIB // 2, idle)
        is_off(s, name)


def counted_once(s):
    """one count per guest"""
    vm, guest = s.vm("h"), s.guests["h"]
    for seconds in ("0", "-1", "3600"):
        s.fails("%s s" % seconds, ["INVALID_VALUE"],
                s.x.VM.estimate_working_set, vm, seconds)
    control = s.x.host.get_control_domain(s.host)
    s.fails("not of dom0", ["OPERATION_NOT_ALLOWED"],
            s.x.VM.estimate_working_set, control, "1")
    task = s.x.Async.VM.track_touched_memory(vm, "60", "1")
    is_on(s, vm, guest)
    s.fails("two at once", ["OTHER_OPERATION_IN_PROGRESS"],
            s.x.VM.estimate_working_set, vm, "1")
    s.x.task.cancel(task)
    s.soon("the first can be cancelled",
           lambda: s.x.task.get_status(task) == "cancelled")
    is_off(s, "h")


def killed(s):
    """kill -9 of the Xen process while it counts: the next one ends it"""
    vm, guest = s.vm("h"), s.guests["h"]
    task = s.x.Async.VM.estimate_working_set(vm, "60")
    is_on(s, vm, guest)
    s.lab.sh("kill -9 $(pidof xenapi-memory-hv-xen)")
    s.soon("the mark is gone", lambda: not is_marked(s, guest))
    is_off(s, "h")
    s.soon("the caller is told", lambda: s.x.task.get_status(task) ==
           "failure")
    s.lab.log("    %s" % s.x.task.get_error_info(task))
    for name in s.guests:
        was = stats(s, name)["last_update"]
        s.soon("%s is polled on" % name,
               lambda: stats(s, name)["last_update"] > was)


def clocked(s):
    """a guest whose clock is wrong does not change the host's"""
    guest = s.guests["p"]
    inside(guest, "date -s 2001-02-03")
    first = int(s.lab.sh("date +%s"))
    got = newer(s, "p")
    now = int(s.lab.sh("date +%s"))
    s.true("last_update is the host's clock",
           first <= got["last_update"] <= now,
           (first, got["last_update"], now))


def xen_kib(s):
    return int(s.lab.sh("grep VmRSS /proc/$(pidof xenapi-memory-hv-xen)"
                        "/status | tr -dc 0-9"))


def flooded(s):
    """a guest that floods its keys: bounded, counted, alone with it"""
    guest, kib = s.guests["p"], xen_kib(s)
    before = stats(s, "p")["ignored"]
    # Below xenstored's own limit of 2 KiB, above ours of 1 KiB.
    inside(guest, "x=xxxxxxxxxxxxxxx; x=$x$x$x$x$x$x$x$x$x$x; x=$x$x$x$x$x$x$x"
           "$x$x$x; (while :; do for value in $x free=1 free=-5 request=1; do"
           " xenstore-write data/memory-stats $value data/a $x;"
           " done; done) >/dev/null 2>&1 & echo $! >/tmp/flood.pid")
    s.soon("it floods", lambda: guest.read("data/a"))
    for _ in range(3):
        was = stats(s, "h")["last_update"]
        s.soon("the other is polled on",
               lambda: stats(s, "h")["last_update"] > was)
    s.true("no value of it is believed", stats(s, "p")["free"] > MIB,
           stats(s, "p"))
    inside(guest, "kill $(cat /tmp/flood.pid)")
    grown = xen_kib(s) - kib
    s.true("that costs bounded memory", grown < GROWTH_KIB, grown)
    # What it overwrote was its own answer: it is as silent as it made itself.
    was = stats(s, "p")["last_update"]
    s.x.VM.set_memory_stats_polling_interval(s.vm("p"), "1")
    s.soon("asked anew, it is a guest like any other",
           lambda: stats(s, "p")["last_update"] > was)
    s.true("what it flooded with is counted",
           stats(s, "p")["ignored"] > before, stats(s, "p"))


def silent(s):
    """an agent that ends is not asked again; another answers the question"""
    guest = s.guests["h"]
    inside(guest, "kill $(cat /tmp/agent.pid)")
    s.soon("a question stays without answer", lambda: guest.read(
        "control/memory-stats-request") != guest.read(
            "data/memory-stats").rpartition("=")[2])
    question = guest.read("control/memory-stats-request")
    was = stats(s, "h")
    time.sleep(4)  # four intervals, in which nothing must happen
    s.same("it is not asked again", guest.read(
        "control/memory-stats-request"), question)
    s.same("what it said last stays readable", stats(s, "h")["total"],
           was["total"])
    s.same("and last_update stands still", stats(s, "h")["last_update"],
           was["last_update"])
    inside(guest, "xenapi-memory-agent >/dev/null 2>&1 &")
    s.soon("a new agent answers", lambda: stats(s, "h")["last_update"] >
           was["last_update"])


def store_hung(s):
    """xenstored hangs and goes on: nobody stays silent"""
    was = {name: stats(s, name)["last_update"] for name in s.guests}
    s.lab.sh("kill -STOP $(cat /run/xenstored.pid)")
    try:
        s.soon("/healthz says so", lambda: "xenstore" in str(
            s.daemon.healthz()[1]).lower(), 60)
    finally:
        s.lab.sh("kill -CONT $(cat /run/xenstored.pid)")
    for name in s.guests:
        s.soon("%s is polled on" % name,
               lambda: stats(s, name)["last_update"] > was[name] + 5)


def store_updated(s):
    """xenstored is replaced as it runs: agents are answered by the new one"""
    status, out = s.lab.run("xenstore-control live-update -t 60"
                            " /usr/lib/xen-4.17/bin/xenstored", 90)
    s.true("the live update succeeds", status == 0, out)
    for name in s.guests:
        was = stats(s, name)["last_update"]
        s.soon("%s is polled on" % name,
               lambda: stats(s, name)["last_update"] > was + 3)


def moved_on(s, name, sentence):
    """A guest that is there again with another id must be polled on."""
    guest, vm, old = s.guests[name], s.vm(name), s.guests[name].domid

    def domid():
        status, out = s.lab.run("xl domid %s" % name)
        return int(out) if status == 0 else old
    s.soon("it has another id", lambda: domid() != old)
    guest.domid = domid()
    now = int(s.lab.sh("date +%s"))
    s.soon(sentence, lambda: (
        s.vm(name), stats(s, name)["last_update"] > now) == (vm, True), 120)


def saved(s):
    """a guest that is saved and restored answers on, by the same agent"""
    # Beyond what dom0's own file system, half of its memory, has room for.
    s.lab.sh("mkdir -p /mnt && mount -t tmpfs -o size=%dm saved /mnt &&"
             " xl save %d /mnt/p && xl restore /mnt/p && umount /mnt"
             % (GUEST_MIB + 32, s.guests["p"].domid), 180)
    moved_on(s, "p", "its agent answers, in the same record")


def rebooted(s):
    """a guest that restarts is polled on, in the same record"""
    vm = s.vm("p")
    s.guests["p"].xl("reboot")
    moved_on(s, "p", "it answers, in the same record")
    s.x.VM.set_memory_stats_polling_interval(vm, "0")
    was = stats(s, "p")["last_update"]
    time.sleep(3)
    s.same("and no more when polling is off; the last stays",
           (stats(s, "p")["last_update"], stats(s, "p")["total"] > 0),
           (was, True))


def vanished(s):
    """a guest that vanishes while its writes are counted ends the count"""
    vm, guest = s.vm("h"), s.guests.pop("h")
    outcome = []

    def ask():
        try:
            outcome.append(s.daemon.login().VM.estimate_working_set(vm, "30"))
        except XenAPI.Failure as e:
            outcome.append(e.details[0])
    thread = threading.Thread(target=ask)
    thread.start()
    is_on(s, vm, guest)
    guest.destroy()
    thread.join(60)
    s.true("the caller has a documented error", outcome and outcome[0] in (
        "VM_BAD_POWER_STATE", "HANDLE_INVALID"), outcome)
    # That it has gone is told first: its memory is somebody's already.
    s.soon("no mark is left", lambda: not is_marked(s, guest))
