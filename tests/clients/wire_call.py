# SPDX-License-Identifier: BSD-2-Clause
"""XML-RPC by hand: what is sent is chosen tag by tag, and what comes back is
read as strictly as the strictest client known (the C SDK) would.
"""
import http.client
import re
import ssl
import xml.etree.ElementTree as ET
from xml.sax.saxutils import escape

import daemon

HEAD = (b'<?xml version="1.0"?><methodResponse><params><param><value>')
TAIL = b'</value></param></params></methodResponse>'
STATUS = b'<struct><member><name>Status</name><value>%s</value></member>'
SUCCESS = STATUS % b"Success" + b"<member><name>Value</name>"
FAILURE = STATUS % b"Failure" + b"<member><name>ErrorDescription</name>"
REF = re.compile(r"OpaqueRef:([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|NULL)")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
DATE = re.compile(r"\d{8}T\d\d:\d\d:\d\dZ")
NULL = "OpaqueRef:NULL"


class Xml(str):
    """A value that is sent as it stands."""


def encode(v):
    """A Python value as <value>; large ints as strings, as clients do."""
    if isinstance(v, Xml):
        return v
    if isinstance(v, bool):
        return "<value><boolean>%d</boolean></value>" % v
    if isinstance(v, int):
        tag = "i4" if abs(v) < 1 << 31 else "string"
        return "<value><%s>%d</%s></value>" % (tag, v, tag)
    if isinstance(v, float):
        return "<value><double>%f</double></value>" % v
    if isinstance(v, dict):
        return "<value><struct>%s</struct></value>" % "".join(
            "<member><name>%s</name>%s</member>" % (escape(k), encode(x))
            for k, x in v.items())
    if isinstance(v, (list, tuple)):
        return "<value><array><data>%s</data></array></value>" % "".join(
            encode(x) for x in v)
    return "<value><string>%s</string></value>" % escape(str(v))


class Strange(AssertionError):
    """A reply that some client would not understand."""


def need(ok, *about):
    if not ok:
        raise Strange(*about)


def only_child(e, tag):
    need(len(e) == 1 and e[0].tag == tag, "no <%s>" % tag, ET.tostring(e))
    return e[0]


def text(e):
    need(len(e) == 0, "a tagged value where text belongs", ET.tostring(e))
    return e.text or ""


class Reader:
    """Values of IDL types out of XML: the right tags, nothing else."""

    def __init__(self, idl):
        self.idl = idl

    def value(self, t, e):
        need(e.tag == "value", e.tag)
        return getattr(self, "read_" + t[0])(t, e)

    def read_void(self, t, e):
        need(text(e) == "", "void is an empty string", e.text)
        return ""

    def read_string(self, t, e):
        return text(e)

    def read_int(self, t, e):
        need(re.fullmatch(r"0|-?[1-9]\d*", text(e)), "no int", e.text)
        return int(e.text)

    def read_float(self, t, e):
        return float(text(only_child(e, "double")))

    def read_bool(self, t, e):
        word = text(only_child(e, "boolean"))
        need(word in "01" and word, word)
        return word == "1"

    def read_datetime(self, t, e):
        word = text(only_child(e, "dateTime.iso8601"))
        need(DATE.fullmatch(word), word)
        return word

    def read_ref(self, t, e):
        need(REF.fullmatch(text(e)), "no ref", e.text)
        return e.text

    def read_enum(self, t, e):
        need(text(e) in self.idl.enums[t[1]], "no %s" % t[1], e.text)
        return e.text

    def read_set(self, t, e):
        data = only_child(only_child(e, "array"), "data")
        return [self.value(t[1], x) for x in data]

    def members(self, e):
        for m in only_child(e, "struct"):
            need(m.tag == "member" and len(m) == 2 and m[0].tag == "name",
                 ET.tostring(m))
            yield text(m[0]), m[1]

    def read_map(self, t, e):
        pairs = list(self.members(e))
        got = {k: self.value(t[2], v) for k, v in pairs}
        need(len(got) == len(pairs), "a key twice")
        if t[1][0] == "ref":
            need(all(REF.fullmatch(k) for k in got), "keys are refs", got)
        return got

    def read_record(self, t, e):
        shown = self.idl.shown(t[1])
        pairs = list(self.members(e))
        need([k for k, _ in pairs] == [f for f, _ in shown],
             "not the fields of %s" % t[1], [k for k, _ in pairs])
        return {f: self.value(ft, v) for (f, ft), (_, v) in zip(shown, pairs)}


class Wire:
    """A connection over HTTPS, or through the Unix socket (local)."""

    def __init__(self, d, idl, local=False):
        self.idl = idl
        self.reader = Reader(idl)
        self.calls = 0
        self.session = None
        if local:
            self.http = daemon.UnixConnection(d.state + "/socket")
            return
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        host, port = d.url[len("https://"):].rsplit(":", 1)
        self.http = http.client.HTTPSConnection(host, int(port),
                                                context=context)

    def body(self, method, args, path="/"):
        """The bytes that answer a call."""
        self.calls += 1
        request = ('<?xml version="1.0"?><methodCall><methodName>%s'
                   '</methodName><params>%s</params></methodCall>' %
                   (escape(method), "".join(
                       "<param>%s</param>" % encode(a) for a in args)))
        self.http.request("POST", path, request.encode(),
                          {"Content-Type": "text/xml"})
        reply = self.http.getresponse()
        data = reply.read()
        need(reply.status == 200, reply.status, data)
        need(reply.headers["Content-Type"] == "text/xml",
             reply.headers["Content-Type"])
        return data

    def raw(self, method, *args, result=None):
        """(value, None) or (None, ErrorDescription); None: type unknown."""
        data = self.body(method, args)
        need(not re.search(rb">\s+<", data), "white space between tags", data)
        need(not re.search(rb"<(nil|int|i4|i8|string|fault)\b", data),
             "a tag that old clients do not expect", data)
        need(data.startswith(HEAD) and data.endswith(TAIL), data)
        inner = data[len(HEAD):]
        tree = ET.fromstring(data)[0][0]
        message = self.idl.messages.get(method)
        if message is not None and message.bare:
            return self.reader.value(message.result, tree[0]), None
        ok = inner.startswith(SUCCESS)
        need(ok or inner.startswith(FAILURE), "no Status first", data)
        members = tree[0][0]
        need(len(members) == 2, "not exactly two members", data)
        if not ok:
            why = self.reader.value(("set", ("string",)), members[1][1])
            need(why and why[0] in self.idl.errors, "unknown code", why)
            return None, why
        if result is None:
            result = message.result
        return self.reader.value(result, members[1][1]), None

    def call(self, method, *args):
        """The value of a call with the session, which must succeed."""
        value, why = self.raw(method, self.session, *args)
        need(why is None, method, args, why)
        return value

    def error(self, method, *args):
        """The ErrorDescription of a call that must fail."""
        value, why = self.raw(method, self.session, *args)
        need(why is not None, "%s%r succeeded" % (method, args), value)
        return why

    def login(self, *args):
        value, why = self.raw("session.login_with_password", *args)
        need(why is None, why)
        self.session = value
        return value
