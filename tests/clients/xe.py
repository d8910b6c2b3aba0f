#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""xe-memory against the running daemon: every command, TLS, sockets, top.

Nothing here knows the program's insides: words in, text and status out.
"""
import fcntl
import os
import pty
import re
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import daemon  # noqa: E402
from xe_mock import Broken, Failure, Mock  # noqa: E402

XE = os.environ.get("XE", os.path.join(daemon.TOP, "build", "xe-memory"))
GIB = 1 << 30
checks = 0


def check(ok, what):
    global checks
    checks += 1
    if not ok:
        raise AssertionError(what)


def same(a, b):
    check(a == b, "%r is not %r" % (a, b))


class Xe:
    """The program with options; HOME is empty, so is the environment."""

    def __init__(self, home, *options, **env):
        self.options = list(options)
        self.env = {"HOME": home, "PATH": os.environ["PATH"],
                    "TERM": "xterm", "LC_ALL": "C.UTF-8"}
        for key in ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS"):
            if key in os.environ:
                self.env[key] = os.environ[key]
        self.env.update(env)

    def run(self, *words):
        r = subprocess.run([XE] + self.options + list(words), env=self.env,
                           stdin=subprocess.DEVNULL, capture_output=True,
                           text=True, timeout=60, check=False)
        return r.returncode, r.stdout, r.stderr

    def ok(self, *words):
        status, out, err = self.run(*words)
        check(status == 0 and err == "", "%r: status %d, %r"
              % (words, status, err))
        return out

    def no(self, *words):
        status, out, err = self.run(*words)
        check(status == 1, "%r: status %d, %r" % (words, status, out))
        return err

    def get(self, uuid, name):
        return self.ok("vm-param-get", "uuid=" + uuid,
                       "param-name=" + name).rstrip("\n")


def memory(xe):
    vm = xe.ok("vm-create", "name-label=crate").strip()
    xe.ok("vm-memory-limits-set", "vm=crate", "static-min=128MiB",
          "dynamic-min=256MiB", "dynamic-max=1GiB", "static-max=2GiB")
    same(xe.get(vm, "memory-dynamic-max"), str(GIB))
    xe.ok("vm-memory-dynamic-range-set", "uuid=" + vm, "min=512m", "max=1g")
    same(xe.get(vm, "memory-dynamic-min"), str(GIB // 2))
    xe.ok("vm-memory-static-range-set", "uuid=" + vm, "min=64mb", "max=4gb")
    same(xe.get(vm, "memory-static-max"), str(4 * GIB))
    xe.ok("vm-param-set", "uuid=" + vm, "memory-static-max=2 GiB")
    same(xe.get(vm, "memory-static-max"), str(2 * GIB))
    err = xe.no("vm-memory-dynamic-range-set", "vm=crate", "min=1GiB",
                "max=512MiB")
    check("dynamic_min <= dynamic_max" in err, err)
    check("dynamic_min would be 1073741824 (1 GiB), above dynamic_max, "
          "536870912 (512 MiB)" in err, err)
    xe.ok("vm-memory-set", "vm=crate", "memory=256MiB")
    same(xe.get(vm, "memory-static-max"), str(GIB // 4))
    overhead = int(xe.ok("vm-compute-memory-overhead", "vm=crate"))
    same(xe.get(vm, "memory-overhead"), str(overhead))
    most = int(xe.ok("vm-compute-maximum-memory", "vm=crate", "total=1GiB"))
    check(0 < most < GIB, most)
    rough = int(xe.ok("vm-compute-maximum-memory", "vm=crate", "total=1GiB",
                      "approximate=true"))
    check(rough <= most, rough)
    same(xe.ok("vm-compute-memory-overhead", "vm=crate", "--minimal"), "\n")
    return vm


def until(what, ask):
    """Ask until the answer is yes, for a bounded time."""
    for _ in range(600):
        if ask():
            return
        time.sleep(0.05)
    raise AssertionError(what)


def stats(xe, vm):
    """What a guest knows of its memory."""
    xe.ok("vm-param-set", "uuid=" + vm,
          "other-config:sim=used_kib=65536 wss_kib=16384")
    xe.ok("vm-memory-set", "uuid=" + vm, "memory=256MiB")
    xe.ok("vm-start", "uuid=" + vm)
    text = xe.ok("vm-memory-stats", "uuid=" + vm)
    check("free: -1\n" in text and "last_update: 0\n" in text, text)
    xe.ok("vm-memory-stats-interval-set", "uuid=" + vm, "seconds=1")
    until("the guest is read", lambda: "last_update: 0\n" not in xe.ok(
        "vm-memory-stats", "uuid=" + vm))
    text = xe.ok("--human", "vm-memory-stats", "uuid=" + vm)
    check("available: 192 MiB\n" in text, text)
    same(xe.ok("--human", "vm-memory-working-set", "uuid=" + vm, "seconds=1"),
         "16 MiB\n")
    text = xe.ok("--human", "vm-memory-touched-track", "uuid=" + vm,
                 "seconds=3", "interval=2")
    check("written_2: 16 MiB\n" in text and "is_on: 0\n" in text, text)
    same(xe.ok("--human", "vm-memory-touched", "uuid=" + vm), text)
    err = xe.no("vm-memory-touched-track", "uuid=" + vm, "seconds=3",
                "interval=4")
    check("not valid" in err, err)
    err = xe.no("vm-memory-stats-interval-set", "uuid=" + vm, "seconds=-1")
    check("not valid" in err, err)
    err = xe.no("vm-memory-working-set", "uuid=" + vm, "seconds=x")
    check("expecting an integer" in err, err)
    xe.ok("vm-shutdown", "uuid=" + vm, "--force")


def life(xe, vm):
    free = int(xe.ok("host-compute-free-memory"))
    xe.ok("vm-start", "uuid=" + vm, "paused=true")
    same(xe.get(vm, "power-state"), "paused")
    check(int(xe.ok("host-compute-free-memory")) < free, "memory is taken")
    xe.ok("vm-unpause", "uuid=" + vm)
    xe.ok("vm-pause", "uuid=" + vm)
    xe.ok("vm-unpause", "uuid=" + vm)
    xe.ok("vm-memory-target-set", "uuid=" + vm, "target=256MiB")
    xe.ok("vm-memory-target-wait", "uuid=" + vm)
    xe.ok("vm-memory-balloon", "uuid=" + vm, "target=200MiB")
    err = xe.no("vm-memory-shadow-multiplier-set", "uuid=" + vm,
                "multiplier=0.1")
    check("not valid" in err, err)
    xe.ok("vm-suspend", "uuid=" + vm)
    xe.ok("vm-resume", "uuid=" + vm)
    xe.ok("vm-reboot", "uuid=" + vm, "--force")
    err = xe.no("vm-memory-set", "uuid=" + vm, "memory=1GiB")
    same(err, "The VM is not in a power state that allows this operation.\n"
         "vm: %s (crate)\nexpected: halted\nactual: running\n" % vm)
    xe.ok("vm-shutdown", "uuid=" + vm, "--force")
    same(xe.get(vm, "power-state"), "halted")
    twin = xe.ok("vm-clone", "uuid=" + vm, "new-name-label=twin",
                 "new-name-description=a copy").strip()
    same(xe.get(twin, "name-description"), "a copy")
    xe.ok("vm-destroy", "uuid=" + twin)
    same(xe.no("vm-destroy", "uuid=" + twin),
         "The uuid you supplied was invalid.\ntype: VM\nuuid: %s\n" % twin)


def parameters(xe, vm):
    xe.ok("vm-param-set", "uuid=" + vm, "name-description=shop, front",
          "other-config:colour=red")
    same(xe.ok("vm-list", "uuid=" + vm, "params=name-description",
               "--minimal"), "shop\\, front\n")
    same(xe.ok("vm-param-get", "uuid=" + vm, "param-name=other-config",
               "param-key=colour"), "red\n")
    xe.ok("vm-param-add", "uuid=" + vm, "param-name=tags", "param-key=old")
    same(xe.ok("vm-list", "tags:contains=old", "--minimal"), vm + "\n")
    xe.ok("vm-param-remove", "uuid=" + vm, "param-name=tags",
          "param-key=old")
    xe.ok("vm-param-clear", "uuid=" + vm, "param-name=name-description")
    same(xe.get(vm, "name-description"), "")
    check("memory-static-max ( RW): " in xe.ok("vm-param-list",
                                              "uuid=" + vm), "a table")
    same(xe.no("vm-param-set", "uuid=" + vm, "name-description=a\tb\x01"),
         "Error: a text with the control character 0x01 cannot be sent\n")
    xe.ok("vm-param-set", "uuid=" + vm, "name-description=a\tb\nc <&>")
    same(xe.get(vm, "name-description"), "a\tb\nc <&>")
    host = xe.ok("host-list", "--minimal").strip()
    same(xe.ok("host-param-get", "uuid=" + host,
               "param-name=memory-free-computed"),
         xe.ok("host-compute-free-memory"))
    same(xe.ok("host-compute-memory-overhead", "host=" + host),
         xe.ok("host-param-get", "uuid=" + host,
               "param-name=memory-overhead"))
    xe.ok("host-param-set", "uuid=" + host, "other-config:rack=7")
    xe.ok("pool-list")
    xe.ok("template-list")
    xe.ok("task-list")
    check("halted" in xe.ok("vm-list", "uuid=" + vm), "a list")
    for words in (["vm-list"], ["host-list"], ["pool-list"], ["task-list"]):
        xe.ok(*words, "params=all")
    same(xe.no("vm-param-get", "uuid=" + vm, "param-name=zork"),
         "Error code: Missing parameter\nError parameters: zork\n")
    same(xe.no("vm-frob"),
         "Unknown command: vm-frob\nFor usage run: 'xe-memory help'\n")
    same(xe.no("task-cancel", "uuid=x"),
         "The uuid you supplied was invalid.\ntype: task\nuuid: x\n")


def ways(d, home):
    """TLS, certificates, passwords, sockets, the configuration file."""
    server, port = d.url.split("//")[1].rstrip("/").split(":")
    ca = os.path.join(d.state, "tls-ec.pem")
    rsa = os.path.join(d.state, "tls-rsa.pem")
    bundle = os.path.join(home, "both.pem")
    with open(bundle, "w") as out:
        for path in (ca, rsa):
            with open(path) as f:
                out.write(f.read())
    pwf = os.path.join(d.state, "initial-password")
    base = ["-s", server, "-p", port, "-u", "root"]
    good = Xe(home, *base, "-pwf", pwf, "--cacert", bundle)
    check(good.ok("host-list", "--minimal").strip(), "TLS works")
    pw = Xe(home, *base, "-pw", d.password(), "--cacert", ca)
    check(pw.ok("host-list", "--minimal").strip(), "so does a password")
    err = Xe(home, *base, "-pwf", pwf).no("host-list")
    same(err, "Error: SSL certificate problem: self-signed certificate; "
         "--cacert FILE says whom to trust\n")
    other = os.path.join(home, "other.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
                    "-subj", "/CN=127.0.0.1", "-keyout", other + ".key",
                    "-out", other], check=True, capture_output=True)
    err = Xe(home, *base, "-pwf", pwf, "--cacert", other).no("host-list")
    check("certificate" in err.lower(), err)
    Xe(home, *base, "-pwf", pwf, "--insecure").ok("host-list")
    same(Xe(home, *base, "-pwf", "/nowhere", "--insecure").no("host-list"),
         "Error: cannot read /nowhere: No such file or directory\n")
    same(Xe(home).no("--insceure", "host-list"),
         "Error: unknown option --insceure; xe-memory --help lists them\n")
    same(Xe(home, *base, "-pw", "wrong", "--cacert", ca).no("host-list"),
         "Authentication failed\nFor usage run: 'xe-memory help'\n")
    Xe(home, XE_EXTRA_ARGS="server=%s,port=%s,username=root,"
       "passwordfile=%s,cacert=%s" % (server, port, pwf, ca)).ok("host-list")
    with open(os.path.join(home, ".xe"), "w") as f:
        f.write("# mine\nserver=%s\nport=%s\nusername=root\n"
                "passwordfile=%s\ncacert=%s\n" % (server, port, pwf, ca))
    Xe(home).ok("host-list")
    os.unlink(os.path.join(home, ".xe"))
    err = Xe(home, "--socket", "/nowhere").no("host-list")
    same(err, "Error: cannot connect to /nowhere: No such file or "
         "directory\n")
    Xe(home, "--socket", os.path.join(d.state, "socket")).ok("host-list")
    check(Xe(home).run()[0] == 0, "usage is no error")
    check(".TH XE-MEMORY" in Xe(home).ok("--print-man"), "a manual page")


class Screen:
    """The program on a terminal of its own."""

    def __init__(self, xe, rows, columns, *words, program=None, env=None):
        options = xe.options if program is None else []
        program = program or XE
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            os.execve(program, [program] + options + list(words),
                      env or xe.env)
        self.text = ""
        self.resize(rows, columns)

    def resize(self, rows, columns):
        fcntl.ioctl(self.fd, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))
        os.kill(self.pid, signal.SIGWINCH)

    def until(self, pattern, timeout=30):
        """Read until the pattern has appeared; what follows is kept."""
        end = time.monotonic() + timeout
        while not re.search(pattern, self.text):
            left = end - time.monotonic()
            if left <= 0 or not select.select([self.fd], [], [], left)[0]:
                raise AssertionError("no %r in %r" % (pattern, self.text))
            try:
                self.text += os.read(self.fd, 65536).decode(errors="replace")
            except OSError:
                raise AssertionError("ended before %r: %r"
                                     % (pattern, self.text)) from None
        self.text = self.text[re.search(pattern, self.text).end():]

    def key(self, text):
        os.write(self.fd, text.encode())

    def end(self):
        """Read the rest; the exit status."""
        try:
            while os.read(self.fd, 65536):
                pass
        except OSError:
            pass
        os.close(self.fd)
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def complete(xe, line, breaks=" =:"):
    """What bash offers for a line, as if Tab were pressed at its end."""
    r = subprocess.run(
        ["bash", "-c", '. <("$0" --print-completion)\n'
         'compopt() { :; }\n'  # works while bash itself completes only
         'COMP_WORDBREAKS=$2 COMP_LINE=$1 COMP_POINT=${#1}\n'
         '_xe_memory "$0" </dev/null\nprintf "%s\\n" "${COMPREPLY[@]}"',
         XE, line, breaks],
        env=xe.env, capture_output=True, text=True, check=True)
    same(r.stderr, "")
    return r.stdout.split("\n")[:-1]


def completion(xe, vm, d):
    def offers(line, *want, **more):
        same(complete(xe, "xe-memory " + line, **more), list(want or [""]))

    offers("vm-memory-s", "vm-memory-set", "vm-memory-shadow-multiplier-set",
           "vm-memory-static-range-set", "vm-memory-stats",
           "vm-memory-stats-interval-set")
    offers("vm-memory-limits-set static-m", "static-min=", "static-max=")
    offers("vm-param-set uuid=" + vm[:9], vm)
    offers("vm-param-set uuid=" + vm[:9], "uuid=" + vm, breaks=" ")
    offers("vm-param-set memory-static-m", "memory-static-max=",
           "memory-static-min=")
    offers("vm-param-set other-c", "other-config:")
    offers("vm-param-set other-config:")
    offers("vm-shutdown --f", "--force")
    offers("vm-param-get param-name=memory-s", "memory-static-max",
           "memory-static-min")
    offers("vm-list params=uuid,name-l", "uuid,name-label")
    offers("vm-list power-state=", "halted", "paused", "running")
    offers("vm-list power-state=h", "halted")
    offers("vm-start vm=worker-", "worker-1", "worker-2", "worker-3")
    offers("vm-memory-set vm=deb", "debian-12")  # a template
    offers("vm-start vm=deb")
    offers("host-compute-free-memory host=", "lab")
    offers("vm-start on=", "lab")
    offers("vm-start vm=we", "web")
    offers("vm-start vm=Control", r"Control\ domain\ on\ host\:\ lab")
    offers(r"vm-start vm=Control\ domain\ on\ host\:",
           r"Control\ domain\ on\ host\:\ lab")
    offers("help vm-un", "vm-unpause")
    offers("--ins", "--insecure")
    offers("vm-frob ")
    server, port = d.url.split("//")[1].rstrip("/").split(":")
    lost = Xe(xe.env["HOME"])  # all that it knows stands on the line
    line = "-s %s -p %s -pwf %s --cacert %s vm-start vm=we" % (
        server, port, os.path.join(d.state, "initial-password"),
        os.path.join(d.state, "tls-ec.pem"))
    same(complete(lost, "xe-memory " + line), ["web"])
    same(complete(lost, "xe-memory vm-start vm=we"), [""])


def tab(xe, vm):
    """A real bash, and a real Tab."""
    env = dict(xe.env, PS1="$ ", PATH=os.path.dirname(XE) + ":" +
               xe.env["PATH"])
    bash = Screen(xe, 24, 200, "--noprofile", "--norc",
                  program=shutil.which("bash"), env=env)
    bash.until(r"\$ ")
    bash.key(". <(xe-memory --print-completion); echo do''ne\n")
    bash.until("done")
    bash.key("xe-memory vm-param-g\tuuid=%s\tparam-name=name-l\t\n"
             % vm[:13])
    bash.until(r"\rcrate\r\n")
    # Words that could go on in two ways stay as they are.
    bash.key("xe-memory vm-list name-label=worker\t\t\t")
    bash.until("worker-1 +worker-2 +worker-3")
    bash.key("1 params=power-s\t --minimal\n")
    bash.until(r"\rrunning\r\n")
    bash.key("exit\n")
    same(bash.end(), 0)


def screens(xe):
    same(xe.no("top"), "Error: top needs a terminal\n")
    xe.ok("vm-create", "name-label=café 東京 \u200b")
    top = Screen(xe, 24, 100, "top")
    for text in ("q quits", "lab", "#", "cache", "web", "café 東京"):
        top.until(text)
    top.resize(40, 140)
    top.until(r"GiB of")
    top.key("j")
    top.key("q")
    same(top.end(), 0)
    check("web" in xe.ok("vm-list", "params=name-label"), "still there")
    # "slow" balloons at 64 MiB a second: the bar moves, and it ends.
    wait = Screen(xe, 24, 80, "vm-memory-dynamic-range-set", "vm=slow",
                  "min=2GiB", "max=2GiB")
    same(wait.end(), 0)


TWO_HOSTS = """
[host a]
memory = 32GiB
dom0 = 1GiB
cpus = 8
address = 127.0.0.1

