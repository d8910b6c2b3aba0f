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
GUEST = os.path.join(daemon.TOP, "build", "stage-guest")
AGENT_UNIT = "usr/lib/systemd/system/xenapi-memory-agent.service"
GUEST_FILES = {
    "usr/sbin/xenapi-memory-agent": 0o755,
    "usr/share/man/man8/xenapi-memory-agent.8": 0o644,
    AGENT_UNIT: 0o644,
}
# What systemd-analyze security may say at most; it says 2.6, the agent 1.1.
EXPOSURE_MAX = 3.0


def same(what, got, wanted):
    if got != wanted:
        raise AssertionError("%s: %r, not %r" % (what, got, wanted))


def install(stage=STAGE, target="install"):
    env = dict(os.environ, DESTDIR=stage, PREFIX="/usr")
    r = subprocess.run(["make", target], cwd=daemon.TOP, env=env,
                       capture_output=True, text=True, timeout=600)
    same("make " + target + ": " + r.stdout + r.stderr, r.returncode, 0)


def at(name, stage=STAGE):
    return os.path.join(stage, name)


def text_of(name, stage=STAGE):
    with open(at(name, stage)) as f:
        return f.read()


def modes(stage):
    """Every file below a folder, and its mode."""
    found = {}
    for folder, _, names in os.walk(stage):
        for name in names:
            path = os.path.join(folder, name)
            found[os.path.relpath(path, stage)] = \
                os.stat(path).st_mode & 0o7777
    return found


def is_clean(text, stage):
    same("no name of the stage in the unit", stage in text, False)
    same("nor a placeholder", re.findall("@[A-Z]+@", text.split(
        "\n[Unit]")[1]), [])


def files():
    shutil.rmtree(STAGE, ignore_errors=True)
    install()
    same("what is installed", modes(STAGE), FILES)
    is_clean(text_of(UNIT), STAGE)


def edited_stays():
    with open(at(CONF), "a") as f:
        f.write("; mine\n")
    install()
    same("what was edited", text_of(CONF).endswith("; mine\n"), True)


def page(path):
    """A manual page must be without a warning, and not empty."""
    r = subprocess.run(
        ["man", "--warnings", "-l", path],
        capture_output=True, text=True, timeout=60,
        env=dict(os.environ, MANROFFSEQ="", MANWIDTH="80"))
    same(path, (r.returncode, r.stderr), (0, ""))
    assert len(r.stdout) > 1000, r.stdout


def manual():
    if not shutil.which("man"):
        print("no man: pages are not looked at")
        return
    page(at("usr/share/man/man1/xe-memory.1"))
    page(at("usr/share/man/man8/xenapi-memoryd.8"))
    page(at("usr/share/man/man8/xenapi-memory-agent.8", GUEST))


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


def confined(name, stage):
    """systemd must find nothing wrong with a unit, and it confined."""
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, os.path.basename(name))
        with open(path, "w") as f:
            f.write(text_of(name, stage).replace("/usr/sbin",
                                                 at("usr/sbin", stage)))
        r = subprocess.run(["systemd-analyze", "verify", "--man=no", path],
                           capture_output=True, text=True, timeout=60)
        same("verify", (r.returncode, [
            line for line in r.stderr.split("\n")
            if os.path.basename(name) in line]), (0, []))
        r = subprocess.run(["systemd-analyze", "security", "--offline=true",
                            path], capture_output=True, text=True,
                           timeout=60)
        level = re.search(r"exposure level for \S+ ([0-9.]+)",
                          r.stdout.replace(":", ""))
        same("security: " + r.stderr, level is not None, True)
        print("exposure of %s: %s" % (os.path.basename(name),
                                      level.group(1)))
        assert float(level.group(1)) <= EXPOSURE_MAX, r.stdout


def unit():
    if not shutil.which("systemd-analyze"):
        print("no systemd-analyze: the units are not looked at")
        return
    confined(UNIT, STAGE)
    confined(AGENT_UNIT, GUEST)


def agent():
    """The guest's agent, alone; it tells what /proc does."""
    shutil.rmtree(GUEST, ignore_errors=True)
    install(GUEST, "install-agent")
    same("what is installed", modes(GUEST), GUEST_FILES)
    is_clean(text_of(AGENT_UNIT, GUEST), GUEST)
    r = subprocess.run([at("usr/sbin/xenapi-memory-agent", GUEST), "--once"],
                       capture_output=True, text=True, timeout=60)
    words = dict(word.split("=") for word in r.stdout.split())
    with open("/proc/meminfo") as f:
        kib = int(re.search(r"MemTotal: +(\d+)", f.read()).group(1))
    same("it runs", (r.returncode, words["total"], words["request"]),
         (0, str(kib * 1024), "0"))


def removed():
    """uninstall leaves what is not install's alone; twice is no error"""
    for _ in range(2):
        install(STAGE, "uninstall")
        install(GUEST, "uninstall-agent")
        same("what is left", (list(modes(STAGE)), list(modes(GUEST))),
             ([CONF], []))
    same("its folder", os.path.exists(at("usr/libexec/xenapi-memory")), False)


def main():
    count = 0
    for story in (files, agent, edited_stays, manual, unit, runs, removed):
        story()
        print("ok %s" % story.__name__)
        sys.stdout.flush()
        count += 1
    print("%d passed" % count)


if __name__ == "__main__":
    main()
