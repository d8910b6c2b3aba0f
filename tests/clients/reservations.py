#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Reservations as a client sees them: promises that hold, whatever happens.

Bad input; a full host whose guests shrink for a reservation; guests that do
not; a cancelled wait; callers that race for what fits so many of them, also
while the daemon is killed.
"""
import os
import random
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
import thin_cli  # noqa: E402

MIB = 1 << 20
GIB = 1 << 30
NULL = "OpaqueRef:NULL"
CALLERS = 64
XE = os.environ.get("XE", os.path.join(daemon.TOP, "build", "xe-memory"))
FITS = 20
passed = 0

FULL = """
[host h]
memory = 8GiB
dom0 = 1GiB
cpus = 8
""" + "".join("""
[vm g%d]
type = hvm
vcpus = 1
static_min = 512MiB
dynamic_min = 1GiB
dynamic_max = 4GiB
static_max = 4GiB
sim = %s
state = running
""" % (i, "rate_kib_s=1048576") for i in range(3))


def equal(got, want, what):
    global passed
    if got != want:
        raise AssertionError("%s: got %r, want %r" % (what, got, want))
    passed += 1
    print("ok  " + what)


def seconds(what, limit=60):
    """Until something is so."""
    end = time.monotonic() + limit
    while not (value := what()):
        if time.monotonic() > end:
            raise AssertionError("not in %d s" % limit)
        time.sleep(0.01)
    return value


def free(api, host):
    return int(api.call("host.compute_free_memory", host))


def exact(api, host, what):
    """Every byte of the host is somewhere, in both accounts."""
    rows = api.call("host.explain_memory", host)
    metrics = api.call("host.get_metrics", host)
    total = int(api.call("host_metrics.get_memory_total", metrics))
    equal((sum(int(r["actual"]) + int(r["kept"]) for r in rows),
           sum(int(r["needed"]) for r in rows)), (total, total),
          what + ": every byte is explained")


def finish(api, task):
    return seconds(lambda: (r := api.call("task.get_record", task))
                   ["status"] != "pending" and r)


def bad_input(api, host):
    vm = api.call("VM.create", daemon.vm_record("halted", 0, GIB, GIB, GIB))
    before = free(api, host)
    gone = "OpaqueRef:01234567-89ab-4cde-8f01-23456789abcd"
    cases = [
        ("min above max", ("2", "1", "60"), ["INVALID_VALUE", "max", "1"]),
        ("negative", ("-1", "1", "60"), ["INVALID_VALUE", "min", "-1"]),
        ("nothing", ("0", "0", "60"), ["INVALID_VALUE", "min", "0"]),
        ("more than the host", (str(before + 1), str(before + 1), "60"),
         ["HOST_NOT_ENOUGH_FREE_MEMORY", str(before + 1), str(before)]),
        ("2^63-1", (str(2**63 - 1), str(2**63 - 1), "60"),
         ["HOST_NOT_ENOUGH_FREE_MEMORY", str(2**63 - 1), str(before)]),
        ("2^63", (str(2**63), str(2**63), "60"), ["FIELD_TYPE_ERROR", "min"]),
        ("ttl 0", ("1", "1", "0"), ["INVALID_VALUE", "ttl", "0"]),
        ("a century", ("1", "1", "3155760000"),
         ["INVALID_VALUE", "ttl", "3155760000"]),
    ]
    for what, args, want in cases:
        equal(api.error("memory_reservation.create", host, *args, "me"),
              want, what)
    equal(api.error("memory_reservation.create", gone, "1", "1", "60", "me"),
          ["HANDLE_INVALID", "host", gone], "an unknown host")
    equal(api.error("memory_reservation.create_for_VM", gone, host, "start",
                    "60"), ["HANDLE_INVALID", "VM", gone], "an unknown VM")
    equal(api.error("memory_reservation.create_for_VM", vm, host, "resume",
                    "60"), ["VM_BAD_POWER_STATE", vm, "suspended", "halted"],
          "resume of a halted VM")
    equal(api.error("memory_reservation.create_for_VM", vm, host, "fly",
                    "60")[0], "INVALID_VALUE", "no such operation")
    equal(api.error("memory_reservation.destroy", gone),
          ["HANDLE_INVALID", "memory_reservation", gone], "an unknown one")
    equal(free(api, host), before, "nothing was promised")
    r = api.call("memory_reservation.create_for_VM", vm, host, "start", "60")
    equal(api.error("memory_reservation.transfer", r, vm),
          ["VM_BAD_POWER_STATE", vm, "running, paused", "halted"],
          "transfer to a VM that does not run")
    api.call("VM.start", vm, False, False)
    equal(api.error("memory_reservation.transfer", r, vm),
          ["RESERVATION_NOT_HELD", r, "transferred"], "transfer twice")
    equal(api.error("memory_reservation.destroy", r),
          ["RESERVATION_NOT_HELD", r, "transferred"],
          "destroy of a transferred one")
    api.call("VM.hard_shutdown", vm)
    equal(api.error("memory_reservation.get_record", r),
          ["HANDLE_INVALID", "memory_reservation", r], "gone with its domain")
    api.call("VM.destroy", vm)


def too_many(api, host):
    """A session that never has enough has an end."""
    before = free(api, host)
    for n in range(1001):
        try:
            api.call("memory_reservation.create", host, "1", "1", "600",
                     "greedy")
        except daemon.ApiError as e:
            equal((n, list(e.args)),
                  (1000, ["TOO_MANY_RESERVATIONS", "1000"]), "a million")
            break
    equal(len(api.call("memory_reservation.get_by_owner", "greedy")), 1000,
          "its owner has them")
    api.call("memory_reservation.reset_owner", "greedy")
    equal((api.call("memory_reservation.get_by_owner", "greedy"),
           free(api, host)), ([], before), "and none any more")


def events(api, host):
    token = api.call("event.from", ["memory_reservation"], "", 0.0)["token"]
    r = api.call("memory_reservation.create", host, "1", "4096", "60", "told")
    batch = api.call("event.from", ["memory_reservation"], token, 10.0)
    e = batch["events"][0]
    equal((e["class"], e["operation"], e["ref"], e["snapshot"]["amount"]),
          ("memory_reservation", "add", r, "1"), "an event tells of it")
    api.call("memory_reservation.destroy", r)
    batch = api.call("event.from", ["memory_reservation"], batch["token"],
                     10.0)
    equal([(e["operation"], e["ref"]) for e in batch["events"]],
          [("del", r)], "and of its end")


def commands(d, api, host):
    """xe-memory makes them, lists them, gives them up, says where memory is."""
    def xe(*words):
        return subprocess.run(
            [XE, "--socket", os.path.join(d.state, "socket"), *words],
            check=True, capture_output=True, text=True).stdout

    r = api.call("memory_reservation.create", host, str(GIB), str(GIB), "60",
                 "somebody")
    uuid = api.call("memory_reservation.get_uuid", r)
    equal(xe("memory-reservation-list", "owner=somebody", "--minimal"),
          uuid + "\n", "it is listed")
    rows = [line.split() for line in xe("host-memory-explain").splitlines()]
    equal((rows[0], [row for row in rows if row[0] == "reservation"]),
          (["MiB", "promised", "has", "kept", "name"],
           [["reservation", "1024", "0", "1024", "somebody"]]),
          "it is explained")
    xe("memory-reservation-destroy", "uuid=" + uuid)
    equal(api.call("memory_reservation.get_all"), [], "it is given up")

    def field(ref, name):
        return api.call("memory_reservation.get_" + name, ref)

    uuid = xe("memory-reservation-create", "min=1GiB", "max=2GiB", "ttl=60",
              "owner=me").strip()
    r = api.call("memory_reservation.get_by_uuid", uuid)
    equal((field(r, "amount"), field(r, "owner"), field(r, "host")),
          (str(GIB), "me", host), "one is made")
    xe("memory-reservation-reset-owner", "owner=me")
    equal(api.call("memory_reservation.get_all"), [], "its owner gives it up")
    vm = api.call("VM.create", daemon.vm_record("new", 0, GIB, GIB, GIB))
    vm_uuid = api.call("VM.get_uuid", vm)
    name = api.call("host.get_name_label", host)
    equal((xe("pool-plan-placement", "vm-uuids=" + vm_uuid, "policy=pack"),
           thin_cli.Cli(d, False).run(
               "pool-plan-placement", "vm-uuids=" + vm_uuid)),
          ("new: %s\n" % name, [("out", "new: %s" % name), ("exit", 0)]),
          "a plan is made, here and by /cli")
    uuid = xe("memory-reservation-create-for-vm", "vm-uuid=" + vm_uuid,
              "operation=start", "ttl=60", "host=" + name).strip()
    r = api.call("memory_reservation.get_by_uuid", uuid)
    equal(field(r, "VM"), vm, "one is made for a VM")
    api.call("VM.start", vm, False, False)
    equal(field(r, "state"), "transferred", "which takes it")
    uuid = thin_cli.Cli(d, False).run(
        "memory-reservation-create", "min=1GiB", "ttl=60")[0][1].strip()
    xe("memory-reservation-transfer", "uuid=" + uuid, "vm-uuid=" + vm_uuid)
    r = api.call("memory_reservation.get_by_uuid", uuid)
    equal((field(r, "state"), field(r, "VM")), ("transferred", vm),
          "another is handed over")
    api.call("VM.hard_shutdown", vm)
    api.call("VM.destroy", vm)
    equal(api.call("memory_reservation.get_all"), [], "both go with it")


def actual(api, vm):
    return int(api.call("VM_metrics.get_memory_actual",
                        api.call("VM.get_metrics", vm)))


def story(home):
    """A full host, a reservation, guests shrinking, the new VM running."""
    with daemon.running(sim=home) as d:
        api = d.local()
        host = api.call("host.get_all")[0]
        guests = [api.call("VM.get_by_name_label", "g%d" % i)[0]
                  for i in range(3)]
        seconds(lambda: min(actual(api, g) for g in guests) > 2000 * MIB)
        exact(api, host, "a full host")
        big = api.call("VM.create", daemon.vm_record(
            "new", 0, 3 * GIB, 3 * GIB, 3 * GIB))
        began = time.monotonic()
        r = api.call("memory_reservation.create_for_VM", big, host, "start",
                     "600")
        print("    granted after %.2f s" % (time.monotonic() - began))
        record = api.call("memory_reservation.get_record", r)
        needed = 3 * GIB + int(api.call("VM.get_memory_overhead", big))
        equal((record["amount"], record["granted"], record["state"]),
              (str(needed), str(needed), "held"), "what it needs is granted")
        equal(max(actual(api, g) for g in guests) < 2000 * MIB, True,
              "the others have shrunk")
        exact(api, host, "a reservation")
        before = free(api, host)
        api.call("VM.start_on", big, host, False, False)
        equal((api.call("VM.get_power_state", big), actual(api, big),
               api.call("memory_reservation.get_state", r)),
              ("Running", 3 * GIB, "transferred"), "it runs with that")
        equal(free(api, host), before, "and nothing more was promised")
        exact(api, host, "the new VM")
        failures(api, host, guests, big)


def failures(api, host, guests, big):
    api.call("VM.hard_shutdown", big)
    seconds(lambda: min(actual(api, g) for g in guests) > 2000 * MIB)
    had = [actual(api, g) for g in guests]
    too_big = free(api, host) + MIB
    equal(api.error("memory_reservation.create", host, str(too_big),
                    str(too_big), "60", "x")[0],
          "HOST_NOT_ENOUGH_FREE_MEMORY", "what cannot be is said at once")
    equal([actual(api, g) >= a for g, a in zip(guests, had)], [True] * 3,
          "and nobody had to shrink")
    for g in guests:
        api.call("VM.pause", g)
    code, *who = api.error("memory_reservation.create", host, str(3 * GIB),
                           str(3 * GIB), "60", "x")
    equal((code, sorted(who)), ("VMS_FAILED_TO_COOPERATE", sorted(guests)),
          "who does not give back is named")
    for g in guests:
        api.call("VM.unpause", g)
    equal(api.call("memory_reservation.get_all"), [], "nothing is promised")
    for g in guests:
        api.call("VM.hard_shutdown", g)
    # It has 4 GiB from its start on, and gives a minute of it back.
    slow = api.call("VM.create", daemon.vm_record(
        "slow", 0, 4 * GIB, 4 * GIB, 4 * GIB,
        other_config={"sim": "rate_kib_s=65536"}))
    api.call("VM.start", slow, False, False)
    equal(actual(api, slow), 4 * GIB, "all of it is there at once")
    api.call("VM.set_memory_dynamic_range", slow, str(256 * MIB),
             str(4 * GIB))
    before = free(api, host)
    want = str(before - 64 * MIB)
    task = api.call("Async.memory_reservation.create", host, want, want,
                    "60", "x")
    seconds(lambda: free(api, host) < before and
            api.call("task.get_allowed_operations", task))
    equal(api.call("task.get_allowed_operations", task), ["cancel"],
          "a wait may be cancelled")
    api.call("task.cancel", task)
    equal(finish(api, task)["status"], "cancelled", "it ends")
    equal((free(api, host), api.call("memory_reservation.get_all")),
          (before, []), "and has given everything back")


class Caller(threading.Thread):
    """One of many who want the same memory; wins refs or is refused."""

    def __init__(self, d, host, vm):
        super().__init__()
        self.d, self.args = d, (vm, host, "start", "3600")
        self.ref = self.refused = None

    def run(self):
        try:
            api = self.d.local()
            self.ref = api.call("memory_reservation.create_for_VM",
                                *self.args)
        except daemon.ApiError as e:
            self.refused = e.args[0]
        except Exception:  # the daemon was killed: nobody knows
            pass


def race(d, api, host, vms, kill_after=None):
    callers = [Caller(d, host, vm) for vm in vms]
    for c in callers:
        c.start()
    if kill_after is not None:
        time.sleep(kill_after)
        d.kill()
    for c in callers:
        c.join()
    return callers


def concurrent(state):
    """Of many who want it, exactly as many win as there is memory for."""
    d = daemon.Daemon(state=state, sim=os.path.join(state, "sim.ini"))
    d.start()
    api = d.local()
    host = api.call("host.get_all")[0]
    vms = [api.call("VM.create", daemon.vm_record(
        "v%d" % i, 0, 256 * MIB, 256 * MIB, 256 * MIB))
        for i in range(CALLERS)]
    one = 256 * MIB + int(api.call("VM.get_memory_overhead", vms[0]))
    rest = str(free(api, host) - FITS * one - one // 2)
    api.call("memory_reservation.create", host, rest, rest, "86400", "rest")
    callers = race(d, api, host, vms)
    equal((sum(c.ref is not None for c in callers),
           {c.refused for c in callers if c.ref is None}),
          (FITS, {"HOST_NOT_ENOUGH_FREE_MEMORY"}), "exactly so many win")
    seed = int(os.environ.get("TEST_SEED", time.time_ns() % 1000000))
    print("    TEST_SEED=%d" % seed)
    rng = random.Random(seed)
    for _ in range(8):
        api.call("memory_reservation.reset_owner", "root")
        callers = race(d, api, host, vms, rng.uniform(0, 0.03))
        d.start()
        api = d.local()
        held = set(api.call("memory_reservation.get_by_owner", "root"))
        won = {c.ref for c in callers if c.ref is not None}
        if not won <= held or len(held) > FITS:
            raise AssertionError("%d won, %d held" % (len(won), len(held)))
        exact(api, host, "killed: %d knew that they had won, %d had"
              % (len(won), len(held)))
        api.call("memory_reservation.reset_owner", "root")
        callers = race(d, api, host, vms)
        equal(sum(c.ref is not None for c in callers), FITS,
              "exactly so many win again")
    api.call("memory_reservation.reset_owner", "root")
    killed_starts(d, api, host, vms, rng)


def killed_starts(d, api, host, vms, rng):
    """A start that dies with the daemon leaves no promise behind."""
    before = free(api, host)
    for _ in range(8):
        callers = [threading.Thread(target=start, args=(d, host, vm))
                   for vm in vms[:8]]
        for c in callers:
            c.start()
        time.sleep(rng.uniform(0, 0.1))
        d.kill()
        for c in callers:
            c.join()
        d.start()
        api = d.local()
        on = [vm for vm in vms
              if api.call("VM.get_power_state", vm) != "Halted"]
        needed = 256 * MIB + int(api.call("VM.get_memory_overhead", vms[0]))
        equal(before - free(api, host), len(on) * needed,
              "killed: %d run, and they alone count" % len(on))
        for vm in on:
            api.call("VM.hard_shutdown", vm)
        equal(free(api, host), before, "all came back")
    equal(d.stop(), 0, "the daemon ends")


def start(d, host, vm):
    try:
        d.local().call("VM.start_on", vm, host, False, False)
    except Exception:  # the daemon was killed
        pass


def main():
    with tempfile.TemporaryDirectory() as state:
        path = os.path.join(state, "sim.ini")
        with open(path, "w") as f:
            f.write(FULL)
        story(path)
    with daemon.running() as d:
        api = d.local()
        host = api.call("host.get_all")[0]
        bad_input(api, host)
        too_many(api, host)
        events(api, host)
        commands(d, api, host)
    with tempfile.TemporaryDirectory() as state:
        with open(os.path.join(state, "sim.ini"), "w") as f:
            f.write("[host h]\nmemory = 32GiB\ndom0 = 1GiB\ncpus = 8\n")
        concurrent(state)
    print("%d passed, 0 failed" % passed)


if __name__ == "__main__":
    main()