[host b]
memory = 16GiB
dom0 = 1GiB
cpus = 8
address = 127.0.0.2

[vm web]
type = hvm
vcpus = 2
static_min = 512MiB
dynamic_min = 2GiB
dynamic_max = 4GiB
static_max = 4GiB
state = running

[vm slow]
type = hvm
vcpus = 1
static_min = 512MiB
dynamic_min = 2GiB
dynamic_max = 8GiB
static_max = 8GiB
sim = rate_kib_s=1024
state = running

[vm idle]
type = hvm
memory = 1GiB
"""


def between_hosts(home):
    """What takes two hosts, or a task of somebody else's."""
    path = os.path.join(home, "two.ini")
    with open(path, "w") as f:
        f.write(TWO_HOSTS)
    with daemon.running(sim=path) as d:
        xe = Xe(home, XE_MEMORY_SOCKET=os.path.join(d.state, "socket"))
        web, a, b = (xe.ok(what + "-list", "name-label=" + name,
                           "--minimal").strip()
                     for what, name in (("vm", "web"), ("host", "a"),
                                        ("host", "b")))
        migrate(xe, web, a, b)
        many = "Error: Multiple matching hosts found. Operation can only be " \
            "performed on one host at a time\n"
        same(xe.no("host-compute-free-memory"), many)
        same(xe.no("host-compute-free-memory", "--multiple"), many)
        xe.ok("vm-vcpu-hotplug", "vm=web", "new-vcpus=1")
        same(xe.get(web, "VCPUs-number"), "1")
        check("value: 3" in xe.no("vm-vcpu-hotplug", "vm=web",
                                  "new-vcpus=3"), "more than it has")
        check("expected: running" in xe.no(
            "vm-vcpu-hotplug", "vm=idle", "new-vcpus=1"), "a halted one")
        cancel(xe)


