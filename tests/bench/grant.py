#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""From memory_reservation.create to the grant, through the whole daemon.

A simulated host that 1, 10 or 100 guests use up; each has to give a part of
its memory back, at its rate.  Beside it: the time that the guests need by
themselves.  And what the daemon costs while nothing happens, with 100 guests.
"""
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients"))
import daemon  # noqa: E402

MIB = 1 << 20
RATE_MIB_S = 512
GIVES_MIB = 128
ROUNDS = 5
REST_S = 30


def free_mib(api):
    metrics, = api.call("host_metrics.get_all_records").values()
    return int(metrics["memory_free"]) // MIB


def settled(api):
    """Free memory, once it has been the same for a second."""
    was = -1
    while was != free_mib(api):
        was = free_mib(api)
        time.sleep(1)
    return was


def fill(api, n):
    for i in range(n):
        record = daemon.vm_record("vm%d" % i, 128 * MIB, 256 * MIB, 512 * MIB,
                                  512 * MIB)
        record["other_config"] = {
            "sim": "rate_kib_s=%d" % (RATE_MIB_S * 1024)}
        api.call("VM.start", api.call("VM.create", record), False, False)


def cpu_s(pid):
    with open("/proc/%d/stat" % pid) as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(n):
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as ini:
        ini.write("[host lab]\nmemory = %dMiB\ndom0 = 1GiB\n"
                  % (1624 + n * 539))
        ini.flush()
        with daemon.Daemon(sim=ini.name) as d:
            api = d.local()
            host, = api.call("host.get_all")
            fill(api, n)
            late = []
            for _ in range(ROUNDS):
                size = (settled(api) - 72 + n * GIVES_MIB) * MIB
                begin = time.monotonic()
                held = api.call("memory_reservation.create", host, str(size),
                                str(size), "600", "bench")
                late.append(time.monotonic() - begin
                            - GIVES_MIB / RATE_MIB_S)
                api.call("memory_reservation.destroy", held)
            late.sort()
            print("%3d guests give %5d MiB in %d ms; the grant comes %d ms "
                  "later (at most %d)"
                  % (n, n * GIVES_MIB, GIVES_MIB / RATE_MIB_S * 1000,
                     late[ROUNDS // 2] * 1000, late[-1] * 1000))
            if n < 100:
                return
            settled(api)
            begin = cpu_s(d.process.pid)
            time.sleep(REST_S)
            print("at rest with %d guests: %.3f %% of a core"
                  % (n, (cpu_s(d.process.pid) - begin) / REST_S * 100))


def main():
    for n in (1, 10, 100):
        measure(n)


if __name__ == "__main__":
    main()
