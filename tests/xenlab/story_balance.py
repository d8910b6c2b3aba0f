# SPDX-License-Identifier: BSD-2-Clause
"""A full host: guests shrink for a reservation, a new guest starts in that
memory, one that does not obey is worked around."""
import os
import sys
import time

import dom0
import lab
from dom0 import MIB, PAGE

sys.path.insert(0, os.path.join(lab.TOP, "tests", "clients"))
import daemon  # noqa: E402

POOL_PAGES = 72 * MIB // PAGE
THREE = ("alfa", "bravo", "charlie")
LOW, HIGH = 112, 288
# Xen's own small change: event channels and the like come out of free memory.
SLACK_PAGES = 512


class Watch:
    """Free memory and guests' pages in dom0, every 50 ms."""

    def __init__(self, s, name):
        self.s = s
        self.name = name

    def __enter__(self):
        self.s.lab.sh("setsid lab-probe watch </dev/null >/tmp/watch 2>&1 &"
                      " echo $! >/run/watch.pid")
        return self

    def rows(self):
        text = self.s.lab.sh("cat /tmp/watch").rpartition("\n")[0]
        return [dom0.words(line) for line in text.splitlines()]

    def __exit__(self, *_):
        self.s.lab.sh("kill $(cat /run/watch.pid)")
        rows = self.rows()
        with open(os.path.join(lab.WORK, self.name + ".txt"), "w") as f:
            f.writelines(" ".join("%s=%d" % item for item in row.items()) +
                         "\n" for row in rows)


def full(s):
    """three guests fill the host: each is at its dynamic_max"""
    for name in THREE:
        s.guest(name, "pv", 160, HIGH)
    for name in THREE:
        vm = s.find(name)
        s.guests[name].ready()
        s.set_range(vm, LOW, HIGH)
    for name in THREE:
        s.holds("%s is at its dynamic_max" % name, s.guests[name], HIGH)
    s.true("the emergency pool is free", s.pages()["free"] >= POOL_PAGES,
           s.pages())


def record(name, mib):
    """A constructor record of a pv VM with a fixed amount of memory."""
    return daemon.vm_record(name, 0, mib * MIB, mib * MIB, mib * MIB,
                            HVM_boot_policy="", domain_type="pv")


def promised(s):
    """a reservation makes all three shrink, and a fourth starts in it"""
    x = s.x
    spare = (s.pages()["free"] - POOL_PAGES) // 256
    mib = spare + 3 * 64
    vm = x.VM.create(record("delta", mib))
    s.lab.log("    free %d MiB above the pool; reserving for %d MiB"
              % (spare, mib))
    with Watch(s, "reservation") as watch:
        began = time.monotonic()
        reservation = x.memory_reservation.create_for_VM(vm, s.host, "start",
                                                         "300")
        s.lab.log("    granted after %.2f s" % (time.monotonic() - began))
        amount = int(x.memory_reservation.get_amount(reservation))
        s.true("what was promised is free, above the pool",
               s.pages()["free"] + s.pages()["scrub"] >= POOL_PAGES +
               amount // PAGE, (s.pages(), amount))
        for name in THREE:
            s.true("%s shrank" % name, s.guests[name].xen()["pages"] <
                   (HIGH - 8) * 256)
        guest = s.guest("delta", "pv", mib, mib, uuid=x.VM.get_uuid(vm))
        s.follows("the fourth runs, in its record", lambda: (
            x.VM.get_power_state(vm), x.VM.get_domid(vm)),
            ("Running", str(guest.domid)))
        guest.ready()
        s.soon("the reservation has passed to it", lambda: reservation
               not in x.memory_reservation.get_all() or
               x.memory_reservation.get_state(reservation) == "transferred")
        least = min(row["free"] for row in watch.rows())
    s.true("free memory was never under the pool",
           least >= POOL_PAGES - SLACK_PAGES, least)


def too_much(s):
    """what cannot be had is refused at once, and nobody moves"""
    x = s.x
    before = [int(s.guests[name].read("memory/target")) for name in THREE]
    s.fails("refused", ["HOST_NOT_ENOUGH_FREE_MEMORY"],
            x.memory_reservation.create, s.host, str(900 * MIB),
            str(900 * MIB), "60", "lab")
    after = [int(s.guests[name].read("memory/target")) for name in THREE]
    # They may still grow into what the last reservation left over.
    s.true("nobody had to give", all(
        now >= was for now, was in zip(after, before)), (before, after))


def stubborn(s):
    """a guest that does not obey is worked around, and forgiven"""
    x = s.x
    guest = s.guests["alfa"]
    vm = s.vm("alfa")
    s.guests.pop("delta").destroy()
    for name in THREE:
        s.holds("%s has grown again" % name, s.guests[name], HIGH)
    guest.xl("pause")
    s.follows("one is Paused", lambda: s.state("alfa"), "Paused")
    spare = (s.pages()["free"] - POOL_PAGES) // 256
    began = time.monotonic()
    reservation = x.memory_reservation.create(
        s.host, str((spare + 96) * MIB), str((spare + 96) * MIB), "120",
        "lab")
    s.lab.log("    granted after %.2f s" % (time.monotonic() - began))
    for name in THREE[1:]:
        s.true("%s gave" % name, s.guests[name].xen()["pages"] <
               (HIGH - 32) * 256)
    s.follows("the paused one is called uncooperative",
              lambda: x.VM.get_cooperative(vm), False, 60)
    guest.xl("unpause")
    s.follows("it obeys again and is forgiven",
              lambda: x.VM.get_cooperative(vm), True, 60)
    x.memory_reservation.destroy(reservation)
    for name in THREE:
        s.holds("%s has grown again" % name, s.guests[name], HIGH)
