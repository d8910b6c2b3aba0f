#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The daemon and its Xen process on Debian's own xenstored, with no hypervisor
below: hostile values, domains that come and go, a store that hangs, dies and
starts again.  The test plays toolstack, guests and hypervisor.

Prints one line per outcome; exits 77 where the package cannot be had.
"""
import http.client
import json
import os
import signal
import socket
import ssl
import sys
import threading
import time

import lab
import nohv

sys.path.insert(0, os.path.join(lab.TOP, "tests", "clients"))
import daemon  # noqa: E402

MIB = 1 << 20
KIB = 1024
SOON = 20
# What the Xen process may grow by while guests throw values at it.
GROWTH_KIB = 8 * 1024
MARK = "EVIL"
HOSTILE = (
    b"", b"abc", b"-1", b"+5", b" 7", b"7 ", b"0x100", b"1e9", b"1.5",
    b"10" * 15, b"1" + b"0" * 30, b"9" * 3000, b"18446744073709551616",
    b"18446744073709551615", b"9223372036854775808", b"4398046511105",
    MARK.encode() * 900, b"\xff\xfe" + MARK.encode(), b"12\x0034",
    b"\n%s%n" + MARK.encode(),
)
KEYS = ("memory/target", "memory/static-max", "memory/dynamic-min",
        "memory/dynamic-max", "memory/memory-offset",
        "memory/initial-reservation", "memory/uncooperative",
        "control/feature-balloon", "control/feature-poweroff",
        "data/updated", "domain-type", "name",
        "data/meminfo_total", "data/meminfo_free", "vm")


class Case:
    """A world with two domains, a daemon on it, and a trusted session."""

    def __init__(self, world, d):
        self.world = world
        self.d = d
        self.api = d.local()
        self.evil = None
        self.passed = 0

    def true(self, sentence, ok, more=""):
        assert ok, "%s: %s" % (sentence, more)
        self.passed += 1
        print("ok  %s" % sentence, flush=True)

    def same(self, sentence, got, want):
        if isinstance(got, dict) and isinstance(want, dict):
            got, want = ({k: v for k, v in a.items() if b.get(k) != v}
                         for a, b in ((got, want), (want, got)))
        self.true(sentence, got == want, "got %r, want %r" % (got, want))

    def soon(self, sentence, check, seconds=SOON):
        lab.until(sentence, check, seconds, 0.02)
        self.true(sentence, True)

    def named(self, name):
        """The record of the only VM of that name, or None."""
        refs = self.api.call("VM.get_by_name_label", name)
        try:
            return self.api.call("VM.get_record", refs[0]) \
                if len(refs) == 1 else None
        except daemon.ApiError as e:
            if e.args[0] != "HANDLE_INVALID":
                raise
            return None  # forgotten between the two calls

    def ref(self, name):
        return self.api.call("VM.get_by_name_label", name)[0]

    def actual(self, name):
        metrics = self.api.call("VM.get_metrics", self.ref(name))
        return int(self.api.call("VM_metrics.get_memory_actual", metrics))

    def others(self, free=True):
        """What everybody but the hostile guest must keep."""
        host = self.api.call("host.get_all")[0]
        kept = {"%s.%s" % (name, key): value for name, record in (
            ("good", self.named("good")),
            ("host", self.api.call("host.get_record", host)))
            for key, value in record.items() if key != "snapshot_time"}
        if not free:  # two calls are not one moment
            return kept
        # What its own record says it needs is its own affair.
        evil = self.api.call("VM.get_record", self.evil)
        kept["free without it"] = int(self.api.call(
            "host.compute_free_memory", host)) + int(
                evil["memory_overhead"]) + int(evil["memory_dynamic_min"])
        return kept

    def noticed(self):
        """Wait until what was written before has been read."""
        mib = 200 + self.passed % 50
        self.world.domain(8, mib)
        lab.until("news of another guest come through",
                  lambda: self.actual("good") == mib * MIB, SOON, 0.01)
        self.world.domain(8)
        lab.until("and back", lambda: self.actual("good") == 256 * MIB, SOON,
                  0.01)

    def xen_pid(self):
        """The Xen process: the daemon's child of that name."""
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open("/proc/%s/cmdline" % pid) as f:
                    words = f.read().split("\0")
            except OSError:
                continue
            if words[0].endswith("hv-xen") and self.d.state in words:
                return int(pid)
        raise AssertionError("no Xen process")

    def xen_kib(self):
        with open("/proc/%d/status" % self.xen_pid()) as f:
            return next(int(line.split()[1]) for line in f
                        if line.startswith("VmRSS"))

    def logs(self):
        text = self.d.log_text()
        for name in os.listdir(self.d.state):
            if name.endswith(".log") and name != "test.log":
                with open(os.path.join(self.d.state, name),
                          errors="replace") as f:
                    text += f.read()
        return text


def discovered(c):
    c.world.build(7, "evil")
    c.world.build(8, "good")
    for name, domid in (("evil", "7"), ("good", "8")):
        c.soon("%s is found" % name, lambda: c.named(name) and
               c.named(name)["power_state"] == "Running")
        c.same("%s: its domain" % name, c.named(name)["domid"], domid)
        c.same("%s: static_max from the store" % name,
               c.named(name)["memory_static_max"], str(512 * MIB))
    c.evil = c.ref("evil")
    c.soon("memory_actual is what Xen says",
           lambda: c.actual("good") == 256 * MIB)
    host = c.api.call("host.get_all")[0]
    c.soon("the host's overhead is known, estimated", lambda: int(c.api.call(
        "host.get_memory_overhead", host)) > 0, 60)


