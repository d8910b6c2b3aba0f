# SPDX-License-Identifier: BSD-2-Clause
"""Debian's own xenstored with no hypervisor below it, and our hypervisor
process on the two: quick tests of everything that is only xenstore.

shim_nohv.c answers for Xen from a folder of small files; a test is the world:
it makes domains there, introduces them to xenstored, and plays their guests.
"""
import ctypes
import os
import shutil
import signal
import subprocess
import tempfile

import lab

XENSTORED = os.path.join(lab.WORK, "root/usr/lib/xen-4.17/bin/xenstored")
SHIM = os.path.join(lab.WORK, "shim_nohv.so")
HOST_PAGES = 1 << 20


def prepare():
    """Fetch xenstored, build the shim; exits 77 where that cannot be."""
    lab.fetch()
    subprocess.run(["gcc", "-std=gnu17", "-O1", "-Wall", "-Wextra",
                    "-D_GNU_SOURCE", "-Werror", "-shared", "-fPIC", "-o",
                    SHIM, os.path.join(lab.HERE, "shim_nohv.c"), "-ldl"],
                   check=True)


class Store:
    """A connection to xenstored as dom0's, through libxenstore."""

    def __init__(self, socket):
        self.lib = ctypes.CDLL("libxenstore.so.4", use_errno=True)
        for name in ("xs_open", "xs_read"):
            getattr(self.lib, name).restype = ctypes.c_void_p
        os.environ["XENSTORED_PATH"] = socket
        self.h = ctypes.c_void_p(self.lib.xs_open(0))
        if not self.h:
            raise lab.LabError("xs_open: %s" % os.strerror(
                ctypes.get_errno()))

    def write(self, path, value):
        value = value if isinstance(value, bytes) else value.encode()
        if not self.lib.xs_write(self.h, 0, path.encode(), value,
                                 len(value)):
            raise lab.LabError("xs_write %s: %s" % (path, os.strerror(
                ctypes.get_errno())))

    def read(self, path):
        """The value as bytes; None where there is none."""
        n = ctypes.c_uint()
        at = self.lib.xs_read(self.h, 0, path.encode(), ctypes.byref(n))
        if not at:
            return None
        value = ctypes.string_at(at, n.value)
        ctypes.CDLL(None).free(ctypes.c_void_p(at))
        return value

    def remove(self, path):
        self.lib.xs_rm(self.h, 0, path.encode())

    def introduce(self, domid):
        if not self.lib.xs_introduce_domain(self.h, domid,
                                            ctypes.c_ulong(0x1000), 5):
            raise lab.LabError("xs_introduce_domain %d: %s" % (
                domid, os.strerror(ctypes.get_errno())))

    def close(self):
        self.lib.xs_close(self.h)


class World:
    """A folder that stands for a hypervisor, and xenstored on it."""

    def __init__(self):
        self.dir = tempfile.mkdtemp(prefix="xenapi-memory-nohv-")
        for name in ("dom", "set", "run"):
            os.mkdir(self.path(name))
        self.socket = self.path("run/socket")
        self.host(free=HOST_PAGES // 2)
        self.xenstored = None
        self.store = None

    def __enter__(self):
        self.start_store()
        return self

    def __exit__(self, *_):
        self.kill_store()
        shutil.rmtree(self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    def put(self, name, text):
        """A file's text, all at once."""
        with open(self.path("new"), "w") as f:
            f.write(text)
        os.rename(self.path("new"), self.path(name))

    def get(self, name):
        try:
            with open(self.path(name)) as f:
                return f.read()
        except FileNotFoundError:
            return ""

    def env(self):
        """What a program needs that is to live in this world."""
        return dict(os.environ, LD_PRELOAD=SHIM, LAB_WORLD=self.dir,
                    XENSTORED_PATH=self.socket,
                    XENSTORED_RUNDIR=self.path("run"))

    # ---- xenstored ----

    def start_store(self):
        pid = self.path("pid")
        if os.path.exists(pid):
            os.remove(pid)
        env = self.env()
        del env["XENSTORED_PATH"]
        self.xenstored = subprocess.Popen(
            [XENSTORED, "-N", "--pid-file", pid], env=env,
            stdin=subprocess.DEVNULL, preexec_fn=lab.die_with_parent)
        lab.until("xenstored listens", self._connect, 20)

    def _connect(self):
        if self.xenstored.poll() is not None:
            raise lab.LabError("xenstored ended: %s"
                               % self.xenstored.returncode)
        try:
            self.store = Store(self.socket)
        except lab.LabError:
            return False
        return True

    def signal_store(self, number):
        self.xenstored.send_signal(number)

    def kill_store(self):
        """End xenstored at once, as a crash would."""
        if self.xenstored is not None:
            self.xenstored.send_signal(signal.SIGKILL)
            self.xenstored.wait()
            self.xenstored = None
            self.store.close()

    # ---- the hypervisor ----

    def host(self, free, total=HOST_PAGES, scrub=0):
        self.put("host", "total=%d free=%d scrub=%d" % (total, free, scrub))

    def domain(self, domid, mib=256, words="", uuid=None):
        """Make a domain, or change one; its uuid follows from its number."""
        uuid = uuid or "%032x" % (0xca << 120 | domid)
        self.put("dom/%d" % domid, "pages=%d vcpus=1 uuid=%s %s"
                 % (mib * 256, uuid, words))

    def build(self, domid, name, mib=256, words=""):
        """What a toolstack does: make, describe and introduce a domain."""
        self.domain(domid, mib, words)
        at = "/local/domain/%d/" % domid
        for key, value in (("name", name),
                           ("memory/static-max", str(2 * mib * 1024)),
                           ("memory/target", str(mib * 1024)),
                           ("control/feature-balloon", "1"),
                           ("data/updated", "1")):
            self.store.write(at + key, value)
        self.store.introduce(domid)

    def end(self, domid):
        """The domain is gone: the hypervisor says so to xenstored."""
        os.remove(self.path("dom/%d" % domid))
