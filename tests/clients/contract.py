#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""How the daemon starts and ends, what it leaves in its folder, and what it
says to bytes that are no call: the contract that other programs rely on.
"""
import os
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import tempfile
import time

import checks
import daemon
from checks import is_, true

CALL = (b"<?xml version='1.0'?><methodCall><methodName>system.listMethods"
        b"</methodName><params></params></methodCall>")


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


def tls_socket(d, timeout=20):
    host, port = d.url[len("https://"):].rsplit(":", 1)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    raw = socket.create_connection((host, int(port)), timeout=timeout)
    return context.wrap_socket(raw, suppress_ragged_eofs=True)


def exchange(d, data, half_close=False):
    """All that comes back until the daemon closes or answers once."""
    s = tls_socket(d)
    try:
        s.sendall(data)
        if half_close:
            s.unwrap().shutdown(socket.SHUT_WR)
        reply = b""
        while b"\r\n\r\n" not in reply:
            more = s.recv(65536)
            if not more:
                return reply
            reply += more
        return reply
    except (ConnectionError, ssl.SSLError, OSError):
        return b""
    finally:
        s.close()


def status(reply):
    return int(reply.split()[1]) if reply.startswith(b"HTTP/") else 0


def post(body, headers=(), version=b"1.1", path=b"/"):
    lines = [b"POST " + path + b" HTTP/" + version, b"Host: x",
             b"Content-Length: %d" % len(body)] + list(headers)
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def refused(argv):
    """Runs a daemon that must not start; (status, what it said)."""
    r = subprocess.run([daemon.DAEMON] + argv, capture_output=True,
                       text=True, timeout=60)
    return r.returncode, r.stderr


def first_start(d):
    state = d.state
    is_("folder is private", mode(state), 0o700)
    is_("socket is 0600", mode(state + "/socket"), 0o600)
    is_("initial password is 0600", mode(state + "/initial-password"), 0o600)
    true("password is long", len(d.password()) >= 12)
    true("password was not logged", d.password() not in d.log_text())
    for name in os.listdir(state):
        if name.endswith(".key"):
            is_("%s is 0600" % name, mode(state + "/" + name), 0o600)
    s = tls_socket(d)
    true("TLS 1.3", s.version() == "TLSv1.3")
    s.close()


def health(d):
    reply = exchange(d, b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    is_("healthz over TLS", status(reply), 200)
    u = socket.socket(socket.AF_UNIX)
    u.connect(d.state + "/socket")
    u.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
    is_("healthz on the Unix socket", status(u.recv(65536)), 200)
    u.close()


def routes(d):
    for path in (b"/", b"/RPC2", b"/xmlrpc", b"/any/thing"):
        reply = exchange(d, post(CALL, path=path))
        is_("POST %s" % path.decode(), status(reply), 200)
    head = reply.split(b"\r\n\r\n")[0].lower().split(b"\r\n")
    true("content type without charset", b"content-type: text/xml" in head)
    true("no caching", b"cache-control: no-cache, no-store" in head)
    true("CORS origin", b"access-control-allow-origin: *" in head)
    true("CORS headers",
         b"access-control-allow-headers: x-requested-with" in head)
    true("keep-alive is said", b"connection: keep-alive" in head)
    reply = exchange(d, b"OPTIONS / HTTP/1.1\r\nHost: x\r\n"
                     b"Access-Control-Request-Headers: content-type\r\n\r\n")
    is_("OPTIONS", status(reply), 200)
    true("OPTIONS allows PUT",
         b"access-control-allow-methods: put" in reply.lower())
    reply = exchange(d, post(CALL, version=b"1.0"))
    true("HTTP/1.0 is answered as 1.0", reply.startswith(b"HTTP/1.0 200"))


def bad_http(d):
    n = b"Content-Length: %d" % len(CALL)
    cases = (
        ("no Content-Length", b"POST / HTTP/1.1\r\nHost: x\r\n\r\n",
         (400, 411)),
        ("two Content-Lengths", post(CALL, [b"Content-Length: 3"]), (400,)),
        ("the same Content-Length twice", post(CALL, [n]), (400,)),
        ("chunked", b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: "
         b"chunked\r\n\r\n0\r\n\r\n", (400, 411, 501)),
        ("a negative length", b"POST / HTTP/1.1\r\nHost: x\r\n"
         b"Content-Length: -1\r\n\r\n", (400,)),
        ("a length of 10^30", b"POST / HTTP/1.1\r\nHost: x\r\n"
         b"Content-Length: 1" + b"0" * 30 + b"\r\n\r\n", (400, 413)),
        ("a body of 10 MB", b"POST / HTTP/1.1\r\nHost: x\r\n"
         b"Content-Length: 10000000\r\n\r\n", (413,)),
        ("a header flood", b"POST / HTTP/1.1\r\n" + b"".join(
            b"X-%d: %s\r\n" % (i, b"a" * 100) for i in range(5000)),
         (400, 431, 0)),
        ("one endless header", b"POST / HTTP/1.1\r\nX: " + b"a" * 1000000,
         (400, 431, 0)),
        ("garbage", b"\x00\xff\x13\x37 nonsense\r\n\r\n", (400, 0)),
        ("GET of nothing", b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n",
         (404,)),
        ("PUT", b"PUT / HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
         (404, 405)),
    )
    for what, data, want in cases:
        got = status(exchange(d, data))
        true("%s -> %d" % (what, got), got in want)
    is_("half-closed in the middle", status(exchange(
        d, post(CALL)[:60], half_close=True)) in (0, 400, 408), True)


def bad_xml(d):
    deep = b"<value><array><data>" * 10000
    bomb = (b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY a 'aaaaaaaaaa'>"
            b"<!ENTITY b '&a;&a;&a;&a;&a;&a;&a;&a;'>]><methodCall>"
            b"<methodName>&b;</methodName></methodCall>")
    wrap = (b"<methodCall><methodName>session.login_with_password"
            b"</methodName><params><param>%s</param></params></methodCall>")
    cases = (
        ("truncated", CALL[:-20]),
        ("empty", b""),
        ("not UTF-8", CALL.replace(b"system", b"sys\xff\xfe")),
        ("UTF-16", CALL.decode().encode("utf-16")),
        ("another encoding", CALL.replace(
            b"'1.0'", b"'1.0' encoding='ISO-8859-1'")),
        ("an entity bomb", bomb),
        ("an external entity", b"<!DOCTYPE a SYSTEM 'file:///etc/passwd'>"
         + CALL[21:]),
        ("depth 10,000", wrap % deep),
        ("<i8>abc</i8>", wrap % b"<value><i8>abc</i8></value>"),
        ("an int beyond 64 bit",
         wrap % b"<value><i8>99999999999999999999</i8></value>"),
        ("no methodName", b"<methodCall></methodCall>"),
        ("another document", b"<html><body>hello</body></html>"),
        ("members without end", wrap % (
            b"<value><struct>" + b"<member><name>a</name><value/></member>"
            * 7000 + b"</struct></value>")),
    )
    for what, body in cases:
        reply = exchange(d, post(body))
        ok = status(reply) in (400, 413) or (status(reply) == 200 and (
            b"faultCode" in reply or b"Failure" in reply))
        true("%s -> %d" % (what, status(reply)), ok)


def many(d):
    """What comes in small pieces, pipelined, or not at all."""
    s = tls_socket(d)
    for i in range(0, len(post(CALL)), 37):
        s.sendall(post(CALL)[i:i + 37])
    true("in small pieces", s.recv(65536).startswith(b"HTTP/1.1 200"))
    s.close()
    s = tls_socket(d)
    s.sendall(post(CALL) * 3)
    seen = b""
    while seen.count(b"HTTP/1.1 200") < 3:
        more = s.recv(65536)
        assert more, "pipelined: closed early"
        seen += more
    true("three pipelined calls are answered", True)
    s.close()
    idle = [tls_socket(d) for _ in range(50)]
    true("idle connections are held", all(s.fileno() > 0 for s in idle))
    api = d.local()
    true("and calls still answered", api.call("VM.get_all") is not None)
    api.close()
    for s in idle:
        s.close()


def second_daemon(d):
    rc, text = refused(["--state", d.state, "--listen", "127.0.0.1:0",
                        "--backend", "sim"])
    true("a second daemon on the folder is refused (%s)" % text.strip(),
         rc == 1 and d.state in text)
    other = tempfile.mkdtemp(prefix="xenapi-memory-")
    port = d.url.rsplit(":", 1)[1]
    rc, text = refused(["--state", other, "--listen", "127.0.0.1:" + port,
                        "--backend", "sim"])
    true("a second daemon on the port is refused (%s)" % text.strip()[-80:],
         rc == 1 and port in text)
    shutil.rmtree(other)


def password_change(d):
    api = d.https()
    old = d.password()
    assert api.call("session.change_password", old, "correct horse 9") == ""
    true("initial-password is gone",
         not os.path.exists(d.state + "/initial-password"))
    api = d.https(password="correct horse 9")
    true("the new password works", api.call("pool.get_all"))
    try:
        d.https(password=old)
    except daemon.ApiError as e:
        is_("the old one does not", e.args[0],
            "SESSION_AUTHENTICATION_FAILED")
    else:
        raise AssertionError("the old password still works")


def reload(d):
    before = tls_socket(d)
    d.process.send_signal(signal.SIGHUP)
    before.sendall(post(CALL))
    true("SIGHUP drops no connection",
         before.recv(65536).startswith(b"HTTP/1.1 200"))
    before.close()


def usage():
    for argv in ([], ["--state"], ["--nonsense"],
                 ["--state", "/tmp/x", "--listen", "nowhere"],
                 ["--state", "/tmp/x", "--listen", "127.0.0.1:0",
                  "--backend", "other"]):
        rc, text = refused(argv)
        true("usage %r: %s" % (argv, text.strip()[:60]),
             rc == 78 and text)
    rc, text = refused(["--state", tempfile.mkdtemp(), "--listen",
                        "127.0.0.1:0", "--backend", "sim", "--sim",
                        "/nonexistent.ini"])
    true("a missing sim file is named", rc == 78 and
         "/nonexistent.ini" in text)


def files_of(state):
    found = {}
    for name in sorted(os.listdir(state)):
        path = os.path.join(state, name)
        if name.startswith("memory.db") or name.endswith((".db", "-wal")):
            with open(path, "rb") as f:
                found[name] = f.read()
    return found


def database(state):
    return [os.path.join(state, n) for n in os.listdir(state)
            if n.endswith(".db")][0]


def damaged():
    state = tempfile.mkdtemp(prefix="xenapi-memory-")
    with daemon.Daemon(state=state) as d:
        api = d.local()
        vm = api.call("VM.create", daemon.vm_record("keep", 0, 1, 2, 3))
        api.close()
    argv = ["--state", state, "--listen", "127.0.0.1:0", "--backend", "sim"]
    path = database(state)
    good = open(path, "rb").read()
    bad = bytearray(good)
    for page in range(4096, len(good), 4096):
        bad[page:page + 64] = b"\xa5" * 64  # every page but the first
    with open(path, "wb") as f:
        f.write(bad)
    before = files_of(state)
    rc, text = refused(argv)
    true("a damaged database is refused (%s)" % text.strip()[-120:],
         rc == 1 and path in text)
    is_("and left untouched", files_of(state), before)
    with open(path, "wb") as f:
        f.write(good)
    db = sqlite3.connect(path)
    version = db.execute("pragma user_version").fetchone()[0]
    db.execute("pragma user_version = %d" % (version + 1))
    db.commit()
    db.close()
    before = files_of(state)
    rc, text = refused(argv)
    true("a newer database is refused (%s)" % text.strip()[-120:], rc == 1)
    is_("and left untouched", files_of(state), before)
    with open(path, "wb") as f:
        f.write(good)
    for extra in ("-wal", "-shm"):
        if os.path.exists(path + extra):
            os.unlink(path + extra)
    with daemon.Daemon(state=state) as d:
        api = d.local()
        is_("the good one opens again",
            api.call("VM.get_name_label", vm), "keep")
        api.close()
    shutil.rmtree(state)


def terminate():
    state = tempfile.mkdtemp(prefix="xenapi-memory-")
    d = daemon.Daemon(state=state).start()
    api = d.local()
    api.call("VM.get_all")
    begin = time.monotonic()
    is_("SIGTERM: exit status", d.stop(), 0)
    print("    SIGTERM took %.2f s" % (time.monotonic() - begin))
    is_("the hypervisor process ended too",
        daemon_of_world_alive(state), False)
    d.log.close()
    shutil.rmtree(state)


def daemon_of_world_alive(state):
    u = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    try:
        u.connect(state + "/hv.sock")
    except OSError:
        return False
    finally:
        u.close()
    return True


def main():
    with daemon.running() as d:
        first_start(d)
        health(d)
        routes(d)
        bad_http(d)
        bad_xml(d)
        many(d)
        second_daemon(d)
        reload(d)
        password_change(d)
        api = d.local()
        true("still alive after all that", api.call("VM.get_all"))
        api.close()
    usage()
    damaged()
    terminate()
    checks.end()


if __name__ == "__main__":
    main()
