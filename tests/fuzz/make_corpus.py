#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seed corpus of fuzz_http_xml: usage: make_corpus.py DIR

Small files, one idea each; see fuzz_http_xml.c for the first byte.
"""
import os
import sys
import xmlrpc.client

REF = "OpaqueRef:12345678-9abc-def0-0123-456789abcdef"


def call(method, *params):
    return xmlrpc.client.dumps(params, method, allow_none=True).encode()


def http(path, body, *headers, version="1.1", method="POST"):
    head = ["%s %s HTTP/%s" % (method, path, version), "Host: h",
            "Content-Length: %d" % len(body), *headers]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


VM = {
    "name_label": "a", "name_description": "", "memory_static_min": "0",
    "memory_static_max": "1073741824", "memory_dynamic_min": "536870912",
    "memory_dynamic_max": "1073741824", "VCPUs_max": 1,
    "VCPUs_at_startup": 1, "HVM_shadow_multiplier": 1.5,
    "is_a_template": False, "domain_type": "hvm", "affinity": REF,
    "other_config": {"key": "value", "<&>": "\u20ac"}, "platform": {},
    "user_version": "1", "PV_args": "", "recommendations": "",
}

XML = {
    "login": call("session.login_with_password", "root", "pw", "1.0", "x"),
    "login2": call("session.login_with_password", "root", "pw"),
    "list": call("system.listMethods"),
    "getter": call("VM.get_memory_static_max", REF, REF),
    "alias": call("VM_get_all", REF),
    "limits": call("VM.set_memory_limits", REF, REF, "1", 2, "3", "4"),
    "float": call("VM.set_HVM_shadow_multiplier", REF, REF, 1.25),
    "bool": call("VM.set_is_a_template", REF, REF, True),
    "map": call("VM.set_other_config", REF, REF, {"a": "b", "c": "d"}),
    "add": call("VM.add_to_other_config", REF, REF, "k", "v"),
    "set": call("VM.set_tags", REF, REF, ["a", "b", "a"]),
    "where": call("VM.get_all_records_where", REF, "true"),
    "create": call("VM.create", REF, VM),
    "clone": call("VM.clone", REF, REF, "\U0001f600"),
    "null": call("VM.set_affinity", REF, REF, "OpaqueRef:NULL"),
    "nil": call("VM.start", REF, REF, None, None),
    "date": call("task.set_finished", REF, xmlrpc.client.DateTime(0)),
    "base64": call("host.x", REF, xmlrpc.client.Binary(b"\0\1")),
    "unknown": call("no.such.message", REF, [1, [2, {"a": [3.5, True]}]]),
    "untagged": b"<methodCall><methodName>VM.set_memory</methodName><params>"
                b"<param><value>s</value></param><param><value>r</value>"
                b"</param><param><value>99999999999999999999</value></param>"
                b"</params></methodCall>",
    "cdata": b"<methodCall><methodName><![CDATA[a]]></methodName>"
             b"</methodCall>",
    "doctype": b"<!DOCTYPE a [<!ENTITY b 'c'>]><methodCall/>",
    "latin1": b"<?xml version='1.0' encoding='ISO-8859-1'?><methodCall/>",
    "deep": b"<methodCall><methodName>a</methodName><params><param>"
            + b"<value><array><data>" * 22,
    "empty": b"",
}

HTTP = {
    "post": http("/", XML["getter"]),
    "rpc2": http("/RPC2", XML["list"], "Connection: close"),
    "old": http("/RPC2", XML["list"], version="1.0"),
    "two": http("/", XML["getter"]) + http("/xmlrpc", XML["alias"]),
    "expect": http("/", XML["login2"], "Expect: 100-continue"),
    "options": http("/", b"", "Access-Control-Request-Headers: a, b",
                    method="OPTIONS"),
    "health": b"GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n",
    "twice": http("/", XML["list"], "Content-Length: 3"),
    "chunked": b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
               b"3\r\nabc\r\n0\r\n\r\n",
    "nolength": b"POST / HTTP/1.1\r\nHost: h\r\n\r\n<methodCall/>",
    "huge": b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
    "flood": http("/", b"", *["X-%d: y" % i for i in range(40)]),
    "fold": b"POST / HTTP/1.1\r\nA: b\r\n c\r\nContent-Length: 0\r\n\r\n",
}


def main(folder):
    os.makedirs(folder, exist_ok=True)
    for name, body in XML.items():
        with open(os.path.join(folder, "xml_" + name), "wb") as f:
            f.write(b"\0" + body)
    for i, (name, data) in enumerate(HTTP.items()):
        piece = bytes([(1, 7, 255)[i % 3]])
        with open(os.path.join(folder, "http_" + name), "wb") as f:
            f.write(piece + data)


main(sys.argv[1])
