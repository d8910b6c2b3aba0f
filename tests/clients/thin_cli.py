#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""POST /cli as xe speaks it, byte for byte, over TLS and the Unix socket:
greeting, messages and their order, commands, failures, and what is no request.

The client here is written from the description of the protocol alone.
"""
import os
import re
import socket
import ssl
import struct
import tempfile
import threading
import time

import checks
import daemon
from checks import is_, true

MIB = 1 << 20
GIB = 1 << 30
HELLO = b"XenSource thin CLI protocol" + bytes([0, 0, 0, 0, 2, 0, 0, 0])
HINT = "For usage run: 'xe help'\n"
BUSY = "Error: the server runs too many commands, try again later\n"


# ---- the protocol ----

class Bytes:
    """A message's payload, taken apart."""

    def __init__(self, data):
        self.data = data

    def int(self):
        value = struct.unpack("<i", self.data[:4])[0]
        self.data = self.data[4:]
        return value

    def text(self):
        n = self.int()
        assert 0 <= n <= len(self.data), n
        value, self.data = self.data[:n], self.data[n:]
        return value.decode()


def message(data):
    """(name, what it carries...) of a command for the client."""
    b = Bytes(data)
    assert b.int() == 9, data
    tag = b.int()
    if tag == 0:
        got = ("out", b.text())
    elif tag == 4:
        got = ("exit", b.int())
    elif tag == 14:
        code = b.text()
        got = ("error", code, [b.text() for _ in range(b.int())])
    elif tag == 16:
        got = ("err", b.text())
    else:
        raise AssertionError("command %d: %r" % (tag, data))
    assert b.data == b"", "%r has more than it should" % data
    return got


class Link:
    """One connection: the request is said, nothing is read yet."""

    def __init__(self, d, tls, body=None, head=None, raw=None):
        if tls:
            host, port = d.url[len("https://"):].rsplit(":", 1)
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            self.s = context.wrap_socket(
                socket.create_connection((host, int(port)), 60))
        else:
            self.s = socket.socket(socket.AF_UNIX)
            self.s.settimeout(60)
            self.s.connect(os.path.join(d.state, "socket"))
        if raw is not None:
            self.s.sendall(raw)
        elif body is not None:
            self.s.sendall((head or (
                b"POST /cli HTTP/1.0\r\nUser-agent: xe-cli/Unix/0.2\r\n"
                b"originator: cli\r\ncontent-length: %d\r\n\r\n"
                % len(body))) + body)

    def bytes(self, n):
        data = b""
        while len(data) < n:
            more = self.s.recv(n - len(data))
            if not more:
                break
            data += more
        return data

    def greet(self, hello=HELLO):
        got = self.bytes(len(HELLO))
        assert got == HELLO, "the server greets with %r" % got
        if hello:
            self.s.sendall(hello)

    def hear(self):
        """All messages up to Exit, and that nothing comes behind it."""
        heard = []
        while not heard or heard[-1][0] != "exit":
            n = struct.unpack("<i", self.bytes(4))[0]
            assert 8 <= n < 64 * MIB, n
            heard.append(message(self.bytes(n)))
        assert self.at_end(), "bytes after Exit"
        self.s.close()
        return heard

    def at_end(self):
        try:
            return self.s.recv(1) == b""
        except (ConnectionError, ssl.SSLError):
            return True


class Cli:
    """xe, with a user."""

    def __init__(self, d, tls, user="root", password=None):
        self.d, self.tls = d, tls
        self.user = user
        self.password = d.password() if password is None else password

    def body(self, words, eol="\n"):
        return eol.join(list(words) + ["username=" + self.user,
                                       "password=" + self.password]).encode()

    def run(self, *words, eol="\n"):
        link = Link(self.d, self.tls, self.body(words, eol))
        link.greet()
        return link.hear()

    def out(self, *words):
        """What a command that must succeed prints."""
        heard = self.run(*words)
        assert heard[-1] == ("exit", 0), (words, heard)
        assert all(m[0] == "out" for m in heard[:-1]), (words, heard)
        return [m[1] for m in heard[:-1]]


# ---- what is checked ----

