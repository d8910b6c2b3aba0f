#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""JSON-RPC over HTTPS as clients see it: envelopes byte for byte in both
versions, types on the wire, what is no call, and the same answers as XML-RPC.

(Not called json.py: it would stand in for Python's own module.)
"""
import http.client
import json
import re
import socket
import ssl

import checks
import daemon
from checks import is_, true

MIB = 1 << 20
GIB = 1 << 30
NULL = "OpaqueRef:NULL"


class Wire:
    """POSTs bodies over one kept TLS connection."""

    def __init__(self, d):
        host, port = d.url[len("https://"):].rsplit(":", 1)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self.http = http.client.HTTPSConnection(
            host, int(port), timeout=60, context=context)
        self.headers = {}

    def post(self, body, path="/jsonrpc",
             content_type="application/json"):
        """(status, body); the reply's headers are in self.headers."""
        data = body if isinstance(body, bytes) else body.encode()
        self.http.request("POST", path, data, {
            "Content-Type": content_type, "Accept": "application/json"})
        reply = self.http.getresponse()
        self.headers = {k.lower(): v for k, v in reply.getheaders()}
        return reply.status, reply.read()

    def v1(self, method, *params, id=1):
        status, body = self.post(json.dumps(
            {"method": method, "params": params, "id": id}))
        assert status == 200, (status, body)
        return body

    def v2(self, method, *params, id=0):
        status, body = self.post(json.dumps(
            {"jsonrpc": "2.0", "method": method, "params": params,
             "id": id}))
        assert status == 200, (status, body)
        return body

    def call(self, method, *params):
        reply = json.loads(self.v2(method, *params))
        if "error" in reply:
            raise daemon.ApiError(reply["error"]["message"],
                                  *reply["error"]["data"])
        return reply["result"]

    def error(self, method, *params):
        try:
            value = self.call(method, *params)
        except daemon.ApiError as e:
            return list(e.args)
        raise AssertionError("%s%r: %r" % (method, params, value))


def headers(w):
    """Content type without charset, and the rest of clients' needs."""
    w.v2("system.listMethods")
    h = w.headers
    is_("content type is exact", h["content-type"], "application/json")
    is_("no caching", h["cache-control"], "no-cache, no-store")
    is_("CORS origin", h["access-control-allow-origin"], "*")
    is_("CORS headers", h["access-control-allow-headers"],
        "X-Requested-With")
    is_("kept alive", h["connection"], "keep-alive")
    true("length", int(h["content-length"]) > 1000)
    w.v1("VM.get_all", "none")
    is_("a failure has it too", w.headers["content-type"],
        "application/json")


def routes(w):
    body = '{"method":"pool.get_all","params":["x"],"id":1}'
    want = (b'{"result":null,"error":["SESSION_INVALID","x"],"id":1}')
    for path in ("/jsonrpc", "/json", "/jsonrpc/", "/json?a=b"):
        is_("POST %s" % path, w.post(body, path), (200, want))
    is_("whatever the request's content type is",
        w.post(body, content_type="text/plain"), (200, want))
    is_("as the Go client says it",
        w.post(body, content_type="application/json; charset=utf-8"),
        (200, want))
    for path in ("/", "/RPC2", "/xmlrpc"):
        status, reply = w.post(body, path)
        true("POST %s is XML-RPC" % path, status == 200 and
             w.headers["content-type"] == "text/xml" and
             b"faultCode" in reply)
    for path in ("/json", "/jsonrpc"):
        w.http.request("OPTIONS", path, headers={
            "Access-Control-Request-Headers": "content-type"})
        reply = w.http.getresponse()
        is_("OPTIONS %s" % path, (reply.status, reply.read()), (200, b""))


def login(w, d):
    s = w.call("session.login_with_password", "root", d.password())
    true("login with 2 parameters", s.startswith("OpaqueRef:"))
    for more in (("1.0",), ("1.0", "test")):
        other = w.call("session.login_with_password", "root",
                       d.password(), *more)
        is_("and %d, logout" % (2 + len(more)),
            w.call("session.logout", other), "")
    is_("a wrong password",
        w.error("session.login_with_password", "root", "no")[0],
        "SESSION_AUTHENTICATION_FAILED")
    return s


def envelopes(w, s, vm):
    get = "VM.get_memory_static_max"
    is_("1.0: success", w.v1(get, s, vm),
        b'{"result":%d,"error":null,"id":1}' % (2 * GIB))
    is_("2.0: success", w.v2(get, s, vm),
        b'{"jsonrpc":"2.0","result":%d,"id":0}' % (2 * GIB))
    is_("1.0: failure", w.v1(get, s, NULL),
        b'{"result":null,"error":["HANDLE_INVALID","VM",'
        b'"OpaqueRef:NULL"],"id":1}')
    is_("2.0: failure", w.v2(get, s, NULL),
        b'{"jsonrpc":"2.0","error":{"code":1,"message":"HANDLE_INVALID",'
        b'"data":["VM","OpaqueRef:NULL"]},"id":0}')
    order = ("VM.set_memory_static_range", s, vm, 3, 2)
    is_("1.0: a failure without parameters", w.v1(*order),
        b'{"result":null,"error":["MEMORY_CONSTRAINT_VIOLATION_ORDER"],'
        b'"id":1}')
    is_("2.0: a failure without parameters", w.v2(*order),
        b'{"jsonrpc":"2.0","error":{"code":1,'
        b'"message":"MEMORY_CONSTRAINT_VIOLATION_ORDER","data":[]},"id":0}')
    is_("void is an empty string", w.v2("VM.set_name_label", s, vm, "a"),
        b'{"jsonrpc":"2.0","result":"","id":0}')
    for id in (0, -1, 2 ** 63 - 1, "", "abc", "\u20ac\"\\\n"):
        reply = json.loads(w.v2(get, s, vm, id=id))
        true("id %r comes back" % (id,), reply["id"] == id and
             type(reply["id"]) is type(id))
    is_("versions change on one connection", w.v1("VM_get_name_label", s, vm),
        b'{"result":"a","error":null,"id":1}')


def params(w):
    head = '{"jsonrpc":"2.0","method":"system.listMethods","id":1'
    for what, rest in (("no params", "}"), ("null", ',"params":null}'),
                       ("an empty array", ',"params":[]}')):
        status, body = w.post(head + rest)
        methods = json.loads(body)["result"]
        true("2.0: %s" % what, status == 200 and "VM.get_all" in methods)
    true("listMethods is a normal result",
         w.v1("system.listMethods").startswith(b'{"result":["'))
    status, body = w.post(
        '{"jsonrpc":"2.0","method":"pool.get_all","id":1,'
        '"params":{"session":"x"}}')
    is_("2.0: an object is one parameter", (status, body), (
        200, b'{"jsonrpc":"2.0","error":{"code":1,"message":'
        b'"SESSION_INVALID","data":[""]},"id":1}'))


def malformed(w, d, vm):
    def case(what, body):
        try:
            status, reply = w.post(body)
        except (ConnectionError, ssl.SSLError, http.client.HTTPException):
            w.http.close()  # the last refusal ended the connection
            status, reply = w.post(body)
        is_("%s -> 400: %s" % (what, reply.decode().strip()), status, 400)
        true("    one short line", re.fullmatch(
            rb"line \d+: [^\n]{1,150}\n?", reply))
        is_("    as text", w.headers["content-type"].split(";")[0],
            "text/plain")
        w.http.close()

    m = '{"method":"pool.get_all",%s}'
    for what, rest in (
            ("no id", '"params":[]'), ("a null id", '"params":[],"id":null'),
            ("a float id", '"params":[],"id":1.5'),
            ("a bool id", '"params":[],"id":true'),
            ("an object id", '"params":[],"id":{}'),
            ("1.0 without params", '"id":1'),
            ("1.0 with null", '"params":null,"id":1'),
            ("1.0 with an object", '"params":{},"id":1'),
            ("2.0 with text", '"jsonrpc":"2.0","params":"a","id":1'),
            ("2.0 with a number", '"jsonrpc":"2.0","params":1,"id":1'),
            ("version 1.0 spelled out",
             '"jsonrpc":"1.0","params":[],"id":1'),
            ("version 2", '"jsonrpc":2.0,"params":[],"id":1'),
            ("version null", '"jsonrpc":null,"params":[],"id":1'),
            ("two methods", '"method":"a","params":[],"id":1')):
        case(what, m % rest)
    case("no method", '{"params":[],"id":1}')
    case("a method that is a number", '{"method":1,"params":[],"id":1}')
    case("a batch", '[{"method":"pool.get_all","params":["x"],"id":1}]')
    p = '{"method":"a","params":[%s],"id":1}'
    for what, text in (
            ("[1,]", "[1,]"), ("{\"a\":1,}", '{"a":1,}'), ("NaN", "NaN"),
            ("Infinity", "Infinity"), ("1e999", "1e999"),
            ("an int beyond 64 bit", "9223372036854775808"),
            ("01", "01"), ("'a'", "'a'"), ("a comment", "1/**/"),
            ("a lone surrogate", '"\\ud83d"'),
            ("the other surrogate", '"\\ude00"'),
            ("an escaped NUL", '"\\u0000"'),
            ("equal keys", '{"a":1,"a":1}'),
            ("a tab in text", '"a\tb"'), ("a newline in text", '"a\nb"'),
            ("a control character", '"\x01"'),
            ("depth 70", "[" * 70 + "]" * 70),
            ("depth 100,000", "[" * 100000),
            ("100,000 objects", "{}," * 99999 + "{}")):
        case(what, p % text)
    case("broken UTF-8", b'{"method":"\xff","params":[],"id":1}')
    case("UTF-16", (p % "1").encode("utf-16"))
    case("a byte order mark", b"\xef\xbb\xbf" + (p % "1").encode())
    case("cut short", '{"method":"a","par')
    case("nothing", "")
    case("XML", "<methodCall><methodName>a</methodName></methodCall>")
    case("two requests", p % "1" + p % "1")
    case("markup is not handed back", "<script>alert(1)</script>")
    true("    nor named", b"script" not in w.post("<script>x")[1])
    w.http.close()
    is_("and the next call is answered", w.post(
        '{"method":"session.get_uuid","params":[],"id":1}')[0], 200)


def memory_kb(d):
    with open("/proc/%d/status" % d.process.pid) as f:
        return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))