def migrate(xe, web, a, b):
    xe.ok("vm-migrate", "vm=web", "host=b")
    same(xe.get(web, "resident-on"), b)
    same(xe.no("vm-migrate", "vm=web", "host=b"),
         "The operation is not allowed on this object.\n"
         "reason: The VM runs on this host already\n")
    xe.ok("vm-migrate", "uuid=" + web, "host-uuid=" + a, "live=true")
    same(xe.get(web, "resident-on"), a)
    same(xe.no("vm-migrate", "vm=web", "host=c"),
         "Error: Host c not found\n")
    same(xe.no("vm-migrate", "vm=web"),
         "Error: No destination host specified\n")
    check("expected: running" in xe.no("vm-migrate", "vm=idle", "host=b"),
          "a halted one")
    check("one VM at a time" in xe.no(
        "vm-migrate", "power-state=running", "host=b", "--multiple"), "two")


def cancel(xe):
    """task-cancel ends what somebody else waits for, at once."""
    cancel_one(xe, "VM.set_memory_dynamic_range",
               "vm-memory-dynamic-range-set", "vm=slow", "min=8GiB",
               "max=8GiB")
    # The change stands, and the guest has far to go.
    cancel_one(xe, "VM.wait_memory_target_live", "vm-memory-target-wait",
               "vm=slow")


