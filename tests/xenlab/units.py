#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Both units under a real systemd: dom0 and a guest boot with it as init, and
what runs is what `make install` and `make install-agent` put there.

usage: units.py [--shell]
Prints one line per outcome; exits 1 when one is not what it must be, 77 where
QEMU, systemd or Debian's packages cannot be had.  With --shell it only boots
and runs each line of standard input in dom0.
"""
import glob
import os
import shutil
import subprocess
import sys
import traceback

import dom0
import lab
import story
from dom0 import MIB
from story_stats import inside

SYSTEMD = ["/lib/systemd/systemd", "/lib/systemd/systemd-journald",
           "/bin/systemctl", "/bin/journalctl"]
FROM = "/lib/systemd/system"
DAEMON = "xenapi-memoryd"
AGENT = "xenapi-memory-agent"
CONF = "/etc/xenapi-memory.conf"
CGROUP = "/sys/fs/cgroup/system.slice/%s.service" % DAEMON
SOCKET = dom0.STATE + "/socket"
# What another init than systemd does on these machines, as a unit.
LAB_UNIT = """[Service]
ExecStart=/bin/busybox sh %s
StandardOutput=tty
TTYPath=/dev/console
KillMode=process
RuntimeDirectory=xen xenstored lock
"""
WANTS = {
    "sysinit.target": ["systemd-journald.service"],
    "sockets.target": ["systemd-journald.socket",
                       "systemd-journald-dev-log.socket"],
}


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as f:
        f.write(text)


def want(units, target, name):
    """As `systemctl enable` does."""
    folder = os.path.join(units, target + ".wants")
    os.makedirs(folder, exist_ok=True)
    os.symlink("../" + name, os.path.join(folder, name))


def overlay(name, install, init, wanted=()):
    """What is added to an image, as a folder: systemd's units, few of them,
    and what our own make target installs."""
    top = os.path.join(lab.WORK, name)
    units = os.path.join(top, FROM[1:])
    shutil.rmtree(top, ignore_errors=True)
    subprocess.run(["make", "-s", install], cwd=lab.TOP, check=True,
                   stdout=subprocess.DEVNULL,
                   env=dict(os.environ, DESTDIR=top, PREFIX="/usr"))
    os.makedirs(units)
    for path in glob.glob(FROM + "/*.target") + [
            os.path.join(FROM, "systemd-journald" + end)
            for end in (".service", ".socket", "-dev-log.socket")]:
        if not os.path.islink(path):
            shutil.copy(path, units)
    for target, names in WANTS.items():
        for one in names:
            want(units, target, one)
    os.symlink("multi-user.target", os.path.join(units, "default.target"))
    write(os.path.join(units, "lab.service"), LAB_UNIT % init)
    for one in ("lab.service",) + tuple(wanted):
        want(os.path.join(top, "etc/systemd/system"), "multi-user.target",
             one)
    for path in SYSTEMD[:2]: # image.sh puts programs into /usr/sbin
        os.symlink("/usr/sbin/" + os.path.basename(path),
                   os.path.join(top, path[1:]))
    for folder in ("tmp", "var/tmp", "run", "root"):
        os.makedirs(os.path.join(top, folder), exist_ok=True)
    # without it this is a first boot, which starts all that is installed
    write(os.path.join(top, "etc/machine-id"), "%032x\n" % 1)
    return top


def pack(top):
    """A folder as a cpio archive, which may follow another; its path."""
    with open(top + ".cpio", "w") as out:
        subprocess.run("find . | cpio -o -H newc -R 0:0 --quiet", cwd=top,
                       shell=True, check=True, stdout=out)
    return top + ".cpio"


def prepare():
    if not all(os.path.exists(p) for p in SYSTEMD):
        lab.skip("systemd is not installed")
    lab.prepare(dom0.PROGRAMS + ["xe-memory", "xenapi-memory-pam"] + SYSTEMD,
                dom0.GUEST_PROGRAMS + SYSTEMD)
    guest = pack(overlay("units-guest", "install-agent", "/init.stats",
                         (AGENT + ".service",)))
    top = overlay("units-dom0", "install", "/init")
    os.mkdir(os.path.join(top, "boot"))
    shutil.copy(guest, os.path.join(top, "boot"))
    with open(os.path.join(lab.WORK, "units.cpio"), "wb") as out:
        for path in os.path.join(lab.WORK, "dom0.cpio"), pack(top):
            with open(path, "rb") as f:
                shutil.copyfileobj(f, out)


def boot():
    return lab.Lab("units", "rootfstype=ramfs rdinit=/usr/sbin/systemd"
                   " systemd.show_status=0", "units.cpio")


def unit(s, name, prop):
    """A property of a unit in dom0, as systemctl show says."""
    return s.lab.sh("systemctl show --value -p %s %s" % (prop, name))


def state(s):
    return unit(s, DAEMON, "ActiveState")


# What is in /proc/PID/status of who has CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE.
ALLOWED = 1 << 10 | 1 << 29
CONFINED = ('grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/$P/status;'
            " for f in %s; do touch /proc/$P/root$f/x 2>/dev/null &&"
            " echo $f written; done; true")


def is_confined(s, who, text, caps):
    words = text.split()
    s.same("%s has no more rights than the unit says" % who,
           (sorted(words[1::2]), int(words[words.index("CapEff:") + 1], 16),
            int(words[words.index("CapBnd:") + 1], 16)),
           (sorted(["1", "2"] + ["%016x" % caps] * 2), caps, caps))


def misspelt(s):
    """a wrong configuration file fails once, with the reason"""
    s.lab.sh("cp {0} {0}.good; echo 'lissen = 1' >>{0}".format(CONF))
    status, _ = s.lab.run("systemctl start " + DAEMON)
    s.same("the start fails", status, 1)
    s.same("and is not tried again", (state(s), unit(s, DAEMON, "NRestarts"),
                                      unit(s, DAEMON, "ExecMainStatus")),
           ("failed", "0", "78"))
    said = s.lab.run("systemctl status " + DAEMON)[1]
    s.true("systemctl status says why", "unknown key lissen" in said, said)
    s.lab.sh("mv {0}.good {0}".format(CONF))


def started(s):
    """systemctl start returns when calls are taken"""
    vms = s.lab.sh("systemctl start %s && xe-memory --socket %s vm-list"
                   " --minimal" % (DAEMON, SOCKET), 180)
    s.same("the first call after it is answered", len(vms.split("-")), 5)
    s.login()
    s.same("from outside too", s.x.VM.get_is_control_domain(
        s.x.VM.get_all()[0]), True)
    s.same("its group may open Xen's device, and no other", s.lab.sh(
        "echo $$ >%s/cgroup.procs; for d in xen/privcmd xen/gntdev"
        " xen/evtchn mem null; do true <>/dev/$d && echo $d; done"
        " 2>/dev/null; echo $$ >/sys/fs/cgroup/cgroup.procs" %
        CGROUP).split(), ["xen/privcmd", "null"])
    s.same("the folder's mode", s.lab.sh("stat -c %%a %s" % dom0.STATE),
           "700")
    for who in (DAEMON, "xenapi-memory-hv-xen"):
        is_confined(s, who, s.lab.sh("P=$(pidof %s); " % who + CONFINED % (
            "/usr /etc /var /root")), ALLOWED)


def moved(s):
    """a guest that xl makes is found, and its range binds"""
    s.lab.sh("cat /boot/units-guest.cpio >>/boot/guest.cpio")
    guest = s.guest("u", "pv", 224, 224, init="/usr/sbin/systemd")
    vm = s.find("u")
    guest.ready(300) # its systemd has a lot to read, emulated
    s.set_range(vm, 192, 192)
    s.holds("it shrinks", guest, 192)
    s.set_range(vm, 192, 208)
    s.holds("it grows", guest, 208)
    s.is_exact("memory_free is Xen's, to the page")


def asked(s):
    """the agent's unit in the guest: started, confined, answering"""
    guest, vm = s.guests["u"], s.vm("u")
    s.x.VM.set_memory_stats_polling_interval(vm, "1")
    s.soon("it answers", lambda: int(
        s.x.VM.get_memory_stats(vm)["total"]) > 0)
    is_confined(s, AGENT, inside(guest, "P=$(pidof %s); " % AGENT +
                                 CONFINED % "/usr /etc /var"), 0)
    inside(guest, "kill -9 $(pidof %s)" % AGENT)
    s.soon("killed, it is started again", lambda: inside(
        guest, "systemctl show --value -p NRestarts,ActiveState " + AGENT)
           .split() == ["1", "active"])
    last = int(s.x.VM.get_memory_stats(vm)["last_update"])
    s.soon("and answers", lambda: int(
        s.x.VM.get_memory_stats(vm)["last_update"]) > last)