def bytes_of_all(d, tls):
    """A whole answer, byte for byte."""
    cli = Cli(d, tls)
    link = Link(d, tls, cli.body(["vm-list", "name-label=a", "--minimal"]))
    link.greet()
    uuid = cli.out("vm-list", "name-label=a", "--minimal")[0]
    want = struct.pack("<iiii", 12 + len(uuid), 9, 0, len(uuid)) \
        + uuid.encode() + struct.pack("<iiii", 12, 9, 4, 0)
    is_("Print and Exit, byte for byte", link.bytes(len(want)), want)
    true("then the end", link.at_end())
    link = Link(d, tls, cli.body(["frobnicate"]))
    link.greet()
    text = b"Unknown command: frobnicate\n"
    hint = HINT.encode()
    want = struct.pack("<iiii", 12 + len(text), 9, 16, len(text)) + text \
        + struct.pack("<iiii", 12 + len(hint), 9, 16, len(hint)) + hint \
        + struct.pack("<iiii", 12, 9, 4, 1)
    is_("PrintStderr and Exit 1, byte for byte", link.bytes(len(want)), want)
    true("then the end again", link.at_end())


def commands(d, api, tls):
    cli = Cli(d, tls)
    vm = api.call("VM.get_by_name_label", "a")[0]
    uuid = api.call("VM.get_uuid", vm)
    host = api.call("host.get_all")[0]
    is_("vm-list", cli.out("vm-list", "uuid=" + uuid),
        ["uuid ( RO)           : %s\n"
         "     name-label ( RW): a\n"
         "    power-state ( RO): halted\n\n" % uuid])
    is_("CRLF is tolerated", cli.run("vm-list", "uuid=" + uuid, "--minimal",
                                     eol="\r\n"),
        [("out", uuid), ("exit", 0)])
    is_("a limit is set", cli.out("vm-memory-limits-set", "uuid=" + uuid,
                                  "static-min=128MiB", "dynamic-min=256MiB",
                                  "dynamic-max=1GiB", "static-max=2GiB"), [])
    is_("the API sees it", [api.call("VM.get_memory_" + f, vm) for f in
                            ("static_min", "dynamic_min", "dynamic_max",
                             "static_max")],
        [str(n) for n in (128 * MIB, 256 * MIB, GIB, 2 * GIB)])
    is_("so does vm-param-get",
        cli.out("vm-param-get", "uuid=" + uuid,
                "param-name=memory-dynamic-max"), [str(GIB)])
    is_("a map is set and read",
        [cli.out("vm-param-set", "uuid=" + uuid, "other-config:k=\u00fc=2"),
         cli.out("vm-param-get", "uuid=" + uuid, "param-name=other-config",
                 "param-key=k")], [[], ["\u00fc=2"]])
    is_("host-compute-free-memory", cli.out("host-compute-free-memory"),
        [api.call("host.compute_free_memory", host)])
    is_("vm-compute-maximum-memory",
        cli.out("vm-compute-maximum-memory", "uuid=" + uuid, "total=1GiB"),
        [api.call("VM.maximise_memory", vm, str(GIB), False)])
    is_("a VM is started, waited for and shut down",
        [cli.out("vm-start", "uuid=" + uuid),
         cli.out("vm-memory-target-wait", "uuid=" + uuid),
         cli.out("vm-param-get", "uuid=" + uuid, "param-name=power-state"),
         cli.out("vm-shutdown", "uuid=" + uuid, "--force")],
        [[], [], ["running"], []])
    true("vm-param-list", len(cli.out("vm-param-list", "uuid=" + uuid)) == 1)


def failures(d, api, tls):
    cli = Cli(d, tls)
    vm = api.call("VM.get_by_name_label", "a")[0]
    uuid = api.call("VM.get_uuid", vm)

    def case(what, words, *want):
        is_(what, cli.run(*words), list(want) + [("exit", 1)])

    case("an unknown uuid", ["vm-param-list", "uuid=nope"],
         ("err", "The uuid you supplied was invalid.\n"
                 "type: VM\nuuid: nope\n"))
    case("an order violation",
         ["vm-memory-dynamic-range-set", "uuid=" + uuid, "min=4GiB",
          "max=1GiB"],
         ("err", "The dynamic memory range violates constraint static_min "
                 "<= dynamic_min <= dynamic_max <= static_max.\n"))
    case("a missing parameter", ["vm-memory-set", "uuid=" + uuid],
         ("err", "Required parameter not found: memory\n"), ("err", HINT))
    case("no VM", ["vm-memory-set", "name-label=none", "memory=1GiB"],
         ("err", "Error: No matching VMs found\n"))
    case("a size that is none",
         ["vm-memory-set", "uuid=" + uuid, "memory=1.5GiB"],
         ("err", "Error: Failed to parse field 'memory': expecting an "
                 "integer (possibly with suffix KiB, MiB, GiB, TiB), got "
                 "'1.5GiB'\n"))
    case("no words at all", [], ("err", "Syntax error: \n"), ("err", HINT))