def cancel_one(xe, message, *command):
    with subprocess.Popen([XE, *command],
                          env=xe.env, stdin=subprocess.DEVNULL,
                          stderr=subprocess.PIPE, text=True) as waits:
        end = time.monotonic() + 30
        while not (task := xe.ok("task-list", "status=pending",
                                 "--minimal").strip()):
            check(time.monotonic() < end, "the wait is a task")
        same(xe.ok("task-list", "uuid=" + task, "params=name-label"),
             "name-label ( RO)    : %s\n\n\n" % message)
        xe.ok("task-cancel", "uuid=" + task)
        err = waits.communicate(timeout=30)[1]
        same(waits.returncode, 1)
        check(err.startswith("The task was cancelled.\n"), err)
    same(xe.ok("task-list", "--minimal"), "\n")


class World:
    """Answers of a server with one VM, and a task that takes a while."""

    VM = {"uuid": "u1", "name_label": "only", "power_state": "Running",
          "is_a_template": False, "is_control_domain": False,
          "user_version": 7, "memory_static_max": "9"}

    def __init__(self, broken=None, steps=3, dead=0):
        self.broken = broken
        self.steps = steps
        self.dead = dead
        self.cancelled = False

    def __call__(self, method, args):
        if method == "session.login_with_password":
            return "OpaqueRef:session"
        if method == "session.logout":
            return ""
        if self.broken is not None:
            raise Broken(self.broken)
        if self.dead:
            self.dead -= 1
            raise Failure("SESSION_INVALID", args[0])
        name = method.split(".", 1)[1]
        if method.startswith("Async."):
            return "OpaqueRef:task"
        if name == "get_status":
            self.steps -= 1
            if self.cancelled:
                return "cancelled"
            return "pending" if self.steps > 0 else "success"
        if name == "get_progress":
            return 1.0 - self.steps / 4
        if name == "cancel":
            self.cancelled = True
            return ""
        if name == "get_by_uuid":
            raise Failure("UUID_INVALID", "VM", args[1])
        if name == "get_all_records_where":
            return {"OpaqueRef:1": self.VM}
        return {"get_by_name_label": ["OpaqueRef:1"],
                "get_record": self.VM}.get(name, "")


