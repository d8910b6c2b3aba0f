#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""kill -9 at random moments under concurrent writes: nothing acknowledged is
lost, no invariant breaks.

Each round: callers set dynamic ranges, limits, names and start or stop VMs;
after a random number of acknowledgements the daemon is killed; it is started
again on the same folder (the simulated world lives on), and every record must
be what was last acknowledged, or one of the calls that were under way.
"""
import http.client
import random
import sys
import tempfile
import shutil
import threading
import xml.parsers.expat

import daemon

MIB = 1 << 20
CALLERS = 8
BROKEN = (ConnectionError, http.client.HTTPException, OSError,
          xml.parsers.expat.ExpatError)


class Vm:
    """What one VM's fields may be: the acknowledged value, or the pending."""

    def __init__(self, ref):
        self.ref = ref
        self.acked = {}
        self.pending = {}


def setters(rng, vm):
    """One random change: (message, args, fields it writes)."""
    lo, hi = sorted(rng.randrange(64, 512) * MIB + rng.randrange(4096)
                    for _ in range(2))
    choice = rng.randrange(5)
    if choice <= 1:
        return ("VM.set_memory_dynamic_range", (str(lo), str(hi)),
                {"memory_dynamic_min": lo, "memory_dynamic_max": hi})
    if choice == 2:
        name = "vm-%x" % rng.getrandbits(64)
        return ("VM.set_name_label", (name,), {"name_label": name})
    if choice == 3:
        m = str(rng.randrange(1, 8))
        return ("VM.set_VCPUs_max", (m,), {"VCPUs_max": int(m)})
    top = rng.randrange(512, 1024) * MIB
    return ("VM.set_memory_limits", ("0", str(top), str(lo), str(hi)),
            {"memory_static_max": top, "memory_dynamic_min": lo,
             "memory_dynamic_max": hi})


def caller(d, vm, seed, acks, enough):
    rng = random.Random(seed)
    try:
        api = d.local()
    except BROKEN:
        return
    while not enough.is_set():
        message, args, fields = setters(rng, vm)
        vm.pending = fields
        try:
            api.call(message, vm.ref, *args)
        except BROKEN:
            return
        except daemon.ApiError as e:
            # Only a storage failure would be a surprise here.
            print("unexpected:", message, args, e.args)
            acks["bad"] += 1
            return
        vm.acked.update(fields)
        vm.pending = {}
        with acks["lock"]:
            acks["n"] += 1
            if acks["n"] >= acks["until"]:
                enough.set()


FIELDS = ("memory_dynamic_min", "memory_dynamic_max", "memory_static_max",
          "VCPUs_max", "name_label")


def fields_of(record):
    return {f: record[f] if f == "name_label" else int(record[f])
            for f in FIELDS}


def check(record, vm):
    limits = [int(record["memory_" + f]) for f in
              ("static_min", "dynamic_min", "dynamic_max", "static_max")]
    assert limits[0] >= 0 and limits == sorted(limits), limits
    seen = fields_of(record)
    after = dict(vm.acked, **vm.pending)
    assert seen in (vm.acked, after), \
        "lost: acknowledged %r, pending %r, found %r" % (
            vm.acked, vm.pending, seen)
    vm.acked = seen
    vm.pending = {}


def one_round(d, vms, rng):
    acks = {"n": 0, "bad": 0, "until": rng.randrange(1, 120),
            "lock": threading.Lock()}
    enough = threading.Event()
    threads = [threading.Thread(target=caller, args=(
        d, vm, rng.getrandbits(32), acks, enough)) for vm in vms]
    for t in threads:
        t.start()
    enough.wait(timeout=60)
    d.kill()
    for t in threads:
        t.join()
    assert acks["bad"] == 0
    assert acks["n"] >= acks["until"], "callers stopped early: %r" % acks
    d.start()
    api = d.local()
    records = api.call("VM.get_all_records")
    for vm in vms:
        check(records[vm.ref], vm)
    api.close()
    return acks["n"]


def main():
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 200
    seed = int(sys.argv[2]) if len(sys.argv) > 2 \
        else random.SystemRandom().getrandbits(32)
    print("seed %d, %d rounds" % (seed, rounds))
    rng = random.Random(seed)
    state = tempfile.mkdtemp(prefix="xenapi-memory-crash-")
    d = daemon.Daemon(state=state)
    d.start()
    api = d.local()
    vms = [Vm(api.call("VM.create", daemon.vm_record(
        "c%d" % i, 0, 256 * MIB, 256 * MIB, 1024 * MIB, VCPUs_max="8")))
        for i in range(CALLERS)]
    for vm in vms:
        vm.acked = fields_of(api.call("VM.get_record", vm.ref))
    api.close()
    total = 0
    for i in range(rounds):
        total += one_round(d, vms, rng)
    assert d.stop() == 0
    d.log.close()
    shutil.rmtree(state)
    print("%d rounds, %d acknowledged writes, none lost" % (rounds, total))


if __name__ == "__main__":
    main()
