#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Callers who mean harm, or are merely broken: floods, slow senders and
readers, clients that die in the middle, guessers, a lack of descriptors, a
hypervisor process that dies.  The daemon answers others all the while, and
its memory stays below the bounds given here, in KiB of resident memory.
"""
import ctypes
import os
import re
import resource
import signal
import socket
import ssl
import struct
import sys
import threading
import time
import xmlrpc.client

import checks
import daemon
from checks import is_, true

MIB = 1 << 20
IDLE_KIB = 16       # an idle TLS connection
STALLED_KIB = 512   # a reader that takes nothing of a long reply
FLOOD_KIB = 32768   # whatever one flood may leave behind
KEEP_IDLE_S = 120   # until a silent peer is asked whether it is there
VMS = 3000

with open(daemon.DAEMON, "rb") as program:
    # Sanitizers keep what was freed: memory means nothing then.
    SANITIZED = re.search(rb"__[at]san_init", program.read()) is not None


def rss_kib(d):
    with open("/proc/%d/status" % d.process.pid) as f:
        return int(re.search(r"VmRSS:\s*(\d+)", f.read()).group(1))


def bounded(what, d, before, bound):
    grown = rss_kib(d) - before
    if SANITIZED:
        print("--  %s: %d KiB, sanitized" % (what, grown))
        return
    true("%s: %d KiB, at most %d" % (what, grown, bound), grown <= bound)


def until(what, condition):
    """Waits, but not for ever."""
    for _ in range(600):
        if condition():
            true(what, True)
            return
        time.sleep(0.05)
    true(what, False)


def address(d):
    host, port = d.url[len("https://"):].rsplit(":", 1)
    return host, int(port)


def context():
    c = ssl.create_default_context()
    c.check_hostname = False
    c.verify_mode = ssl.CERT_NONE
    return c


CONTEXT = context()


def tls(d, source=None, buffer_bytes=None):
    raw = socket.socket()
    raw.settimeout(30)
    if buffer_bytes:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)
    if source:
        raw.bind((source, 0))
    raw.connect(address(d))
    return CONTEXT.wrap_socket(raw)


def local(d):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(30)
    s.connect(d.state + "/socket")
    return s


def call(method, *args):
    body = xmlrpc.client.dumps(args, method).encode()
    return (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
            % len(body) + body)


LIST = call("system.listMethods")


def all_of(s):
    """What comes until the daemon closes, or the connection breaks."""
    got = []
    try:
        while True:
            more = s.recv(65536)
            if not more:
                break
            got.append(more)
    except OSError:
        pass
    s.close()
    return b"".join(got)


def reply(s):
    """One reply: its body."""
    f = s.makefile("rb")
    length = None
    while True:
        line = f.readline().strip().lower()
        if not line:
            break
        if line.startswith(b"content-length:"):
            length = int(line.split(b":")[1])
    return f.read(length)


def reset(s):
    """Ends a connection the way a machine that lost power would."""
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def serves(d, what):
    s = tls(d)
    s.sendall(LIST)
    true("%s: others are served" % what, b"VM.get_record" in reply(s))
    s.close()


def health(d):
    s = local(d)
    s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    return all_of(s)


def config(d, **limits):
    path = d.state + "/limits.ini"
    with open(path, "w") as f:
        f.write("[limits]\n")
        for name, value in limits.items():
            f.write("%s = %d\n" % (name, value))
    d.extra = ["--config", path]
    return d


# ---- connections ----

def idle(d):
    warm = [tls(d) for _ in range(20)]
    before = rss_kib(d)
    many = [tls(d) for _ in range(300)]
    serves(d, "300 idle connections")
    grown = rss_kib(d) - before
    print("    an idle TLS connection takes %.1f KiB" % (grown / 300))
    bounded("300 idle connections", d, before, 300 * IDLE_KIB)
    for s in warm + many:
        s.close()


def kernel_timers(d, peers):
    """Kind and hundredths of a second of the timer of each connection."""
    port = address(d)[1]
    timers = []
    with open("/proc/net/tcp") as f:
        for row in f.read().splitlines()[1:]:
            _, at, of, _, _, timer = row.split()[:6]
            if (int(at.split(":")[1], 16) == port
                    and int(of.split(":")[1], 16) in peers):
                kind, left = timer.split(":")
                timers.append((int(kind), int(left, 16)))
    return timers


def keepalive(d):
    """The kernel asks idle peers whether they are there, and so we are told
    of machines that vanished."""
    many = [tls(d) for _ in range(3)]
    peers = {s.getsockname()[1] for s in many}
    # 2: keepalive; 1, before: the last bytes are not acknowledged yet
    until("a keepalive timer runs for each connection",
          lambda: [kind for kind, _ in kernel_timers(d, peers)] == [2] * 3)
    true("and ends within two minutes",
         max(left for _, left in kernel_timers(d, peers))
         <= KEEP_IDLE_S * 100)
    for s in many:
        s.close()


def handshakes_and_reload(d):
    stop = threading.Event()
    bad = []

    def shake():
        while not stop.is_set():
            try:
                s = tls(d)
                s.sendall(LIST)
                assert reply(s)
                s.close()
            except Exception as e:
                bad.append(repr(e))

    threads = [threading.Thread(target=shake) for _ in range(4)]
    for t in threads:
        t.start()
    for _ in range(30):
        d.process.send_signal(signal.SIGHUP)
        time.sleep(0.01)
    stop.set()
    for t in threads:
        t.join()
    is_("30 reloads disturb no handshake", bad, [])


def short_of_descriptors(d):
    pid = d.process.pid
    _, hard = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    old = tls(d)
    top = max(int(n) for n in os.listdir("/proc/%d/fd" % pid)) + 5
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (top, hard))
    more = []
    for _ in range(40):
        s = socket.socket()
        s.setblocking(False)
        s.connect_ex(address(d))
        more.append(s)

    def ticks():
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        return int(fields[11]) + int(fields[12])

    begin = ticks()
    time.sleep(1)
    spent = (ticks() - begin) / os.sysconf("SC_CLK_TCK")
    true("without descriptors it does not spin", spent < 0.5)
    old.sendall(LIST)
    true("and serves who is in", b"VM.get_record" in reply(old))
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (hard, hard))
    for s in more:
        s.close()
    serves(d, "descriptors are back")
    old.close()


def slow_and_many(d):
    """With small limits: everything that waits is ended."""
    silent = socket.create_connection(address(d), timeout=30)
    is_("no handshake is ended", all_of(silent), b"")
    s = tls(d)
    is_("an idle connection is ended", all_of(s), b"")
    s = tls(d)
    s.sendall(b"POST / HTTP/1.1\r\n")
    true("slow headers: 408", all_of(s).startswith(b"HTTP/1.1 408 "))
    s = tls(d)
    s.sendall(LIST[:-5])
    true("a slow body: 408", all_of(s).startswith(b"HTTP/1.1 408 "))
    for what, unit in (("empty lines", b"\r\n"), ("spaces", b" "),
                       ("headers", b"X: y\r\n")):
        s = tls(d)
        if unit == b"X: y\r\n":
            s.sendall(b"GET / HTTP/1.1\r\n")
        ended = False
        for _ in range(400):
            try:
                s.sendall(unit)
            except OSError:
                ended = True
                break
            time.sleep(0.02)
        s.close()
        true("%s for ever are ended" % what, ended)
    many = []
    for _ in range(60):
        try:
            many.append(tls(d))
        except OSError:
            pass
    true("one address gets 40 connections at most", len(many) <= 40)
    s = tls(d, source="127.0.0.2")
    s.sendall(LIST)
    true("another address gets in", b"VM.get_record" in reply(s))
    for m in many + [s]:
        m.close()


# ---- requests ----

def pipelining(d):
    """A peer who sends and sends, and reads nothing."""
    s = local(d)
    before = rss_kib(d)
    s.setblocking(False)
    data = LIST * 100
    sent = refused = 0
    while refused < 200 and sent < 64 * MIB:
        try:
            sent += s.send(data[sent % len(LIST):])
            refused = 0
        except BlockingIOError:
            time.sleep(0.005)
            refused += 1
    true("it stops taking requests whose replies are not read",
         sent < 8 * MIB)
    bounded("pipelining %d requests" % (sent // len(LIST)), d, before,
            FLOOD_KIB)
    s.settimeout(30)
    s.shutdown(socket.SHUT_WR)
    got = all_of(s)
    is_("every one is answered", got.count(b"HTTP/1.1 200 OK"),
        sent // len(LIST))


def half_closed(d, api):
    for what, s in (("Unix socket", local(d)), ("TLS", tls(d))):
        s.sendall(call("VM.get_all_records", api.session))
        # Only the transport: no TLS alert.
        socket.socket.shutdown(s, socket.SHUT_WR)
        got = all_of(s)
        true("%s: who has said all gets all of the reply" % what,
             got.endswith(b"</methodResponse>") and len(got) > VMS * 1000)


def floods(d, api):
    vm = api.call("VM.get_all")[0]
    before = rss_kib(d)
    pairs = {"k%d" % i: "v" * 8 for i in range(4000)}
    deep = "<value><array><data>" * 5000
    for what, data in (
            ("a map of 4000 pairs",
             call("VM.set_other_config", api.session, vm, pairs)),
            ("a string of 290 KB",
             call("VM.set_name_label", "x" * 290000, vm, "y")),
            ("a session of 250 KB", call("VM.get_all", "&" * 50000)),
            ("a bad end", LIST.replace(b"</methodCall>",
                                       b"</methodCa!!>"))):
        for _ in range(50):
            s = tls(d)
            s.sendall(data)
            s.recv(10)
            s.close()
        true("%s is answered" % what, True)
    for _ in range(50):
        s = tls(d)
        try:
            s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 299999"
                      b"\r\n\r\n<?xml version='1.0'?><methodCall><methodName>"
                      b"VM.get_all</methodName><params><param>"
                      + deep.encode())
            s.sendall(b" " * 300000)
        except OSError:
            pass
        s.close()
    api.call("VM.set_other_config", vm, {})
    bounded("200 hostile calls", d, before, FLOOD_KIB)
    before = rss_kib(d)
    halves = [tls(d) for _ in range(300)]
    for s in halves:
        s.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 300000"
                  b"\r\n\r\n" + b" " * 250000)
    serves(d, "300 bodies that do not end")
    bounded("300 bodies that do not end", d, before,
            65536 * 2 + 300 * 64 + FLOOD_KIB)
    for s in halves:
        reset(s)


def sessions(d):
    before = rss_kib(d)
    s = local(d)
    login = call("session.login_with_password", "root", "", "1.0", "flood")
    refs = []
    for _ in range(1500):
        s.sendall(login)
        refs.append(re.search(rb"OpaqueRef:[-0-9a-f]+", reply(s)).group(0))
    bounded("1500 sessions", d, before, FLOOD_KIB)
    alive = []
    for ref in refs:
        s.sendall(call("pool.get_all", ref.decode()))
        alive.append(b"Success" in reply(s))
    true("at most 1000 of them live", sum(alive) <= 1000)
    true("the newest does", alive[-1])
    s.close()


# ---- long replies ----

def fill(d, api, vms=VMS):
    first = api.call("VM.create", daemon.vm_record(
        "v", 0, 256 * MIB, 512 * MIB, 1024 * MIB,
        other_config={"note": "x" * 4096}))

    def clone(names):
        own = d.local()
        for i in names:
            own.call("VM.clone", first, "v%d" % i)
        own.close()

    threads = [threading.Thread(target=clone, args=(range(k, vms, 4),))
               for k in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    is_("there are many VMs",
        len([vm for vm in api.call("VM.get_all_records").values()
             if vm["other_config"].get("note")]), vms + 1)


def stalled(d, api):
    """Readers of many MB who take nothing, while records change."""
    vm = api.call("VM.get_all")[0]
    ask = call("VM.get_all_records", api.session)
    serves(d, "before the readers")
    for turn in range(3):
        before = rss_kib(d)
        readers = [tls(d, buffer_bytes=16384) for _ in range(40)]
        for s in readers:
            s.sendall(ask)
        for i in range(100):
            api.call("VM.set_name_label", vm, "n%d" % i)
        serves(d, "40 readers who take nothing")
        bounded("40 readers who take nothing, %d" % turn, d, before,
                40 * STALLED_KIB + FLOOD_KIB)
        body = reply(readers[0])
        true("one goes on and gets it all: %d MB" % (len(body) // MIB),
             body.endswith(b"</methodResponse>") and
             body.count(b"<name>memory_static_max</name>") >= VMS)
        for i, s in enumerate(readers):
            if i % 2:
                s.recv(1000)
                reset(s)
            else:
                s.close()
    serves(d, "readers that died")


def stalled_is_ended(d, api):
    def descriptors():
        return len(os.listdir("/proc/%d/fd" % d.process.pid))

    before = descriptors()
    s = tls(d, buffer_bytes=16384)
    s.sendall(call("VM.get_all_records", api.session))
    true("a reader who takes nothing has a connection",
         descriptors() > before)
    until("a reader who takes nothing for write_ms is ended",
          lambda: descriptors() == before)
    true("in the middle of its reply",
         not all_of(s).endswith(b"</methodResponse>"))


# ---- logins ----

def crypt(password):
    """As the users file has it; Python's own module is on its way out."""
    libcrypt = ctypes.CDLL("libcrypt.so.1")
    libcrypt.crypt.restype = ctypes.c_char_p
    return libcrypt.crypt(password.encode(),
                          b"$y$j9T$0123456789abcdef$").decode()


