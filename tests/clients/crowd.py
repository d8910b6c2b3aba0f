#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Many callers at once over TLS and the Unix socket: for race detectors.

Readers, writers, logins and whole lifecycles run side by side on a few VMs;
documented errors are fine, anything else is not.  At the end the law of
admission must hold: everything shut down gives everything back.
"""
import random
import sys
import threading

import daemon

MIB = 1 << 20
FINE = {"OTHER_OPERATION_IN_PROGRESS", "VM_BAD_POWER_STATE",
        "MEMORY_CONSTRAINT_VIOLATION_ORDER", "HOST_NOT_ENOUGH_FREE_MEMORY",
        "NO_HOSTS_AVAILABLE", "VM_MEMORY_TARGET_WAIT_TIMEOUT",
        "INVALID_VALUE"}


def changes(rng):
    lo, hi = sorted(rng.randrange(1, 3000) * MIB for _ in range(2))
    return [
        ("VM.set_memory_dynamic_range", str(lo), str(hi)),
        ("VM.set_memory_dynamic_min", str(lo)),
        ("VM.set_memory_limits", "0", str(hi + MIB), str(lo), str(hi)),
        ("VM.set_memory_static_max", str(hi)),
        ("VM.set_memory", str(lo)),
        ("VM.start", False, False), ("VM.start", True, False),
        ("VM.unpause",), ("VM.pause",), ("VM.suspend",),
        ("VM.resume", False, False), ("VM.hard_shutdown",),
        ("VM.clean_reboot",), ("VM.wait_memory_target_live",),
        ("VM.set_VCPUs_max", "4"), ("VM.set_name_label", "n%d" % lo),
        ("VM.set_shadow_multiplier_live", 1.5),
        ("VM.get_record",), ("VM.compute_memory_overhead",),
        ("VM.get_possible_hosts",), ("VM.get_cooperative",),
    ]


def caller(d, vms, seed, calls, bad, over_tls):
    rng = random.Random(seed)
    try:
        api = d.https() if over_tls else d.local()
        for _ in range(calls):
            if rng.randrange(10) == 0:
                api.call("VM.get_all_records")
                continue
            change = rng.choice(changes(rng))
            try:
                api.call(change[0], rng.choice(vms), *change[1:])
            except daemon.ApiError as e:
                if e.args[0] not in FINE:
                    bad.append((change, e.args))
        api.call("session.logout")
    except Exception as e:  # whatever it is, the test must say so
        bad.append(("caller", repr(e)))


def down(api, vm):
    try:
        api.call("VM.hard_shutdown", vm)
    except daemon.ApiError:
        if api.call("VM.get_power_state", vm) == "Suspended":
            api.call("VM.resume", vm, False, False)
            api.call("VM.hard_shutdown", vm)


def main():
    calls = int(sys.argv[1]) if len(sys.argv) > 1 else 150
    seed = random.SystemRandom().getrandbits(32)
    print("seed %d" % seed)
    rng = random.Random(seed)
    bad = []
    with daemon.running() as d:
        api = d.local()
        host = api.call("host.get_all")[0]
        before = api.call("host.compute_free_memory", host)
        vms = [api.call("VM.create", daemon.vm_record(
            "v%d" % i, 0, 512 * MIB, 1024 * MIB, 2048 * MIB))
            for i in range(6)]
        threads = [threading.Thread(target=caller, args=(
            d, vms, rng.getrandbits(32), calls, bad, i % 2 == 0))
            for i in range(12)]
        for t in threads:
            t.start()
        for t in threads:
            t.join()
        assert not bad, bad
        for vm in vms:
            down(api, vm)
            assert api.call("VM.get_power_state", vm) == "Halted"
        after = api.call("host.compute_free_memory", host)
        assert after == before, "free was %s, is %s" % (before, after)
        api.close()
    print("%d passed, 0 failed" % (12 * calls))


if __name__ == "__main__":
    main()
