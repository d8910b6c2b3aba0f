#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The wire rules of XenAPI servers, row by row, as curl sees them: routes,
headers, HTTP/1.0 and 1.1, OPTIONS, and both protocols byte for byte.

Every request is a run of curl, which knows nothing of either protocol.
"""
import json
import re
import subprocess

import checks
import daemon
from checks import is_

GIB = 1 << 30
KIB = 1 << 10
NULL = "OpaqueRef:NULL"
RPC_BODY_BYTES = 300 * KIB
HEAD = '<?xml version="1.0"?><methodResponse><params><param>'
TAIL = "</param></params></methodResponse>"


def match(what, got, pattern):
    is_(what, re.fullmatch(pattern, got, re.S) is not None or got, True)


class Reply:
    """What curl -i printed."""

    def __init__(self, data):
        head, _, self.body = data.partition(b"\r\n\r\n")
        while head.startswith(b"HTTP/1.1 100"):
            head, _, self.body = self.body.partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        self.version, status = lines[0].split()[:2]
        self.status = int(status)
        self.headers = {}
        for line in lines[1:]:
            name, value = line.split(":", 1)
            assert name.lower() not in self.headers, "twice: " + name
            self.headers[name.lower()] = value.strip()

    def text(self):
        return self.body.decode()


class Curl:
    """curl against one daemon, with a session."""

    def __init__(self, d):
        self.url = d.url
        self.session = None

    def run(self, path, *options, body=None):
        argv = ["curl", "-s", "-k", "-i", "--max-time", "60", *options]
        if body is not None:
            argv += ["--data-binary", "@-"]
            if isinstance(body, str):
                body = body.encode()
        done = subprocess.run(argv + [self.url + path], input=body,
                              capture_output=True)
        assert done.stdout, "curl: exit status %d" % done.returncode
        return Reply(done.stdout)

    def xml(self, method, *values, path="/", options=()):
        """The body that answers a call; values are <value>s as they are."""
        body = ("<?xml version='1.0'?><methodCall><methodName>%s"
                "</methodName><params>%s</params></methodCall>" % (
                    method, "".join("<param>%s</param>" % v
                                    for v in values)))
        return self.run(path, "-H", "Content-Type: text/xml", *options,
                        body=body)

    def json(self, method, *params, **envelope):
        body = {"jsonrpc": "2.0", "method": method, "params": params,
                "id": 7}
        body.update(envelope)
        return self.run("/jsonrpc", "-H", "Content-Type: application/json",
                        body=json.dumps({k: v for k, v in body.items()
                                         if v is not ...}))

    def get(self, method, *refs):
        """The <value> of a successful call with the session."""
        reply = self.xml(method, text(self.session), *map(text, refs))
        return inner(reply.text())

    def error(self, method, *values, session=True):
        """The ErrorDescription of a call, and that its HTTP status is 200."""
        head = (text(self.session),) if session else ()
        reply = self.xml(method, *head, *values)
        assert reply.status == 200, reply.status
        found = re.fullmatch(
            re.escape(HEAD + "<value><struct><member><name>Status</name>"
                      "<value>Failure</value></member><member><name>"
                      "ErrorDescription</name><value><array><data>") +
            "(.*)" + re.escape("</data></array></value></member></struct>"
                               "</value>" + TAIL), reply.text())
        assert found, reply.text()
        return re.findall("<value>(.*?)</value>", found[1])


def text(s):
    return "<value>%s</value>" % s


def success(value):
    return (HEAD + "<value><struct><member><name>Status</name><value>Success"
            "</value></member><member><name>Value</name>" + value +
            "</member></struct></value>" + TAIL)


def inner(body):
    found = re.fullmatch(re.escape(success("@@")).replace("@@", "(.*)"),
                         body, re.S)
    assert found, body
    return found[1]


def login(c, d):
    reply = c.json("session.login_with_password", "root", d.password())
    c.session = json.loads(reply.body)["result"]
    c.vm = re.sub("<.*?>", "", inner(c.xml(
        "VM.create", text(c.session), record("curl", 2 * GIB)).text()))


def record(name, limit):
    members = daemon.vm_record(name, 0, 0, 0, limit)

    def value(v):
        if isinstance(v, bool):
            return "<value><boolean>%d</boolean></value>" % v
        if isinstance(v, dict):
            return "<value><struct></struct></value>"
        return text(v)

    return "<value><struct>%s</struct></value>" % "".join(
        "<member><name>%s</name>%s</member>" % (k, value(v))
        for k, v in members.items())


def routes(c):
    for path in ("/", "/RPC2", "/xmlrpc", "/anything", "/RPC2/more", "/?a=b"):
        reply = c.xml("VM.get_uuid", text("x"), text("y"), path=path)
        match("POST %s is XML-RPC" % path, reply.text(),
              r".*SESSION_INVALID.*")
        is_("    its type", reply.headers["content-type"], "text/xml")
    call = '{"method":"VM.get_uuid","params":["x","y"],"id":1}'
    for path in ("/jsonrpc", "/json"):
        reply = c.run(path, body=call)
        is_("POST %s is JSON-RPC" % path, reply.text(),
            '{"result":null,"error":["SESSION_INVALID","x"],"id":1}')
        is_("    its type", reply.headers["content-type"],
            "application/json")
    for path in ("/", "/json", "/jsonrpc"):
        for asked, want in (("", "X-Requested-With"), (
                "content-type, x-a", "content-type, x-a, X-Requested-With")):
            more = ("-H", "Access-Control-Request-Headers: " + asked)
            reply = c.run(path, "-X", "OPTIONS", *(more if asked else ()))
            is_("OPTIONS %s %s" % (path, asked), (
                reply.status, reply.body,
                reply.headers["access-control-allow-origin"],
                reply.headers["access-control-allow-headers"],
                reply.headers["access-control-allow-methods"],
                reply.headers["content-length"]),
                (200, b"", "*", want, "PUT", "0"))


def lengths(c):
    call = ("<methodCall><methodName>system.listMethods</methodName><params/>"
            "</methodCall>")
    is_("no chunked bodies", c.run("/", "-H", "Transfer-Encoding: chunked",
                                   body=call).status in (400, 411, 501),
        True)
    is_("no body without its length", c.run(
        "/", "-X", "POST", "-H", "Content-Length:").status in (400, 411),
        True)
    full = call + " " * (RPC_BODY_BYTES - len(call))
    is_("300 KiB", c.run("/", body=full).status, 200)
    is_("and a byte", c.run("/", body=full + " ").status, 413)
    js = '{"method":"system.listMethods","params":[],"id":1}'
    full = js + " " * (RPC_BODY_BYTES - len(js))
    is_("300 KiB of JSON", c.run("/jsonrpc", body=full).status, 200)
    is_("and a byte", c.run("/jsonrpc", body=full + " ").status, 413)
    is_("Expect: 100-continue", c.run(
        "/", "-H", "Expect: 100-continue", body=call).status, 200)


def headers(c):
    want = {"cache-control": "no-cache, no-store",
            "access-control-allow-origin": "*",
            "access-control-allow-headers": "X-Requested-With"}
    call = '{"method":"VM.get_uuid","params":["x","y"],"id":1}'
    for version in ("1.0", "1.1"):
        for path, kind in (("/", "text/xml"),
                           ("/jsonrpc", "application/json")):
            for more, connection in (
                    (("-H", "Connection: close"), "close"),
                    (("-H", "Connection: keep-alive"), "keep-alive"),
                    ((), {"1.0": "close", "1.1": "keep-alive"}[version])):
                reply = c.run(path, "--http" + version, *more, body=call)
                what = "HTTP/%s %s %s" % (version, kind, connection)
                got = reply.headers
                is_(what, (reply.version, reply.status, got["content-type"],
                           got["connection"]),
                    ("HTTP/" + version, 200, kind, connection))
                is_("    its length", int(got["content-length"]),
                    len(reply.body))
                is_("    and the rest", {k: got[k] for k in want}, want)


def names(c):
    for name in ("VM.get_name_label", "VM_get_name_label"):
        is_(name, c.get(name, c.vm), text("curl"))
    for name in ("event.from", "event_from"):
        batch = inner(c.xml(
            name, text(c.session), "<value><array><data></data></array>"
            "</value>", text(""), "<value><double>0</double></value>").text())
        match(name, batch, r"<value><struct><member><name>events</name>.*")
    match("Async.VM.set_memory", c.get("Async.VM.set_memory", c.vm, GIB),
          r"<value>OpaqueRef:[-0-9a-f]{36}</value>")
    is_("no Async_", c.error("Async_VM_set_memory", text(c.vm), text(GIB)),
        ["MESSAGE_METHOD_UNKNOWN", "Async_VM_set_memory"])


def xml_envelopes(c):
    is_("success", c.xml("VM.get_name_label", text(c.session),
                         text(c.vm)).text(), success(text("curl")))
    is_("void", c.get("VM.set_name_label", c.vm, "curl"), text(""))
    is_("failure", c.error("VM.get_uuid", text("x")),
        ["HANDLE_INVALID", "VM", "x"])
    body = c.xml("system.listMethods").text()
    is_("listMethods is bare", body.startswith(
        HEAD + "<value><array><data><value>"), True)
    for method in ("VM.get_all_records", "host.get_all_records"):
        is_("no white space between tags of " + method, re.search(
            r">\s+<", c.get(method)), None)


def xml_types(c):
    for tag in ("string", "int", "i4", "i8"):
        c.get("VM.set_memory", c.vm, "<%s>%d</%s>" % (tag, GIB, tag))
        is_("an int as <%s>" % tag, c.get("VM.get_memory_static_max", c.vm),
            text(GIB))
    c.get("VM.set_memory", c.vm, 2 * GIB)
    is_("an int without a tag", c.get("VM.get_memory_target", c.vm),
        text(2 * GIB))
    for value, want in (("<boolean>1</boolean>", 1),
                        ("<boolean>0</boolean>", 0)):
        c.get("VM.set_is_a_template", c.vm, value)
        is_("a bool", c.get("VM.get_is_a_template", c.vm),
            text("<boolean>%d</boolean>" % want))
    for value in ("1", "true", "<string>1</string>", "<i4>1</i4>"):
        is_("no bool: " + value, c.error(
            "VM.set_is_a_template", text(c.vm), text(value))[0],
            "FIELD_TYPE_ERROR")
    for value, want in (("<double>1.25</double>", "1.25"), ("<i4>2</i4>", 2),
                        ("<string>1.5</string>", 1.5), ("1.1", 1.1),
                        ("1.0000000000000002", 1)):  # of 16 digits
        c.get("VM.set_HVM_shadow_multiplier", c.vm, value)
        is_("a float", c.get("VM.get_HVM_shadow_multiplier", c.vm),
            text("<double>%s</double>" % want))
    metrics = re.sub("<.*?>", "", c.get("host.get_metrics", host(c)))
    match("a datetime", c.get("host_metrics.get_last_updated", metrics),
          r"<value><dateTime\.iso8601>\d{8}T\d\d:\d\d:\d\dZ"
          r"</dateTime\.iso8601></value>")
    bad = "a<&>\"'\t\n\r\u0001\u001f\u007f\u00e9"
    c.json("VM.set_name_label", c.session, c.vm, bad)
    match("a string", c.get("VM.get_name_label", c.vm),
          "<value>a&lt;&amp;&gt;&quot;'\t\n(\r|&#1?[3xXdD]+;)\u007f?\u00e9"
          "</value>")
    c.get("VM.set_name_label", c.vm, "curl")
    is_("an empty string", c.get("VM.get_name_description", c.vm), text(""))
    is_("an enum", c.get("VM.get_power_state", c.vm), text("Halted"))
    match("a uuid", c.get("VM.get_uuid", c.vm),
          "<value>[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}</value>")
    is_("the null ref", c.get("VM.get_resident_on", c.vm), text(NULL))
    for null in ("", NULL):
        is_("null as '%s'" % null, c.get("VM.set_affinity", c.vm, null),
            text(""))
    is_("an empty set", c.get("VM.get_tags", c.vm),
        "<value><array><data></data></array></value>")
    is_("a set", c.get("host.get_all"), "<value><array><data><value>%s"
        "</value></data></array></value>" % host(c))
    is_("an empty map", c.get("VM.get_VCPUs_params", c.vm),
        "<value><struct></struct></value>")
    c.get("VM.add_to_VCPUs_params", c.vm, "k", "v")
    is_("a map", c.get("VM.get_VCPUs_params", c.vm),
        "<value><struct><member><name>k</name><value>v</value></member>"
        "</struct></value>")
    match("a record", c.get("VM.get_record", c.vm),
          r"<value><struct><member><name>uuid</name><value>.*")
    batch = inner(c.xml(
        "event.from", text(c.session), "<value><array><data><value>pool"
        "</value></data></array></value>", text(""),
        "<value><double>1</double></value>").text())
    match("only valid_ref_counts carry a tag", batch,
          r".*<name>pool</name><value><i4>1</i4></value>.*")


def host(c):
    return re.sub("<.*?>", "", c.get("host.get_all"))


def json_envelopes(c):
    get = ("VM.get_name_label", c.session, c.vm)
    v1 = {"jsonrpc": ...}
    is_("1.0", c.json(*get, **v1).text(),
        '{"result":"curl","error":null,"id":7}')
    is_("2.0", c.json(*get).text(),
        '{"jsonrpc":"2.0","result":"curl","id":7}')
    is_("1.0: failure", c.json("VM.get_uuid", c.session, "x", **v1).text(),
        '{"result":null,"error":["HANDLE_INVALID","VM","x"],"id":7}')
    is_("2.0: failure", c.json("VM.get_uuid", c.session, "x").text(),
        '{"jsonrpc":"2.0","error":{"code":1,"message":"HANDLE_INVALID",'
        '"data":["VM","x"]},"id":7}')
    is_("2.0: failure without parameters", c.json(
        "VM.set_memory_static_range", c.session, c.vm, 2, 1).text(),
        '{"jsonrpc":"2.0","error":{"code":1,"message":'
        '"MEMORY_CONSTRAINT_VIOLATION_ORDER","data":[]},"id":7}')
    for params in (..., None, []):
        reply = c.json("system.listMethods", params=params)
        match("2.0: params " + str(params), reply.text(),
              r'\{"jsonrpc":"2\.0","result":\["VM\..*"\],"id":7\}')
    for what, envelope in (
            ("version 1.0", {"jsonrpc": "1.0"}), ("version 3",
                                                  {"jsonrpc": "3.0"}),
            ("no id", {"id": ...}), ("a null id", {"id": None}),
            ("1.0 with an object", {"jsonrpc": ..., "params": {}}),
            ("1.0 without params", {"jsonrpc": ..., "params": ...})):
        is_(what, c.json("VM.get_all", **envelope).status, 400)
    is_("a string as id", c.json(*get, id="a").text(),
        '{"jsonrpc":"2.0","result":"curl","id":"a"}')


def json_types(c):
    def result(what, want, method, *params):
        is_(what, c.json(method, c.session, c.vm, *params).text(),
            '{"jsonrpc":"2.0","result":%s,"id":7}' % want)

    most = (1 << 53) + 1
    result("void", '""', "VM.set_memory_static_range", 0, most)
    result("an int of more than 53 bits", most, "VM.get_memory_static_max")
    result("an int as a string", '""', "VM.set_memory", str(GIB))
    result("is the same int", GIB, "VM.get_memory_static_max")
    result("a bool", "false", "VM.get_is_a_template")
    result("an enum", '"Halted"', "VM.get_power_state")
    result("a ref", '"%s"' % NULL, "VM.get_resident_on")
    result("a set", "[]", "VM.get_tags")
    result("a map", '{"k":"v"}', "VM.get_VCPUs_params")
    metrics = re.sub("<.*?>", "", c.get("host.get_metrics", host(c)))
    match("a datetime", c.json("host_metrics.get_last_updated", c.session,
                               metrics).text(),
          r'.*"result":"\d{8}T\d\d:\d\d:\d\dZ".*')


def errors(c, d):
    def fails(want, method, *values, session=True):
        is_(want[0], c.error(method, *map(text, values),
                             session=session)[:len(want)], want)

    vm = c.vm
    fails(["SESSION_AUTHENTICATION_FAILED", "root"],
          "session.login_with_password", "root", "wrong", session=False)
    fails(["SESSION_INVALID", "x"], "VM.get_all", "x", session=False)
    fails(["MESSAGE_METHOD_UNKNOWN", "VM.fly"], "VM.fly", vm)
    fails(["MESSAGE_PARAMETER_COUNT_MISMATCH", "VM.set_memory", "2", "1"],
          "VM.set_memory", vm)
    fails(["HANDLE_INVALID", "VM", NULL], "VM.get_record", NULL)
    fails(["UUID_INVALID", "VM", "x"], "VM.get_by_uuid", "x")
    fails(["VM_BAD_POWER_STATE", vm, "running", "halted"],
          "VM.set_memory_target_live", vm, GIB)
    fails(["MEMORY_CONSTRAINT_VIOLATION_ORDER"], "VM.set_memory_dynamic_range",
          vm, 2 * GIB, GIB)
    c.get("VM.set_memory_limits", vm, 0, 65 * GIB, 65 * GIB, 65 * GIB)
    overhead = int(re.sub("<.*?>", "", c.get("VM.get_memory_overhead", vm)))
    free = re.sub("<.*?>", "", c.get("host.compute_free_memory", host(c)))
    fails(["HOST_NOT_ENOUGH_FREE_MEMORY", str(65 * GIB + overhead), free],
          "VM.assert_can_boot_here", vm, host(c))
    fails(["FIELD_TYPE_ERROR", "value"], "VM.set_memory", vm, "1x")
    batch = ("<value><array><data></data></array></value>",
             text("yesterday"), "<value><double>0</double></value>")
    is_("EVENT_FROM_TOKEN_PARSE_FAILURE", c.error("event.from", *batch),
        ["EVENT_FROM_TOKEN_PARSE_FAILURE", "yesterday"])


def main():
    with daemon.running() as d:
        c = Curl(d)
        login(c, d)
        routes(c)
        lengths(c)
        headers(c)
        names(c)
        xml_envelopes(c)
        xml_types(c)
        json_envelopes(c)
        json_types(c)
        errors(c, d)
    checks.end()


if __name__ == "__main__":
    main()
