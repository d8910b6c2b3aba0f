#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Start with 100,000 VMs in the store: time to ready, resident memory per VM.

Compared with the same daemon and 10 VMs, in one run.
usage: start.py BENCH_FILL [DATABASE_NAME]
"""
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients"))
import daemon  # noqa: E402


def rss_bytes(pid):
    with open("/proc/%d/status" % pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+) kB", f.read()).group(1)) * 1024


def measure(fill, name, n):
    state = tempfile.mkdtemp(prefix="xenapi-memory-bench-")
    subprocess.run([fill, os.path.join(state, name), str(n)], check=True)
    times = []
    for _ in range(4):  # the first one makes certificates: not counted
        begin = time.monotonic()
        d = daemon.Daemon(state=state).start()
        times.append(time.monotonic() - begin)
        rss = rss_bytes(d.process.pid)
        assert d.stop() == 0
        d.log.close()
    shutil.rmtree(state)
    return statistics.median(times[1:]), rss


def main():
    fill = sys.argv[1]
    name = sys.argv[2] if len(sys.argv) > 2 else "xenapi-memory.db"
    few_s, few_rss = measure(fill, name, 10)
    many_s, many_rss = measure(fill, name, 100000)
    print("start with 10 VMs: %.3f s, %.1f MiB resident"
          % (few_s, few_rss / 2**20))
    print("start with 100,000 VMs: %.3f s, %.1f MiB resident (budget 1 s)"
          % (many_s, many_rss / 2**20))
    print("resident per VM: %.0f bytes (budget 2048)"
          % ((many_rss - few_rss) / 99990))


if __name__ == "__main__":
    main()