def guessing(d):
    password = d.password()
    with open(d.state + "/users", "a") as f:
        f.write("ops:%s:read-only\n" % crypt("operators know"))
    d.process.send_signal(signal.SIGHUP)
    until("SIGHUP brings a new account",
          lambda: "users: read again" in d.log_text().rsplit(
              "limit", 1)[-1])

    def login(user, word, source=None):
        s = tls(d, source=source)
        s.sendall(call("session.login_with_password", user, word, "1.0", "t"))
        got = reply(s).decode()
        s.close()
        return got

    for _ in range(3):
        true("a wrong password is refused",
             "wrong name or password" in login("root", "guess"))
    got = login("root", "guess")
    true("then one has to wait", "too many failed logins; try again in" in got
         and "SESSION_AUTHENTICATION_FAILED" in got)
    true("even with the right one", "too many" in login("root", password))
    true("another account may log in from there",
         "Success" in login("ops", "operators know"))
    true("the right password works from elsewhere",
         "Success" in login("root", password, "127.0.0.2"))
    for i in range(3):
        login("nobody", "guess", "127.0.0.3")
    true("a name that is none waits as well",
         "too many" in login("nobody", "guess", "127.0.0.3"))
    true("but tells nothing of the next name",
         "wrong name" in login("noone", "guess", "127.0.0.3"))
    true("no password is in the log", password not in d.log_text())
    many = []
    for i in range(300):
        s = tls(d, source="127.0.0.4")
        s.sendall(call("session.login_with_password", "n%d" % i, "x", "1.0",
                       "t"))
        many.append(s)
    answers = [reply(s) for s in many]
    true("300 logins at once are all refused",
         all(b"Failure" in a for a in answers))
    true("most of them without hashing",
         sum(b"wrong name" in a for a in answers) < 150)
    true("the right password still works",
         "Success" in login("root", password, "127.0.0.2"))
    for s in many:
        s.close()