def strange_servers(d, home):
    path = os.path.join(home, "sock")
    xe = Xe(home, "--socket", path)
    with Mock(World(dead=1), path) as m:
        same(xe.ok("vm-list", "--minimal"), "u1\n")
        same(m.calls.count("session.login_with_password"), 2)
        same(m.calls[-1], "session.logout")
    with Mock(World(dead=9), path):
        check("not known" in xe.no("vm-list"), "a session that never lives")
    with Mock(World(), path):
        same(xe.ok("vm-list", "params=user-version"),
             "user-version ( RW)    : 7\n\n\n")
    head = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s"
    for broken in (b"", b"HTTP/1.1 500 Sorry\r\ncontent-length: 0\r\n\r\n",
                   b"no HTTP at all\r\n\r\n", head % (4, b"<xml"),
                   head % (900, b"cut short"),
                   head % (2, b"{}"), head % (0, b"")):
        with Mock(World(broken=broken), path):
            err = xe.no("vm-list")
            check(err.startswith("Error: ") and err.count("\n") == 1,
                  "%r: %r" % (broken, err))
    # A slave names its master; the program goes there, certificate and all.
    cert = os.path.join(d.state, "tls-ec")
    with Mock(World(), cert=cert) as master:
        def slave(method, args):
            raise Failure("HOST_IS_SLAVE", "127.0.0.1:%d" % master.port)
        with Mock(slave, cert=cert) as m:
            away = Xe(home, "-s", "127.0.0.1:%d" % m.port, "-u", "root",
                      "-pw", "x", "--cacert", cert + ".pem")
            same(away.ok("vm-list", "--minimal"), "u1\n")


