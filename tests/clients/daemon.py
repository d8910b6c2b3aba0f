# SPDX-License-Identifier: BSD-2-Clause
"""A daemon to test against: started in a fresh state folder, ended by pid.

Also a minimal XenAPI caller over the Unix socket (trusted as root) and over
HTTPS, made of the standard library alone.
"""
import contextlib
import http.client
import json
import os
import select
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time
import xmlrpc.client

TOP = os.path.dirname(os.path.dirname(os.path.dirname(
    os.path.abspath(__file__))))
DAEMON = os.environ.get("DAEMON",
                        os.path.join(TOP, "build", "xenapi-memoryd"))


class ApiError(Exception):
    """A XenAPI failure: args are its code and parameters."""


class Daemon:
    """One daemon process on one state folder."""

    def __init__(self, state=None, sim=None, extra=(), port=0,
                 backend="sim", env=None):
        self.own_state = state is None
        self.state = state or tempfile.mkdtemp(prefix="xenapi-memory-")
        self.sim = sim
        self.extra = list(extra)
        self.port = port
        self.backend = backend
        self.env = env
        self.url = None
        self.process = None
        self.log = open(os.path.join(self.state, "test.log"), "ab")

    def start(self, timeout=60):
        argv = [DAEMON, "--state", self.state, "--listen",
                "127.0.0.1:%d" % self.port, "--backend", self.backend]
        if self.sim:
            argv += ["--sim", self.sim]
        self.process = subprocess.Popen(argv + self.extra,
                                        stdout=subprocess.PIPE,
                                        stderr=self.log, env=self.env)
        line = self._line(timeout)
        if not line.startswith("ready https://"):
            raise RuntimeError("no ready line but %r; log:\n%s"
                               % (line, self.log_text()))
        self.url = line.split()[1]
        return self

    def _line(self, timeout):
        fd = self.process.stdout.fileno()
        data = b""
        while not data.endswith(b"\n"):
            if not select.select([fd], [], [], timeout)[0]:
                raise RuntimeError("nothing on standard output in %d s; "
                                   "log:\n%s" % (timeout, self.log_text()))
            more = os.read(fd, 1)
            if not more:
                break
            data += more
        return data.decode().strip()

    def log_text(self):
        with open(os.path.join(self.state, "test.log")) as f:
            return f.read()

    def password(self):
        with open(os.path.join(self.state, "initial-password")) as f:
            return f.read().strip()

    def kill(self):
        """End it the hard way: no code of the daemon runs."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()

    def stop(self):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        status = self.process.wait(timeout=60)
        self.process.stdout.close()
        return status

    def local(self):
        return Api(UnixTransport(os.path.join(self.state, "socket")))

    def health(self):
        """What GET /healthz says."""
        conn = UnixConnection(os.path.join(self.state, "socket"))
        conn.request("GET", "/healthz")
        answer = json.loads(conn.getresponse().read())
        conn.close()
        return answer

    def await_event_waits(self, n):
        """Until so many callers of event.from and event.next wait."""
        for _ in range(6000):
            waits = self.health()["event_waits"]
            if waits == n:
                return
            time.sleep(0.01)
        raise AssertionError("%d callers wait, not %d" % (waits, n))

    def https(self, user="root", password=None):
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return Api(xmlrpc.client.SafeTransport(context=context), self.url,
                   user, password or self.password())

    def __enter__(self):
        return self.start()

    def __exit__(self, *exc):
        status = None
        if self.process.poll() is None:
            status = self.stop()
        self.log.close()
        if exc[0] is None and status not in (None, 0):
            raise RuntimeError("daemon exit status %s; log:\n%s"
                               % (status, self.log_text()))
        if exc[0] is not None:
            print("daemon's log:\n" + self.log_text())
        if self.own_state:
            shutil.rmtree(self.state, ignore_errors=True)


class UnixConnection(http.client.HTTPConnection):
    def __init__(self, path):
        super().__init__("localhost")
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(self.path)


class UnixTransport(xmlrpc.client.Transport):
    def __init__(self, path):
        super().__init__()
        self.path = path

    def make_connection(self, host):
        if self._connection and host == self._connection[0]:
            return self._connection[1]
        self._connection = host, UnixConnection(self.path)
        return self._connection[1]


class Api:
    """Calls messages by name; results as they are, failures as ApiError."""

    def __init__(self, transport, url="http://localhost/", user="root",
                 password=""):
        self.proxy = xmlrpc.client.ServerProxy(url, transport=transport)
        self.session = self.raw("session.login_with_password", user,
                                password, "1.0", "test")

    def raw(self, method, *args):
        reply = getattr(self.proxy, method)(*args)
        if reply["Status"] != "Success":
            raise ApiError(*reply["ErrorDescription"])
        return reply["Value"]

    def call(self, method, *args):
        return self.raw(method, self.session, *args)

    def error(self, method, *args):
        """The ErrorDescription that the call fails with."""
        try:
            value = self.call(method, *args)
        except ApiError as e:
            return list(e.args)
        raise AssertionError("%s%r succeeded with %r" % (method, args, value))

    def close(self):
        self.proxy("close")()


@contextlib.contextmanager
def running(**kwargs):
    with Daemon(**kwargs) as daemon:
        yield daemon


def vm_record(name, static_min, dynamic_min, dynamic_max, static_max,
              **more):
    """A constructor record with all members that VM.create requires."""
    record = {
        "name_label": name, "name_description": "", "user_version": "1",
        "is_a_template": False, "affinity": "OpaqueRef:NULL",
        "memory_static_min": str(static_min),
        "memory_dynamic_min": str(dynamic_min),
        "memory_dynamic_max": str(dynamic_max),
        "memory_static_max": str(static_max),
        "VCPUs_params": {}, "VCPUs_max": "1", "VCPUs_at_startup": "1",
        "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart", "actions_after_crash": "restart",
        "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "",
        "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "",
        "HVM_boot_policy": "BIOS order", "HVM_boot_params": {},
        "PCI_bus": "", "platform": {}, "recommendations": "",
        "other_config": {},
    }
    record.update(more)
    return record
