#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""What polling 10,000 guests every 5 s costs, daemon and simulator together.

CPU of both processes while nobody is polled and while everybody is, in one
run; the difference is what polling costs.
usage: stats.py [GUESTS [SECONDS]]
"""
import os
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients"))
import daemon  # noqa: E402

INTERVAL = 5
TICKS = os.sysconf("SC_CLK_TCK")


def world(path, guests):
    with open(path, "w", encoding="utf-8") as f:
        f.write("[host big]\nmemory = 4TiB\ndom0 = 1GiB\ncpus = 64\n")
        for i in range(guests):
            f.write("[vm g%d]\ntype = pv\nvcpus = 1\nmemory = 64MiB\n"
                    "state = running\n" % i)


def family(pid, state):
    """The daemon and its hypervisor process, which works in its folder."""
    pids = [pid]
    for name in os.listdir("/proc"):
        try:
            with open("/proc/%s/comm" % name, encoding="ascii") as f:
                comm = f.read()
            log = os.readlink("/proc/%s/fd/2" % name)
        except OSError:
            continue
        if comm.startswith("xenapi-memory-h") and log.startswith(state):
            pids.append(int(name))
    return pids


def cpu_s(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid, encoding="ascii") as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


def cost(pids, seconds):
    before = cpu_s(pids)
    begin = time.monotonic()
    time.sleep(seconds)
    return (cpu_s(pids) - before) / (time.monotonic() - begin)


def main():
    guests = int(sys.argv[1]) if len(sys.argv) > 1 else 10000
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
    with tempfile.NamedTemporaryFile(suffix=".ini") as ini:
        world(ini.name, guests)
        with daemon.running(sim=ini.name) as d:
            pids = family(d.process.pid, d.state)
            api = d.local()
            vms = [ref for ref in api.call("VM.get_all")
                   if not api.call("VM.get_is_control_domain", ref)]
            assert len(vms) == guests and len(pids) > 1, (len(vms), pids)
            idle = cost(pids, seconds)
            for vm in vms:
                api.call("VM.set_memory_stats_polling_interval", vm, str(
                    INTERVAL))
            time.sleep(INTERVAL)
            polled = cost(pids, seconds)
            read = [api.call("VM.get_memory_stats", vm) for vm in vms[::97]]
            fresh = min(int(s["last_update"]) for s in read)
            assert time.time() - fresh < 3 * INTERVAL, "not all are read"
            api.close()
    print("%d guests polled every %d s: %.2f %% of a core more than the "
          "%.2f %% without (budget 2 %%)"
          % (guests, INTERVAL, 100 * (polled - idle), 100 * idle))


if __name__ == "__main__":
    main()
