# SPDX-License-Identifier: BSD-2-Clause
"""make install: what lies where, and that it runs from there.

usage: install.py
"""
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

import daemon

STAGE = os.path.join(daemon.TOP, "build", "stage")
UNIT = "usr/lib/systemd/system/xenapi-memoryd.service"
CONF = "etc/xenapi-memory.conf"
FILES = {
    "usr/sbin/xenapi-memoryd": 0o755,
    "usr/libexec/xenapi-memory/xenapi-memoryd": 0o755,
    "usr/libexec/xenapi-memory/xenapi-memory-hv-sim": 0o755,
    "usr/libexec/xenapi-memory/xenapi-memory-hv-xen": 0o755,
    "usr/libexec/xenapi-memory/xenapi-memory-pam": 0o755,
    "usr/bin/xe-memory": 0o755,
    "usr/share/man/man1/xe-memory.1": 0o644,
    "usr/share/man/man8/xenapi-memoryd.8": 0o644,
    "usr/share/bash-completion/completions/xe-memory": 0o644,
    UNIT: 0o644,
    CONF: 0o644,
}
# What systemd-analyze security may say at most; it says 2.6.
EXPOSURE_MAX = 3.0


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: %r, not %r" % (what, got, wanted))


def install(**more):
    env = dict(os.environ, DESTDIR=STAGE, PREFIX="/usr", **more)
    r = subprocess.run(["make", "install"], cwd=daemon.TOP, env=env,
                       capture_output=True, text=True, timeout=600)
    same("make install: " + r.stdout + r.stderr, r.returncode, 0)


def at(name):
    return os.path.join(STAGE, name)


def text_of(name):
    with open(at(name)) as f:
        return f.read()


def files():
    shutil.rmtree(STAGE, ignore_errors=True)
    install()
    found = {}
    for folder, _, names in os.walk(STAGE):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, STAGE)] = \
                os.stat(path).st_mode & 0o7777
    same("what is installed", found, FILES)
    same("no name of the stage in the unit", STAGE in text_of(UNIT), False)
    same("nor a placeholder", "@" in text_of(UNIT).split("\n[Unit]")[1]
         .replace("@system-service", ""), False)


def edited_stays():
    with open(at(CONF), "a") as f:
        f.write("; mine\n")
    install()
    same("what was edited", text_of(CONF).endswith("; mine\n"), True)


def manual():
    if not shutil.which("man"):
        print("no man: pages are not looked at")
        return
    for name in ("man1/xe-memory.1", "man8/xenapi-memoryd.8"):
        r = subprocess.run(
            ["man", "--warnings", "-l", at("usr/share/man/" + name)],
            capture_output=True, text=True, timeout=60,
            env=dict(os.environ, MANROFFSEQ="", MANWIDTH="80"))
        same(name, (r.returncode, r.stderr), (0, ""))
        assert len(r.stdout) > 1000, r.stdout


class Told:
    """The socket of whoever starts a service."""

    def __init__(self, name):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(name)
        self.socket.settimeout(60)

    def next(self, *ignored):
        while True:
            text = self.socket.recv(4096).decode()
            if text not in ignored:
                return text


def as_the_unit_does(folder):
    """A wrapper that starts the staged daemon with no more rights than the
    unit leaves it, as far as that goes without systemd."""
    caps = re.search(r"^CapabilityBoundingSet=(.*)$", text_of(UNIT),
                     re.M).group(1).split()
    keep = ",".join("+" + c[4:].lower() for c in caps)
    confine = "setpriv --bounding-set=-all,%s --no-new-privs" % keep
    if os.getuid() != 0 or not shutil.which("setpriv"):
        print("not root, or no setpriv: runs unconfined")
        confine = ""
    path = os.path.join(folder, "start")
    with open(path, "w") as f:
        f.write("#!/bin/sh\nexec %s %s \"$@\"\n"
                % (confine, at("usr/sbin/xenapi-memoryd")))
    os.chmod(path, 0o755)
    return path


def runs():
    """READY when calls are taken, life while it runs, STOPPING at its end."""
    with tempfile.TemporaryDirectory() as folder:
        daemon.DAEMON = as_the_unit_does(folder)
        told = Told(os.path.join(folder, "notify"))
        os.environ["NOTIFY_SOCKET"] = os.path.join(folder, "notify")
        os.environ["WATCHDOG_USEC"] = "200000"
        conf = os.path.join(folder, "conf")
        shutil.copy(at(CONF), conf)
        # --listen counts more than the file's address
        d = daemon.Daemon(extra=["--config", conf], state=folder)
        d.start()
        same("first", told.next("WATCHDOG=1"), "READY=1")
        same("then", told.next(), "WATCHDOG=1")
        api = d.https()
        gib = 1 << 30
        vm = api.call("VM.create",
                      daemon.vm_record("vm", gib, gib, gib, gib))
        api.call("VM.start", vm, False, False)
        same("it works", api.call("VM.get_power_state", vm), "Running")
        same("the command does", subprocess.run(
            [at("usr/bin/xe-memory"), "--socket",
             os.path.join(folder, "socket"), "vm-list"],
            capture_output=True, timeout=60).returncode, 0)
        api.close()
        d.process.send_signal(signal.SIGHUP)
        same("it goes on", told.next(), "WATCHDOG=1")
        same("exit status", d.stop(), 0)
        same("last", told.next("WATCHDOG=1"), "STOPPING=1")
        d.log.close()


def unit():
    if not shutil.which("systemd-analyze"):
        print("no systemd-analyze: the unit is not looked at")
        return
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "xenapi-memoryd.service")
        with open(path, "w") as f:
            f.write(text_of(UNIT).replace("/usr/sbin", at("usr/sbin")))
        r = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                           capture_output=True, text=True, timeout=60)
        same("verify", (r.returncode, [
            line for line in r.stderr.split("\n")
            if "xenapi-memoryd" in line]), (0, []))
        r = subprocess.run(["systemd-analyze", "security", "--offline=true",
                            path], capture_output=True, text=True,
                           timeout=60)
        level = re.search(r"exposure level for \S+ ([0-9.]+)",
                          r.stdout.replace(":", ""))
        same("security: " + r.stderr, level is not None, True)
        print("exposure %s" % level.group(1))
        assert float(level.group(1)) <= EXPOSURE_MAX, r.stdout


def main():
    count = 0
    for story in (files, edited_stays, manual, unit, runs):
        story()
        print("ok %s" % story.__name__)
        sys.stdout.flush()
        count += 1
    print("%d passed" % count)


if __name__ == "__main__":
    main()