def killed(s):
    """kill -9: started again, both processes, with all that it knew"""
    hv = s.lab.sh("pidof xenapi-memory-hv-xen")
    vm = s.vm("u")
    s.lab.sh("kill -9 " + unit(s, DAEMON, "MainPID"))
    s.soon("it is started again", lambda: (
        unit(s, DAEMON, "NRestarts"), state(s)) == ("1", "active"), 180)
    s.true("its hypervisor process as well", s.lab.sh(
        "pidof xenapi-memory-hv-xen") not in ("", hv))
    s.login()
    s.same("the guest's range is as it was",
           s.x.VM.get_memory_dynamic_max(vm), str(208 * MIB))


def hung(s):
    """one that hangs: the watchdog ends it, and it is started again"""
    s.lab.sh("d=/run/systemd/system/{0}.service.d; mkdir -p $d;"
             " printf '[Service]\\nWatchdogSec=15\\nTimeoutAbortSec=5\\n'"
             " >$d/lab.conf; systemctl daemon-reload; systemctl restart {0}"
             .format(DAEMON), 180)
    was = int(unit(s, DAEMON, "NRestarts"))
    s.lab.sh("kill -STOP " + unit(s, DAEMON, "MainPID"))
    s.soon("it is started again", lambda: (
        int(unit(s, DAEMON, "NRestarts")) > was, state(s)) == (
            True, "active"), 180)
    # The unit's own time: a slow machine is not to be one that hangs.
    s.lab.sh("rm -r /run/systemd/system/%s.service.d;"
             " systemctl daemon-reload" % DAEMON)
    said = s.lab.sh("journalctl --no-pager -u " + DAEMON)
    s.true("because of the watchdog", "Watchdog timeout" in said, said)
    s.login()
    s.same("the guest's range is as it was",
           s.x.VM.get_memory_dynamic_max(s.vm("u")), str(208 * MIB))