def sanitized(d):
    with open("/proc/%d/maps" % d.process.pid) as f:
        return re.search(r"lib[at]san", f.read())


def no_growth(w, d):
    """Refusing must not cost memory: the same bodies many times."""
    bodies = [
        "[" * 200000,
        '{"method":"a","params":[' + "{}," * 15000 + '{}],"id":1}',
        '{"method":"a","params":[' + "{\"a\":1,\"a\":1}," * 9000 + ']}',
        '{"method":"a","params":["' + "a" * 290000 + '"],"id":1}',
        '{"method":"' + "a" * 290000 + '","params":["x"],"id":"b"}',
    ]

    def once():
        for body in bodies:
            try:
                w.post(body)
            except (ConnectionError, ssl.SSLError,
                    http.client.HTTPException):
                pass
            w.http.close()

    if sanitized(d):
        print("--  growth: freed memory is kept by the sanitizer")
        return
    grown = []
    while not grown or (grown[-1] > 64 and len(grown) < 10):
        before = memory_kb(d)
        for _ in range(60):
            once()
        grown.append(memory_kb(d) - before)
    true("bad bodies, 300 at a time, grow the daemon by %s KiB" %
         ", ".join(map(str, grown)), grown[-1] <= 64)


def types(w, s, vm):
    def fails(what, want, method, *params):
        is_(what, w.error(method, s, vm, *params), want)

    top = "memory_static_max"
    w.call("VM.set_memory_static_range", s, vm, 0, (1 << 53) + MIB)
    is_("ints beyond a double", w.v1("VM.get_" + top, s, vm),
        b'{"result":%d,"error":null,"id":1}' % ((1 << 53) + MIB))
    w.call("VM.set_memory_limits", s, vm, "0", str(2 * GIB), GIB, str(GIB))
    is_("ints as text and as numbers",
        [w.call("VM.get_memory_" + f, s, vm) for f in (
            "static_min", "static_max", "dynamic_min", "dynamic_max")],
        [0, 2 * GIB, GIB, GIB])
    for bad in (1.0, 1e3, True, None, [], {}, "", "m", "1.0", "0x1",
                str(1 << 63), "memory_static_min"):
        fails("%r is no int" % (bad,), ["FIELD_TYPE_ERROR", "value"],
              "VM.set_memory", bad)
    fails("XO Lite's wrong call", ["FIELD_TYPE_ERROR", "static_min"],
          "VM.set_memory_limits", "memory_static_min", "m", "m", "m")
    fails("negative memory", ["INVALID_VALUE", "memory_dynamic_min", "-1"],
          "VM.set_memory", -1)
    for good, text in ((2, b"2.0"), (1.25, b"1.25"), ("1.5", b"1.5"),
                       (1.1, b"1.1")):
        w.call("VM.set_HVM_shadow_multiplier", s, vm, good)
        is_("float %r" % (good,),
            w.v2("VM.get_HVM_shadow_multiplier", s, vm),
            b'{"jsonrpc":"2.0","result":%s,"id":0}' % text)
    for bad in ("NaN", "inf", "1e999", "x", True, None, [1]):
        fails("%r is no float" % (bad,), ["FIELD_TYPE_ERROR", "value"],
              "VM.set_HVM_shadow_multiplier", bad)
    is_("false", w.v2("VM.get_is_a_template", s, vm),
        b'{"jsonrpc":"2.0","result":false,"id":0}')
    w.call("VM.set_is_a_template", s, vm, True)
    is_("true", w.v2("VM.get_is_a_template", s, vm),
        b'{"jsonrpc":"2.0","result":true,"id":0}')
    w.call("VM.set_is_a_template", s, vm, False)
    for bad in (0, 1, "true", "1", None):
        fails("%r is no bool" % (bad,), ["FIELD_TYPE_ERROR", "value"],
              "VM.set_is_a_template", bad)
    for text in ("", "a\"b\\c/\b\f\n\r\t", "\x01\x1f\x7f", "\u00e9\u20ac",
                 "\U0001f600", "<&>", "\u2028"):
        w.call("VM.set_name_label", s, vm, text)
        is_("text %r" % text, w.call("VM.get_name_label", s, vm), text)
    for bad in (1, True, None, [], {}):
        fails("%r is no text" % (bad,), ["FIELD_TYPE_ERROR", "value"],
              "VM.set_name_label", bad)
    w.call("VM.set_other_config", s, vm, {"a": "b", "": "\""})
    is_("a map", w.call("VM.get_other_config", s, vm),
        {"a": "b", "": "\""})
    w.call("VM.set_other_config", s, vm, {})
    is_("an empty map", w.v2("VM.get_other_config", s, vm),
        b'{"jsonrpc":"2.0","result":{},"id":0}')
    fails("a map of numbers", ["FIELD_TYPE_ERROR", "value"],
          "VM.set_other_config", {"a": 1})
    w.call("VM.set_tags", s, vm, ["x", "y"])
    is_("a set", sorted(w.call("VM.get_tags", s, vm)), ["x", "y"])
    w.call("VM.set_tags", s, vm, [])
    is_("an empty set", w.v2("VM.get_tags", s, vm),
        b'{"jsonrpc":"2.0","result":[],"id":0}')
    is_("the null ref as empty text", w.call(
        "VM.set_affinity", s, vm, ""), "")
    is_("and as it is shown", w.call("VM.get_affinity", s, vm), NULL)
    is_("an enum", w.call("VM.get_power_state", s, vm), "Halted")
    host = w.call("host.get_all", s)[0]
    true("a datetime", re.fullmatch(
        r"\d{8}T\d\d:\d\d:\d\dZ", w.call(
            "host_metrics.get_last_updated", s,
            w.call("host.get_metrics", s, host))))