# ---- the hypervisor process ----

def hypervisor_pid(d):
    log = os.path.realpath(d.state + "/hv.log")
    for name in os.listdir("/proc"):
        try:
            if name.isdigit() and int(name) != d.process.pid and \
                    os.readlink("/proc/%s/fd/2" % name) == log:
                return int(name)
        except OSError:
            pass
    return None


def hypervisor_dies(d):
    vms = []
    with_calls = d.local()
    for i in range(4):
        vms.append(with_calls.call("VM.create", daemon.vm_record(
            "h%d" % i, 0, 256 * MIB, 512 * MIB, 1024 * MIB)))
    bad = []
    stop = threading.Event()

    def lifecycle(vm):
        api = d.local()
        while not stop.is_set():
            for args in (("VM.start", vm, False, False),
                         ("VM.hard_shutdown", vm)):
                try:
                    api.call(*args)
                except daemon.ApiError as e:
                    if e.args[0] not in ("INTERNAL_ERROR",
                                         "VM_BAD_POWER_STATE",
                                         "NO_HOSTS_AVAILABLE",
                                         "OTHER_OPERATION_IN_PROGRESS",
                                         "HOST_NOT_ENOUGH_FREE_MEMORY"):
                        bad.append(e.args)
        api.close()

    threads = [threading.Thread(target=lifecycle, args=(vm,)) for vm in vms]
    for t in threads:
        t.start()
    for _ in range(3):
        until("there is a hypervisor process",
              lambda: hypervisor_pid(d) is not None)
        time.sleep(0.2)
        os.kill(hypervisor_pid(d), signal.SIGKILL)
        until("health says that it is lost",
              lambda: b'"hypervisor":"lost"' in health(d))
        true("reads go on", with_calls.call("VM.get_all"))
        until("and that it is back",
              lambda: b'"hypervisor":"ok"' in health(d))
    stop.set()
    for t in threads:
        t.join()
    is_("only documented failures meanwhile", bad, [])
    for vm in vms:
        if with_calls.call("VM.get_power_state", vm) == "Running":
            with_calls.call("VM.hard_shutdown", vm)
        with_calls.call("VM.start", vm, False, False)
        with_calls.call("VM.hard_shutdown", vm)
    true("every VM starts and stops again", True)
    with_calls.close()