def stopped(s):
    """systemctl stop ends all of it"""
    s.lab.sh("systemctl stop " + DAEMON)
    s.same("cleanly", (state(s), unit(s, DAEMON, "Result")),
           ("inactive", "success"))
    s.same("nothing is left", s.lab.run(
        "pidof xenapi-memory-hv-xen xenapi-memoryd")[1], "")


STORY = (misspelt, started, moved, asked, killed, hung, stopped)


def shell(where):
    for line in sys.stdin:
        status, out = where.run(line)
        print(out + ("\nexit status %d" % status if status else ""),
              flush=True)


def tell(where):
    """The story; the number of wrong outcomes."""
    s = story.Story(where)
    where.sh("sed -i 's/^listen = .*/listen = 10.0.2.15:8443/' " + CONF)
    for step in STORY:
        where.log("--  %s" % step.__doc__)
        try:
            step(s)
        except Exception as e: # what breaks it off is an outcome as well
            traceback.print_exc(file=sys.stdout)
            s.true("%s goes to its end" % step.__name__, False, repr(e))
            print(where.run("journalctl --no-pager | tail -60")[1])
    where.log("end")
    for sentence in s.wrong:
        print("WRONG %s" % sentence)
    print("%d passed, %d failed" % (s.passed, len(s.wrong)))
    return len(s.wrong)


def main():
    prepare()
    with boot() as where:
        if sys.argv[1:] == ["--shell"]:
            return shell(where)
        return 1 if tell(where) else 0


if __name__ == "__main__":
    sys.exit(main())
