# SPDX-License-Identifier: BSD-2-Clause
"""What the stories on real Xen share: the booted host, the daemon in it, a
session of a real client, and how an outcome is checked and told."""
import socket
import time

import dom0
import lab
from dom0 import KIB, MIB, PAGE, XenAPI

# A call that takes longer than this is a defect, not a slow machine.
CALL_SECONDS = 240
# What follows within a second on a quiet machine gets this long on a busy one.
SOON = 120


class Story:
    """One boot's worth of story: each step uses what those before left."""

    def __init__(self, where):
        socket.setdefaulttimeout(CALL_SECONDS)
        self.lab = where
        self.daemon = dom0.Memoryd(where)
        self.x = None
        self.host = None
        self.guests = {}
        self.passed = 0
        self.wrong = []

    # ---- outcomes: a wrong one is noted, and the story goes on ----

    def true(self, sentence, ok, more="", took=""):
        if ok:
            self.passed += 1
            self.lab.log("ok  %s%s" % (sentence, took))
            return
        self.wrong.append(sentence)
        self.lab.log("WRONG %s%s" % (sentence, ": %s" % (more,)
                                     if more != "" else ""))

    def same(self, sentence, got, want, took=""):
        self.true(sentence, got == want, "got %r, want %r" % (got, want),
                  took)

    def follows(self, sentence, get, want, seconds=SOON, step=0.2):
        """get() must soon be want, or what the function want then says; how
        long that took is told, not judged."""
        began = time.monotonic()
        seen = {"want": want}

        def check():
            try:
                seen["want"] = want() if callable(want) else want
                seen["got"] = get()
            except lab.LabError as e:
                seen["got"] = e  # in dom0, or not there for a moment
                return False
            return seen["got"] == seen["want"]
        try:
            lab.until(sentence, check, seconds, step)
        except lab.LabError:
            pass
        self.same(sentence, seen["got"], seen["want"],
                  " (%.1f s)" % (time.monotonic() - began))

    def soon(self, sentence, check, seconds=SOON, step=0.2):
        """check() must come true."""
        self.follows(sentence, lambda: bool(check()), True, seconds, step)

    def fails(self, sentence, code, call, *args):
        """The call must fail with an error that begins so."""
        try:
            value = call(*args)
        except XenAPI.Failure as e:
            self.same(sentence, e.details[:len(code)], code)
            return
        self.true(sentence, False, "succeeded with %r" % (value,))

    # ---- the daemon ----

    def login(self):
        self.x = self.daemon.login()
        self.host = self.x.host.get_all()[0]

    def pages(self):
        return dom0.host_pages(self.lab)

    def free_pages(self):
        """host_metrics.memory_free in pages."""
        metrics = self.x.host.get_metrics(self.host)
        free, odd = divmod(int(self.x.host_metrics.get_memory_free(metrics)),
                           PAGE)
        return free if odd == 0 else -1

    def is_exact(self, sentence):
        """Our free memory must be Xen's, to the page."""
        self.follows(sentence, self.free_pages,
                     lambda: self.pages()["free"])

    # ---- VMs ----

    def guest(self, *args, **kwargs):
        guest = dom0.Guest(self.lab, *args, **kwargs).create()
        self.guests[guest.name] = guest
        self.lab.log("xl create %s has returned" % guest.name)
        return guest

    def vm(self, name):
        """The only VM record of that name."""
        refs = self.x.VM.get_by_name_label(name)
        if len(refs) != 1:
            raise lab.LabError("%d VM records are called %s"
                               % (len(refs), name))
        return refs[0]

    def find(self, name):
        """The same, once it has been discovered."""
        self.soon("%s has a VM record by itself" % name,
                  lambda: len(self.x.VM.get_by_name_label(name)) == 1)
        return self.vm(name)

    def actual(self, vm):
        return int(self.x.VM_metrics.get_memory_actual(
            self.x.VM.get_metrics(vm)))

    def is_actual(self, sentence, vm, guest):
        """memory_actual must be the pages that Xen counts."""
        self.follows(sentence, lambda: self.actual(vm),
                     lambda: guest.xen()["pages"] * PAGE)

    def holds(self, sentence, guest, mib, slack_pages=64, seconds=SOON):
        """The guest itself must come to hold that much, as Xen counts."""
        want = mib * MIB // PAGE
        self.soon(sentence, lambda: abs(guest.xen()["pages"] - want) <=
                  slack_pages, seconds)

    def set_range(self, vm, low_mib, high_mib):
        self.x.VM.set_memory_dynamic_range(vm, str(low_mib * MIB),
                                           str(high_mib * MIB))

    def state(self, name):
        """power_state of the only VM of that name; "" where none is."""
        refs = self.x.VM.get_by_name_label(name)
        return self.x.VM.get_power_state(refs[0]) if len(refs) == 1 else ""


def kib(mib):
    return str(mib * MIB // KIB)