def sessions(d, api):
    wrong = Cli(d, True, password="wrong")
    is_("a wrong password", wrong.run("vm-list"),
        [("err", "Authentication failed\n"), ("err", HINT), ("exit", 1)])
    is_("no user", Cli(d, True, "", "").run("vm-list")[-1], ("exit", 1))
    is_("then the right one", Cli(d, True).run("vm-list", "name-label=none"),
        [("exit", 0)])
    is_("on the Unix socket any will do",
        Cli(d, False, "", "").run("vm-list", "name-label=none"),
        [("exit", 0)])
    link = Link(d, True, ("session_id=%s\nvm-list\n--minimal\n"
                          "name-label=a" % api.session).encode())
    link.greet()
    is_("a session of one's own", link.hear()[-1], ("exit", 0))
    true("is not ended", api.call("session.get_uuid", api.session))
    link = Link(d, True, b"session_id=OpaqueRef:no\nvm-list")
    link.greet()
    heard = link.hear()
    is_("a dead session", (heard[0][0], heard[-1]), ("err", ("exit", 1)))
    true("says that it is", "OpaqueRef:no" in heard[0][1])
    is_("help needs none", Cli(d, True, "", "").run("help")[-1], ("exit", 0))
    for _ in range(60):
        Cli(d, False).out("vm-list", "--minimal")
    true("commands end their sessions: 60 leave this one of 24 alone",
         api.call("session.get_uuid", api.session))


def no_requests(d, tls):
    def closed(what, link, bare=False):
        got = b"" if bare else link.bytes(len(HELLO))
        is_(what, (got, link.at_end()), (b"" if bare else HELLO, True))

    closed("a body with NUL", Link(d, tls, b"vm-list\0"), True)
    closed("a body that is no UTF-8", Link(d, tls, b"vm-list\n\xff\xfe"), True)
    closed("a body of too many lines", Link(d, tls, b"a\n" * 5000), True)
    closed("a body that is too long", Link(d, tls, b"a" * (200 * 1024 + 1)),
           True)
    for what, hello in (
            ("a greeting in HTTP", b"GET / HTTP/1.0\r\n" + b"x" * 40),
            ("another magic", b"X" * 35),
            ("another major version",
             HELLO[:27] + bytes([1, 0, 0, 0, 2, 0, 0, 0])),
            ("more than a greeting", HELLO + b"x")):
        link = Link(d, tls, b"vm-list\nusername=root\npassword=x")
        link.s.sendall(hello)
        closed(what, link)
    link = Link(d, tls, raw=b"POST /cli HTTP/1.0\r\n\r\n")
    is_("no length is no HTTP", link.bytes(4), b"HTTP")
    link = Link(d, tls, Cli(d, tls).body(["vm-list", "name-label=none"]))
    link.greet(HELLO[:31] + bytes([9, 0, 0, 0]))
    is_("another minor version will do", link.hear(), [("exit", 0)])
    whole = Cli(d, tls).body(["vm-list", "name-label=none"])
    link = Link(d, tls, whole + HELLO, head=b"POST /cli HTTP/1.0\r\n"
                b"content-length: %d\r\n\r\n" % len(whole))
    link.greet(None)
    is_("greeting and request in one piece", link.hear(), [("exit", 0)])


def slow_clients(d, tls):
    body = Cli(d, tls).body(["vm-list", "name-label=none"])
    head = b"POST /cli HTTP/1.0\r\ncontent-length: %d\r\n\r\n" % len(body)
    link = Link(d, tls, raw=b"")
    for byte in head + body:
        link.s.sendall(bytes([byte]))
    link.greet(None)
    for byte in HELLO:
        link.s.sendall(bytes([byte]))
    is_("byte by byte", link.hear(), [("exit", 0)])
    link = Link(d, tls, body)
    link.greet(HELLO[:20])
    start = time.monotonic()
    true("half a greeting is closed in the end", link.at_end())
    true("after the time for headers", time.monotonic() - start < 30)


def start_stuck(api, vm):
    """A guest that never does what it is told to."""
    api.call("VM.set_memory_dynamic_range", vm, str(GIB), str(GIB))
    api.call("VM.start", vm, False, False)
    api.call("VM.set_memory_dynamic_range", vm, str(512 * MIB),
             str(512 * MIB))


