# SPDX-License-Identifier: BSD-2-Clause
"""What runs in dom0: our daemon, and guests made with xl."""
import json
import ssl
import sys
import urllib.request

import lab

sys.path.insert(0, "/usr/lib/python3/dist-packages")
from os_xenapi.client import XenAPI  # noqa: E402

STATE = "/var/lib/xenapi-memory"
PROGRAMS = ["xenapi-memoryd", "xenapi-memory-hv-sim", "xenapi-memory-hv-xen"]
GUEST_PROGRAMS = ["xenapi-memory-agent"]
KIB = 1024
MIB = 1 << 20
PAGE = 4096
# Of a guest's kernel.  It would read the port of a timer that is not there a
# hundred thousand times, each of which goes through the emulated hypervisor.
CMDLINE = ("console=hvc0 panic=1 quiet maxcpus=1 clearcpuid=tsc lpj=4000000"
           " pci=off xen_scrub_pages=0 ipv6.disable=1 " + lab.LEAN +
           ",i8042_init,add_pcspkr")
# Below some 80 MiB this guest's kernel runs out of memory.
LEAST_MIB = 96


def words(line):
    """The "name=value" words of the probe."""
    return {k: int(v) for k, v in (w.split("=") for w in line.split())}


class Memoryd:
    """Our daemon in dom0, talked to from outside over HTTPS."""

    def __init__(self, where, backend="xen"):
        self.lab = where
        self.backend = backend
        self.session = None

    def start(self, seconds=300):
        """Start it and wait for its ready line."""
        self.lab.sh("mkdir -p %s; : >/tmp/memoryd.out;"
                    " setsid xenapi-memoryd --state %s"
                    " --listen 10.0.2.15:8443 --backend %s"
                    " </dev/null >/tmp/memoryd.out 2>>/tmp/memoryd.err &"
                    " echo $! >/run/memoryd.pid"
                    % (STATE, STATE, self.backend))
        lab.until("the daemon is ready", self._ready, seconds)
        self.lab.log("the daemon is ready")
        return self

    def _ready(self):
        status, out = self.lab.run("cat /tmp/memoryd.out; kill -0"
                                   " $(cat /run/memoryd.pid)")
        if status != 0:
            raise lab.LabError("the daemon ended; its log:\n%s"
                               % self.errors())
        return "ready https://" in out

    def errors(self, lines=40):
        return self.lab.run("tail -n %d /tmp/memoryd.err; for f in %s/hv*.log;"
                            " do echo \"== $f\"; tail -n %d $f; done"
                            % (lines, STATE, lines))[1]

    def login(self):
        """A session of a real client; self.session.xenapi has the calls."""
        context = ssl._create_unverified_context
        ssl._create_default_https_context = context
        password = self.lab.sh("cat %s/initial-password" % STATE).strip()
        self.session = XenAPI.Session("https://127.0.0.1:%d/"
                                      % self.lab.api_port)
        self.session.login_with_password("root", password, "1.0", "xenlab")
        return self.session.xenapi

    def healthz(self):
        """GET /healthz: the decoded answer, whatever its status."""
        request = "https://127.0.0.1:%d/healthz" % self.lab.api_port
        context = ssl._create_unverified_context()
        try:
            with urllib.request.urlopen(request, timeout=20,
                                        context=context) as reply:
                return reply.status, json.load(reply)
        except urllib.error.HTTPError as e:
            return e.code, json.load(e)

    def end(self, how="TERM", seconds=30):
        """Signal it and wait until it is gone."""
        self.lab.sh("kill -%s $(cat /run/memoryd.pid)" % how)
        lab.until("the daemon ends", lambda: self.lab.run(
            "kill -0 $(cat /run/memoryd.pid)")[0] != 0, seconds)


class Guest:
    """A Linux guest made with xl, with its own kernel's balloon driver.

    It uses one of its processors: they would only wait for each other, all on
    one that is emulated.
    """

    def __init__(self, where, name, kind, memory_mib, maxmem_mib, vcpus=1,
                 uuid=None, init="/init"):
        self.lab = where
        self.name = name
        self.kind = kind
        self.memory_mib = memory_mib
        self.maxmem_mib = maxmem_mib
        self.vcpus = vcpus
        self.uuid = uuid
        self.init = init
        self.domid = None

    def create(self, paused=False):
        """xl create; returns before its user space is up."""
        more = 'uuid = "%s"\n' % self.uuid if self.uuid else ""
        self.lab.sh("""cat >/tmp/%s.cfg <<'CFG'
name = "%s"
type = "%s"
kernel = "/boot/guest.kernel"
ramdisk = "/boot/guest.cpio"
memory = %d
maxmem = %d
vcpus = %d
cmdline = "rdinit=%s %s"
on_crash = "destroy"
%sCFG
xl create %s /tmp/%s.cfg""" % (self.name, self.name, self.kind,
                               self.memory_mib, self.maxmem_mib, self.vcpus,
                               self.init, CMDLINE, more, "-p" if paused else "",
                               self.name))
        self.domid = words(self.lab.sh("lab-probe newest"))["domid"]
        return self

    def ready(self, seconds=300):
        """Wait for its user space; tell the host that it can balloon.

        xl makes control/ read-only for a guest and Linux does not write
        control/feature-balloon, so a host's administrator does.
        """
        try:
            lab.until("%s is up" % self.name, lambda: self.lab.run(
                "xenstore-read %s" % self.key("data/ready"))[1] == "1",
                seconds, 1)
        except lab.LabError:
            print(self.lab.run("tail -20 /var/log/xen/guest-%s.log"
                               % self.name)[1])
            raise
        self.write("control/feature-balloon", "1")
        return self

    def key(self, path):
        return "/local/domain/%d/%s" % (self.domid, path)

    def read(self, path):
        """A xenstore value of this domain; None where there is none."""
        status, out = self.lab.run("xenstore-read %s" % self.key(path))
        return out if status == 0 else None

    def write(self, path, value):
        self.lab.sh("xenstore-write %s '%s'" % (self.key(path), value))

    def xen(self):
        """What Xen says about it, in pages."""
        return words(self.lab.sh("lab-probe dom %d" % self.domid))

    def uuid_in_xen(self):
        return self.read("vm").rsplit("/", 1)[-1]

    def shadow_mib(self):
        return words(self.lab.sh("lab-probe shadow %d" % self.domid))["mib"]

    def xl(self, verb):
        self.lab.sh("xl %s %d" % (verb, self.domid))

    def destroy(self):
        self.xl("destroy")


def host_pages(where):
    """The host's pages as Xen says."""
    return words(where.sh("lab-probe host"))
