#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A full host, a reservation, guests shrinking, the new VM running.

Prints what the README shows, from host.explain_memory of the run itself: a
line is the host, a letter 256 MiB of it.
"""
import os
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402

MIB = 1 << 20
GIB = 1 << 30
LETTER = 256 * MIB
WORLD = """
[host lab]
memory = 16GiB
dom0 = 1GiB
cpus = 8
""" + "".join("""
[vm %s]
type = hvm
vcpus = 2
static_min = 512MiB
dynamic_min = 4864MiB
dynamic_max = 5GiB
static_max = 5GiB
sim = rate_kib_s=%d
state = running
""" % (name, rate << 10) for name, rate in
    (("web", 1024), ("database", 512), ("mail", 256)))


def letter(row):
    if row["kind"] == "reservation":
        return "R"
    if row["kind"] in ("vm", "arriving_vm"):
        return row["name"][0]
    return {"xen": "X", "emergency_pool": "X", "control_domain": "0",
            "free": "."}[row["kind"]]


def line(rows):
    """The host as letters: each where its memory begins, rounded."""
    order = "X0wdmnR."
    text, at = "", 0
    for row in sorted(rows, key=lambda r: order.index(letter(r))):
        at += int(row["actual"]) + int(row["kept"])
        text += letter(row) * (round(at / LETTER) - len(text))
    return text


class Watch(threading.Thread):
    """What the host looks like while somebody waits."""

    def __init__(self, d, host):
        super().__init__()
        self.api, self.host = d.local(), host
        self.seen, self.over = [], threading.Event()

    def run(self):
        began = time.monotonic()
        last = False
        while not last:
            last = self.over.is_set()  # then once more
            rows = self.api.call("host.explain_memory", self.host)
            self.seen.append((time.monotonic() - began, line(rows)))
            self.over.wait(0.01)

    def end(self):
        self.over.set()
        self.join()

    def show(self, every):
        """A line each `every` seconds, and the last one."""
        next_s = 0
        for when, text in self.seen:
            if when >= next_s or (when, text) == self.seen[-1]:
                print("%5.1f s  %s" % (when, text))
                next_s += every


def at_rest(api, vms):
    def actual(vm):
        return int(api.call("VM_metrics.get_memory_actual",
                            api.call("VM.get_metrics", vm)))
    end = time.monotonic() + 60
    while True:
        was = [actual(vm) for vm in vms]
        time.sleep(0.5)
        if [actual(vm) for vm in vms] == was and min(was) > 4 * GIB:
            return
        if time.monotonic() > end:
            raise AssertionError("the host is never at rest")


def main():
    with tempfile.TemporaryDirectory() as home:
        path = os.path.join(home, "sim.ini")
        with open(path, "w") as f:
            f.write(WORLD)
        with daemon.running(sim=path) as d:
            api = d.local()
            host = api.call("host.get_all")[0]
            guests = [api.call("VM.get_by_name_label", n)[0]
                      for n in ("web", "database", "mail")]
            for guest in guests:  # they begin with nearly all that there is
                api.call("VM.set_memory_dynamic_range", guest, str(GIB),
                         str(5 * GIB))
            at_rest(api, guests)
            vm = api.call("VM.create", daemon.vm_record(
                "new", 0, 6 * GIB, 6 * GIB, 6 * GIB))
            print("# X: Xen and its reserve, 0: domain 0, w d m: guests, "
                  "R: reserved, n: new, .: free")
            watch = Watch(d, host)
            watch.start()
            began = time.monotonic()
            r = api.call("memory_reservation.create_for_VM", vm, host,
                         "start", "60")
            print("# memory_reservation.create_for_VM(new, lab, start, 60): "
                  "%.2f s" % (time.monotonic() - began))
            watch.end()
            watch.show(1.0)
            began = time.monotonic()
            api.call("VM.start_on", vm, host, False, False)
            print("# VM.start_on(new, lab): %.2f s; the reservation is %s"
                  % (time.monotonic() - began,
                     api.call("memory_reservation.get_state", r)))
            rows = api.call("host.explain_memory", host)
            print("         " + line(rows))
            total = sum(int(row["actual"]) + int(row["kept"]) for row in rows)
            new = [row for row in rows if row["name"] == "new"]
            if (total != 16 * GIB or new[0]["kind"] != "vm"
                    or "R" not in watch.seen[-1][1]
                    or "R" in watch.seen[0][1]
                    or api.call("VM.get_power_state", vm) != "Running"):
                raise AssertionError("that is not the story")


if __name__ == "__main__":
    main()