def progress(home):
    path = os.path.join(home, "sock")
    xe = Xe(home, "--socket", path)
    wait = ("vm-memory-target-wait", "vm=only")
    with Mock(World(steps=4), path) as m:
        screen = Screen(xe, 24, 80, *wait)
        screen.until(r"only +\[#{10}\.{30}\] +25%")
        screen.until(r"\[#{30}\.{10}\] +75%")
        same(screen.end(), 0)
        check("task.destroy" in m.calls, "the task is tidied up")
    with Mock(World(steps=10000), path) as m:
        screen = Screen(xe, 24, 80, *wait)
        screen.until(r"%")
        screen.key("\x03")
        screen.until("Cancelled")
        same(screen.end(), 1)
        check("task.cancel" in m.calls and "task.destroy" in m.calls,
              "the task is cancelled")


def top_without_answers(home):
    """q and Ctrl-C work while the server does not; a dead one is named."""
    path = os.path.join(home, "sock")
    xe = Xe(home, "--socket", path)
    world, gate = World(), threading.Event()

    def stuck(method, args):
        if method == "host.get_all_records":
            gate.wait(60)
        return world(method, args)
    for key in "q", "\x03":
        with Mock(stuck, path) as m:
            top = Screen(xe, 24, 80, "top")
            top.until("q quits")
            while "host.get_all_records" not in m.calls:
                time.sleep(0.01)
            top.key(key)
            same(top.end(), 0)
            gate.set()
        gate.clear()
    def dying(method, args):
        if gate.is_set():
            raise Broken(b"")
        return {} if "get_all" in method else world(method, args)
    with Mock(dying, path):
        top = Screen(xe, 8, 50, "top")  # narrow: the first line is cut
        top.until(r"\| t\x1b")
    gate.set()
    top.until("cannot connect to " + path)
    top.until("Trying again")
    top.key("q")
    same(top.end(), 0)


def main():
    with daemon.running(sim=os.path.join(daemon.TOP, "xen",
                                         "demo.ini")) as d, \
            tempfile.TemporaryDirectory() as home:
        xe = Xe(home, XE_MEMORY_SOCKET=os.path.join(d.state, "socket"))
        vm = memory(xe)
        life(xe, vm)
        stats(xe, vm)
        parameters(xe, vm)
        ways(d, home)
        completion(xe, vm, d)
        tab(xe, vm)
        screens(xe)
        strange_servers(d, home)
        progress(home)
        top_without_answers(home)
        between_hosts(home)
        same(Xe(home, "--human", *xe.options,
                XE_MEMORY_SOCKET=os.path.join(d.state, "socket")).ok(
                    "vm-param-get", "uuid=" + vm,
                    "param-name=memory-static-max"), "256 MiB\n")
    print("%d passed" % checks)


if __name__ == "__main__":
    main()
