# SPDX-License-Identifier: BSD-2-Clause
"""The hypervisor process as the daemon sees it: refusing, hung, gone.

usage: hypervisor.py
"""
import os
import shutil
import subprocess
import tempfile

import daemon


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: %r, not %r" % (what, got, wanted))


def has(what, text, part):
    if part not in text:
        raise AssertionError("%s: %r not in %r" % (what, part, text))


def staged(folder, script):
    """The daemon, beside an xenapi-memory-hv-xen that is a script."""
    path = os.path.join(folder, "xenapi-memoryd")
    shutil.copy2(daemon.DAEMON, path)
    program = os.path.join(folder, "xenapi-memory-hv-xen")
    with open(program, "w") as f:
        f.write("#!/bin/sh\n" + script)
    os.chmod(program, 0o755)
    return [path, "--state", os.path.join(folder, "state"), "--listen",
            "127.0.0.1:0"]


def run(argv):
    r = subprocess.run(argv, capture_output=True, text=True, timeout=60)
    return r.returncode, r.stdout, r.stderr


def refusals():
    """What the process says at the first start is the daemon's last word."""
    with tempfile.TemporaryDirectory() as folder:
        argv = staged(folder, 'echo "no rights on privcmd: $#$*" >&2\n'
                              'exit 1\n')
        for more, said in (([], "0"), (["--take-over"], "1--take-over")):
            status, out, err = run(argv + ["--backend", "xen"] + more)
            same("exit status", status, 1)
            same("not ready", out, "")
            has("its sentence", err, "xenapi-memoryd: hypervisor: "
                "no rights on privcmd: %s\n" % said)
        os.unlink(os.path.join(folder, "xenapi-memory-hv-xen"))
        status, out, err = run(argv + ["--backend", "xen"])
        same("exit status without the program", status, 1)
        has("which program", err, "xenapi-memory-hv-xen: No such file")


def no_default():
    """Without Xen nothing is made up."""
    if os.path.exists("/dev/xen/privcmd"):
        return
    with tempfile.TemporaryDirectory() as folder:
        status, out, err = run([daemon.DAEMON, "--state", folder, "--listen",
                                "127.0.0.1:0"])
        same("exit status", status, 1)
        has("what to do", err, "--backend sim")
        same("nothing was made", os.listdir(folder), [])


def main():
    count = 0
    for story in (refusals, no_default):
        story()
        print("ok %s" % story.__name__)
        count += 1
    print("%d passed" % count)


if __name__ == "__main__":
    main()