def ends_although(d):
    """SIGTERM with calls in flight and a hypervisor that hangs."""
    api = d.local()
    vm = api.call("VM.create", daemon.vm_record(
        "slow", 0, 256 * MIB, 512 * MIB, 1024 * MIB,
        other_config={"sim": "shutdown_ms=1000000"}))
    api.call("VM.start", vm, False, False)
    waiting = []
    for method in ["VM.clean_shutdown"] + ["VM.pause"] * 5:
        s = local(d)
        s.sendall(call(method, api.session, vm))
        waiting.append(s)
    reader = tls(d, buffer_bytes=16384)
    reader.sendall(call("VM.get_all_records", api.session))
    time.sleep(0.2)
    hung = hypervisor_pid(d)
    os.kill(hung, signal.SIGSTOP)
    try:
        is_("SIGTERM ends it although the hypervisor hangs", d.stop(), 0)
    finally:
        os.kill(hung, signal.SIGKILL)
    for s in waiting:
        true("a call in flight is answered",
             all_of(s).endswith(b"</methodResponse>"))
    reader.close()


def main():
    with daemon.running() as d:
        api = d.local()
        idle(d)
        keepalive(d)
        handshakes_and_reload(d)
        short_of_descriptors(d)
        fill(d, api)
        pipelining(d)
        half_closed(d, api)
        stalled(d, api)
        floods(d, api)
        sessions(d)
        guessing(d)
        hypervisor_dies(d)
        ends_although(d)
    small = daemon.Daemon()
    config(small, handshake_ms=1500, idle_ms=1500, header_ms=1500,
           body_ms=1500, write_ms=1500, connections_per_address=40)
    with small as d:
        slow_and_many(d)
    with config(daemon.Daemon(), write_ms=500) as d:
        api = d.local()
        fill(d, api, 500)
        stalled_is_ended(d, api)
    checks.end()


if __name__ == "__main__":
    sys.exit(main())
