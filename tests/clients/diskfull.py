#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A full disk: the caller gets an error, every earlier value stays, reads go
on, a VM can still be told to stop, and the service recovers when there is room.

Runs itself in a mount namespace of its own, on a small tmpfs.
"""
import ctypes
import os
import subprocess
import sys

import checks
import daemon
from checks import is_

MIB = 1 << 20


def fill(path):
    """Takes the last byte of the file system."""
    with open(path, "wb", buffering=0) as f:
        size = MIB
        while size:
            try:
                f.write(b"\0" * size)
            except OSError:
                size //= 2


def main():
    base = "/tmp/xenapi-memory-full"
    os.makedirs(base, exist_ok=True)
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.mount(b"none", base.encode(), b"tmpfs", 0,
                      b"size=8m,mode=0700") == 0, os.strerror(ctypes.get_errno())
    with daemon.Daemon(state=base) as d:
        api = d.local()
        vm = api.call("VM.create", daemon.vm_record(
            "v", 0, 256 * MIB, 512 * MIB, 1024 * MIB))
        api.call("VM.start", vm, False, False)
        api.call("VM.set_name_label", vm, "before")
        fill(base + "/ballast")
        refusals = 0
        name = "before"
        for i in range(2000):
            try:
                api.call("VM.set_name_description", vm, "x%d" % i * 1000)
            except daemon.ApiError as e:
                is_("the caller is told: %s" % " ".join(e.args)[:70],
                    (e.args[0], e.args[1].startswith("not stored: ")),
                    ("INTERNAL_ERROR", True))
                refusals += 1
                if refusals == 3:
                    break
        is_("the disk was full for setters", refusals, 3)
        is_("earlier values stay", api.call("VM.get_name_label", vm), name)
        is_("and are readable", len(api.call("VM.get_all_records")) >= 2,
            True)
        os.unlink(base + "/ballast")
        api.call("VM.set_name_label", vm, "after")
        is_("recovered", api.call("VM.get_name_label", vm), "after")
        api.call("VM.hard_shutdown", vm)
        is_("lifecycle goes on", api.call("VM.get_power_state", vm),
            "Halted")
        d.kill()
        d.start()
        api = d.local()
        is_("and is still there after kill -9",
            api.call("VM.get_name_label", vm), "after")
    checks.end()


if __name__ == "__main__":
    if os.environ.get("IN_NAMESPACE") != "1":
        flags = ["-m"] if os.geteuid() == 0 else ["-rm"]
        sys.exit(subprocess.run(
            ["unshare", "--propagation", "unchanged"] + flags + [sys.executable] + sys.argv,
            env=dict(os.environ, IN_NAMESPACE="1")).returncode)
    main()