def hostile(c):
    """Values from a guest change nothing beyond its own record."""
    before = c.others()
    c.noticed()
    begin_kib = c.xen_kib()
    for key in KEYS:
        for value in HOSTILE:
            c.world.store.write("/local/domain/7/" + key, value)
        c.noticed()
        c.same("%s: %d hostile values change nobody else" % (key, len(
            HOSTILE)), c.others(), before)
        c.world.store.remove("/local/domain/7/" + key)
        c.noticed()
        c.same("%s: missing, changes nobody else" % key, c.others(), before)
    grown = c.xen_kib() - begin_kib
    c.true("they cost bounded memory", grown < GROWTH_KIB, grown)
    c.same("no value is in a log", MARK in c.logs(), False)
    c.same("its record is there all the same", c.api.call(
        "VM.get_power_state", c.evil), "Running")


def repaired(c):
    """A guest that mends its ways is one like any other."""
    at = "/local/domain/7/"
    for key, value in (("name", "evil"), ("control/feature-balloon", "1"),
                       ("memory/static-max", str(512 * 1024)),
                       ("memory/target", str(256 * 1024))):
        c.world.store.write(at + key, value)
    c.soon("it has its name again", lambda: c.named("evil") is not None)
    c.same("and is Running", c.named("evil")["power_state"], "Running")


def flood(c):
    """A guest that writes without end starves nobody."""
    before = c.others(False)
    begin_kib = c.xen_kib()
    stop = threading.Event()
    store = nohv.Store(c.world.socket)
    written = [0]

    def write():
        while not stop.is_set():
            n = written[0] = written[0] + 1
            store.write("/local/domain/7/memory/target", str(n))
            store.write("/local/domain/7/memory/w%d" % (n % 50), "x" * 3000)
    thread = threading.Thread(target=write)
    thread.start()
    try:
        for _ in range(5):
            c.noticed()
        c.same("others' records do not move", c.others(False), before)
        c.true("it wrote all the while", written[0] > 100, written[0])
    finally:
        stop.set()
        thread.join()
        store.close()
    print("    %d writes" % written[0])
    grown = c.xen_kib() - begin_kib
    c.true("that costs bounded memory", grown < GROWTH_KIB, grown)


def ordered(c):
    """Raising: maxmem first.  Lowering: the target first."""
    vm, target = c.ref("good"), "/local/domain/8/memory/target"

    def max_kib():
        words = c.world.get("set/8").partition("max_kib=")[2]
        return int(words) if words else 0

    def change(mib, first):
        done = threading.Thread(target=c.api.call, args=(
            "VM.set_memory_dynamic_range", vm, str(mib * MIB),
            str(mib * MIB)))
        done.start()
        lab.until("one of the two", first, SOON, 0)
        now = (int(c.world.store.read(target)), max_kib())
        c.world.domain(8, mib)
        done.join(SOON)
        return now
    before = max_kib()
    now = change(384, lambda: c.world.store.read(target) ==
                 b"%d" % (384 * KIB))
    c.true("up: maxmem is raised before the target", now[1] >= 384 * KIB,
           now)
    c.true("maxmem was lower", before < 384 * KIB, before)
    c.soon("up: the guest's memory is seen",
           lambda: c.actual("good") == 384 * MIB)
    now = change(256, lambda: max_kib() < 384 * KIB)
    c.same("down: the target is lowered before maxmem", now[0], 256 * KIB)
    c.soon("down: the guest's memory is seen",
           lambda: c.actual("good") == 256 * MIB)


def ill(c):
    """Does /healthz name xenstore?"""
    link = http.client.HTTPSConnection(
        c.d.url.split("//")[1], timeout=20,
        context=ssl._create_unverified_context())
    link.request("GET", "/healthz")
    answer = json.load(link.getresponse())
    link.close()
    return "xenstore" in str(answer).lower()


def hung(c):
    c.world.signal_store(signal.SIGSTOP)
    c.soon("a store that hangs is said in /healthz", lambda: ill(c), 30)
    began = time.monotonic()
    c.same("VMs stay what they were", c.named("good")["power_state"],
           "Running")
    print("    answered in %.3f s" % (time.monotonic() - began))
    c.world.signal_store(signal.SIGCONT)
    c.soon("and that it is well again", lambda: not ill(c), 30)
    c.noticed()
    c.true("news come through again", True)


def reborn(c):
    c.world.kill_store()
    c.soon("a store that died is said in /healthz", lambda: ill(c), 30)
    c.same("VMs stay what they were", c.named("good")["power_state"],
           "Running")
    c.world.start_store()
    c.soon("and that another is there", lambda: not ill(c), 30)
    c.same("still Running, with its name", c.named("good")["power_state"],
           "Running")
    for domid, name in ((7, "evil"), (8, "good")):
        c.world.build(domid, name)
    c.noticed()
    vm = c.ref("good")
    c.api.call("VM.set_memory_dynamic_range", vm, str(256 * MIB),
               str(256 * MIB))
    c.soon("keys are written to the new store", lambda: c.world.store.read(
        "/local/domain/8/memory/dynamic-min") == b"%d" % (256 * KIB))


def ended(c):
    c.world.end(7)
    c.soon("a domain that ends is Halted, or forgotten",
           lambda: not c.named("evil") or
           c.named("evil")["power_state"] == "Halted")
    c.same("the other runs on", c.named("good")["power_state"], "Running")


STEPS = (discovered, ordered, hostile, repaired, flood, hung, reborn, ended)


def main():
    nohv.prepare()
    socket.setdefaulttimeout(60)
    with nohv.World() as world:
        with daemon.running(backend="xen", env=world.env()) as d:
            c = Case(world, d)
            for step in STEPS:
                print("--  %s" % step.__name__, flush=True)
                step(c)
    print("%d passed, 0 failed" % c.passed)


if __name__ == "__main__":
    main()