def failures(w, s, vm):
    is_("an unknown message", w.error("VM.no_such", s, vm),
        ["MESSAGE_METHOD_UNKNOWN", "VM.no_such"])
    is_("a dead session", w.error("VM.get_all", NULL),
        ["SESSION_INVALID", NULL])
    is_("no session", w.error("VM.get_all"), ["SESSION_INVALID", ""])
    is_("a missing parameter", w.error("VM.set_memory", s, vm),
        ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.set_memory", "2", "1"])
    is_("a surplus parameter", w.error("VM.set_memory", s, vm, 1, 2),
        ["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.set_memory", "2", "3"])
    is_("a ref of nothing", w.error("VM.get_uuid", s, "x"),
        ["HANDLE_INVALID", "VM", "x"])
    is_("a uuid of nothing", w.error("VM.get_by_uuid", s, "x"),
        ["UUID_INVALID", "VM", "x"])
    record = daemon.vm_record("b", 0, 1, 2, 3)
    del record["memory_static_max"]
    is_("a record without a member", w.error("VM.create", s, record),
        ["FIELD_TYPE_ERROR", "memory_static_max"])
    record = daemon.vm_record("b", 0, 3, 2, 3)
    is_("limits in the wrong order", w.error("VM.create", s, record),
        ["MEMORY_CONSTRAINT_VIOLATION_ORDER"])


def plain(value):
    """An XML-RPC value as JSON-RPC has it, ints still as text."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, list):
        return [plain(v) for v in value]
    if isinstance(value, bool) or isinstance(value, float):
        return value
    return str(value)


def text_ints(value):
    if isinstance(value, dict):
        return {k: text_ints(v) for k, v in value.items()}
    if isinstance(value, list):
        return [text_ints(v) for v in value]
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value


def same_as_xml(w, s, d, vm):
    """The same dispatch, the same values: whole classes, records."""
    api = d.https()
    for cls in ("VM", "host", "pool", "VM_metrics", "host_metrics"):
        is_("%s.get_all" % cls, sorted(w.call(cls + ".get_all", s)),
            sorted(api.call(cls + ".get_all")))
        ours = text_ints(w.call(cls + ".get_all_records", s))
        theirs = plain(api.call(cls + ".get_all_records"))
        for records in (ours, theirs):  # what moves by itself
            for r in records.values():
                r.pop("last_updated", None)
        is_("%s.get_all_records" % cls, ours, theirs)
    is_("a record has its members in the IDL's order",
        list(w.call("VM.get_record", s, vm))[:2],
        ["uuid", "allowed_operations"])
    api.close()


def many(w, s):
    """A class of many records: in pieces, each a member."""
    refs = [w.call("VM.create", s, daemon.vm_record(
        "many \"%d\"" % i, 0, 1, 2, 3)) for i in range(300)]
    records = w.call("VM.get_all_records", s)
    true("300 more records", all(
        records[r]["name_label"] == "many \"%d\"" % i
        for i, r in enumerate(refs)))
    is_("their length was told", len(w.v1("VM.get_all_records", s)),
        int(w.headers["content-length"]))
    for r in refs:
        w.call("VM.destroy", s, r)


def unix_socket(d):
    u = socket.socket(socket.AF_UNIX)
    u.connect(d.state + "/socket")
    body = b'{"method":"pool.get_all","params":["x"],"id":1}'
    u.sendall(b"POST /jsonrpc HTTP/1.0\r\nContent-Length: %d\r\n\r\n%s"
              % (len(body), body))
    reply = b""
    while True:
        more = u.recv(65536)
        if not more:
            break
        reply += more
    u.close()
    true("on the Unix socket, HTTP/1.0", reply.startswith(b"HTTP/1.0 200")
         and reply.endswith(b'["SESSION_INVALID","x"],"id":1}'))


def main():
    with daemon.running() as d:
        w = Wire(d)
        headers(w)
        routes(w)
        s = login(w, d)
        vm = w.call("VM.create", s, daemon.vm_record(
            "json", 0, GIB, GIB, 2 * GIB))
        envelopes(w, s, vm)
        params(w)
        types(w, s, vm)
        failures(w, s, vm)
        same_as_xml(w, s, d, vm)
        many(w, s)
        malformed(w, d, vm)
        no_growth(w, d)
        unix_socket(d)
        is_("after all that", w.call("VM.get_uuid", s, vm) != "", True)
        w.http.close()
    checks.end()


if __name__ == "__main__":
    main()
