# SPDX-License-Identifier: BSD-2-Clause
"""Real Xen to test against: QEMU emulates a machine that boots the hypervisor
and a Debian dom0; a command agent there runs what a test needs, and the
daemon's TLS port is forwarded to a port of this machine's loopback.

No KVM: plain emulation, the same everywhere.  QEMU is ended by its pid.
"""
import ctypes
import os
import shutil
import signal
import socket
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.dirname(os.path.dirname(HERE))
WORK = os.path.join(TOP, "build", "xenlab")
BUILD = os.environ.get("XENLAB_BUILD") or os.path.join(TOP, "build")
QEMU = "qemu-system-x86_64"
DOM0_MIB = 512
MACHINE_MIB = 1536
SKIPPED = 77
PR_SET_PDEATHSIG = 1
# A /dev/kvm without nesting lets Xen start and then hang; and QEMU emulates
# SMAP (for a PV dom0) and RDTSCP (for PVH guests) wrongly: a plain model.
CPU = "qemu64,+npt,+rdrand"
# What Linux does at its start that shows in nothing that is tested here.
LEAN = ("nokaslr mitigations=off init_on_alloc=0 cryptomgr.notests audit=0"
        " lsm= initcall_blacklist=load_system_certificate_list,"
        "init_kprobe_trace,crypto_kdf108_init")


class LabError(Exception):
    """The lab itself failed, or a command in dom0 did."""


def skip(why):
    print("SKIPPED: %s" % why)
    sys.exit(SKIPPED)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until(what, check, seconds, step=0.1):
    """The first true answer of check(); LabError when the time is over."""
    end = time.monotonic() + seconds
    while True:
        value = check()
        if value:
            return value
        if time.monotonic() > end:
            raise LabError("not within %d s: %s" % (seconds, what))
        time.sleep(step)


def die_with_parent():
    """In a child: be killed when this test is, however that ends."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def fetch():
    """Debian's packages, unpacked; exits 77 where they cannot be had."""
    status = subprocess.run([os.path.join(HERE, "fetch.sh"), WORK]).returncode
    if status == SKIPPED:
        sys.exit(SKIPPED)
    if status != 0:
        raise LabError("fetch.sh: exit status %d" % status)


def built(name, *libraries):
    """One of the lab's own programs; Xen's headers need the GNU dialect."""
    program = os.path.join(WORK, name.replace("_", "-"))
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-Wall", "-Wextra", "-Werror",
                    "-o", program, os.path.join(HERE, name + ".c")] +
                   list(libraries), check=True)
    return program


def prepare(programs, guest_programs=()):
    """Build what is booted; exits 77 where that cannot be done."""
    if not shutil.which(QEMU):
        skip("%s is not installed" % QEMU)
    fetch()
    host, guest = ([os.path.join(BUILD, p) for p in names]
                   for names in (programs, guest_programs))
    for path in host + guest:
        if not os.path.exists(path):
            raise LabError("%s is missing: make build" % path)
    subprocess.run([os.path.join(HERE, "image.sh"), WORK,
                    built("lab_probe", "-lxenctrl", "-lxenstore")] + host +
                   ["--", built("lab_load")] + guest, check=True)


class Lab:
    """One boot of Xen."""

    def __init__(self, name, dom0_args="", image="dom0.cpio"):
        self.name = name
        self.image = os.path.join(WORK, image)
        self.dom0_args = dom0_args
        self.api_port = free_port()
        self.agent_port = free_port()
        self.serial = os.path.join(WORK, "serial-%s.log" % name)
        self.qemu = None
        self.began = None

    def __enter__(self):
        forward = ",".join("hostfwd=tcp:127.0.0.1:%d-10.0.2.15:%d" % pair
                           for pair in ((self.api_port, 8443),
                                        (self.agent_port, 80)))
        argv = [QEMU, "-accel", "tcg", "-cpu", CPU, "-smp", "1",
                "-m", str(MACHINE_MIB), "-display", "none", "-monitor",
                "none", "-nodefaults", "-no-reboot",
                "-serial", "file:" + self.serial,
                "-netdev", "user,id=n0,restrict=on," + forward,
                "-device", "e1000,netdev=n0,romfile=",
                "-kernel", os.path.join(WORK, "xen"), "-append",
                "console=com1 com1=115200,8n1 dom0_mem=%dM,max:%dM"
                " spec-ctrl=no bootscrub=0" % (DOM0_MIB, DOM0_MIB),
                # A comma ends a module's text, two are one.
                "-initrd", "%s console=hvc0 panic=1 quiet %s %s,%s"
                % (os.path.join(WORK, "vmlinux"),
                   LEAN.replace(",", ",,"), self.dom0_args,
                   self.image)]
        open(self.serial, "w").close()
        self.began = time.monotonic()
        self.qemu = subprocess.Popen(argv, stdin=subprocess.DEVNULL,
                                     preexec_fn=die_with_parent)
        try:
            until("dom0's agent answers", self._answers, 300, 0.3)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        self.log("dom0 is up")
        return self

    def __exit__(self, kind, *_):
        if self.qemu.poll() is None:
            self.qemu.send_signal(signal.SIGKILL)
        self.qemu.wait()
        if kind is not None:
            with open(self.serial, errors="replace") as f:
                print("serial console:\n" + "".join(f.readlines()[-40:]))

    def _answers(self):
        if self.qemu.poll() is not None:
            raise LabError("QEMU ended: %s" % self.qemu.returncode)
        with open(self.serial, errors="replace") as f:
            console = f.read()
        if "LAB: " in console and "FAILED" in console:
            raise LabError("dom0 did not come up")
        if "READY" not in console:
            return False
        try:
            return self.run("true")[0] == 0
        except OSError:
            return False

    def log(self, text):
        """A line of the run's log, with seconds since the boot began."""
        print("%6.1f  %s" % (time.monotonic() - self.began, text),
              flush=True)

    def end(self):
        """A last line; the processor time tells what a busy machine hides."""
        with open("/proc/%d/stat" % self.qemu.pid) as f:
            fields = f.read().rpartition(")")[2].split()
        ticks = int(fields[11]) + int(fields[12])
        self.log("%s: end, %d s of processor time"
                 % (self.name, ticks // os.sysconf("SC_CLK_TCK")))

    def run(self, script, timeout=120):
        """Run a shell script in dom0: its exit status and output."""
        data = script.encode()
        address = "127.0.0.1", self.agent_port
        with socket.create_connection(address, timeout) as link:
            link.sendall(b"%d\n%s" % (len(data), data))
            with link.makefile("rb") as answer:
                text = answer.read().decode(errors="replace")
        out, _, last = text.rstrip("\n").rpartition("\n")
        if not last.startswith("exit "):
            raise OSError("the agent answered %r" % text[-200:])
        return int(last.split()[1]), out.rstrip("\n")

    def sh(self, script, timeout=120):
        """The output of a script that must succeed."""
        status, out = self.run(script, timeout)
        if status != 0:
            raise LabError("in dom0, exit status %d of: %s\n%s"
                           % (status, script, out))
        return out