def waiting(d, api, tls):
    """Commands that wait: bounded in number, ended with their clients."""
    vm = api.call("VM.get_by_name_label", "stuck")[0]
    uuid = api.call("VM.get_uuid", vm)
    body = Cli(d, tls).body(["vm-memory-target-wait", "uuid=" + uuid])
    links = []
    for _ in range(6):
        links.append(Link(d, tls, body))
        links[-1].greet()
    for _ in range(6000):
        waits = [t for t in api.call("task.get_all_records").values()
                 if t["name_label"].endswith("VM.wait_memory_target_live")
                 and t["status"] == "pending"]
        if len(waits) == len(links):
            break
        time.sleep(0.01)
    is_("all of them wait", len(waits), len(links))
    is_("as many may wait as may", Cli(d, tls).run(
        "vm-memory-target-wait", "uuid=" + uuid),
        [("err", BUSY), ("exit", 1)])
    is_("others go on", Cli(d, tls).run("vm-list", "name-label=none"),
        [("exit", 0)])
    for link in links:
        link.s.close()
    api.call("VM.hard_shutdown", vm)
    end = time.monotonic() + 60
    while True:
        heard = Cli(d, tls).run("vm-memory-target-wait", "uuid=" + uuid)
        if heard[0] != ("err", BUSY) or time.monotonic() > end:
            break
    true("clients that have gone make room", "halted" in heard[0][1])
    start_stuck(api, vm)


def crowd(d, tls):
    """Many at once: each is served, or told that it was not."""
    got = []

    def one():
        got.append(Cli(d, tls).run("vm-list", "name-label=none"))

    threads = [threading.Thread(target=one) for _ in range(40)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    is_("forty at once", (len(got), all(
        g in ([("exit", 0)], [("err", BUSY), ("exit", 1)]) for g in got)),
        (40, True))


def many_rows(d, api, tls):
    """An answer of megabytes, taken slowly: its thread is not held up."""
    slow = []
    for _ in range(10):
        slow.append(Link(d, tls, Cli(d, tls).body(["vm-list", "params=all"])))
        slow[-1].greet()  # there is a time for that
    is_("answers that nobody takes hold no thread",
        Cli(d, tls).run("vm-list", "name-label=none"), [("exit", 0)])
    for link in slow:
        heard = link.hear()
        is_("all parameters of all VMs",
            [m for m in heard if m[0] != "out"], [("exit", 0)])
    text = "".join(m[1] for m in heard[:-1])
    is_("of each of them", len(set(re.findall(r"row [0-9]+", text))), 300)
    true("all told", len(text) > MIB // 2)


def ending(d, api):
    """The daemon ends although commands wait."""
    vm = api.call("VM.get_by_name_label", "stuck")[0]
    uuid = api.call("VM.get_uuid", vm)
    links = []
    for tls in (True, False):
        links.append(Link(d, tls, Cli(d, tls).body(
            ["vm-memory-target-wait", "uuid=" + uuid])))
        links[-1].greet()
        true("this one waits", Cli(d, tls).run("help"))
    start = time.monotonic()
    is_("the daemon ends", d.stop(), 0)
    true("soon", time.monotonic() - start < 30)


def set_up(api):
    api.call("VM.create", daemon.vm_record("a", 0, GIB, GIB, 2 * GIB))
    stuck = api.call("VM.create", daemon.vm_record(
        "stuck", 0, GIB, GIB, 2 * GIB, other_config={"sim": "stuck"}))
    start_stuck(api, stuck)


def main():
    with tempfile.NamedTemporaryFile("w", suffix=".ini") as conf:
        conf.write("sessions = 24\nheader_ms = 5000\n")
        conf.flush()
        with daemon.running(extra=["--config", conf.name]) as d:
            api = d.local()
            set_up(api)
            for tls in (True, False):
                print("-- over %s" % ("TLS" if tls else "the Unix socket"))
                bytes_of_all(d, tls)
                commands(d, api, tls)
                failures(d, api, tls)
                no_requests(d, tls)
                slow_clients(d, tls)
                waiting(d, api, tls)
                crowd(d, tls)
            for i in range(300):
                api.call("VM.create", daemon.vm_record(
                    "row %d" % i, 0, GIB, GIB, 2 * GIB))
            many_rows(d, api, True)
            many_rows(d, api, False)
            sessions(d, api)
            api.close()
            ending(d, d.local())
    checks.end()


if __name__ == "__main__":
    main()
