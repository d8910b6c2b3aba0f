#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Writes the seeds of the fuzz targets: usage: make_corpus.py DIR

Small files, one idea each; what their bytes mean is in fuzz_*.c.
"""
import json
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


VM1 = "OpaqueRef:00000000-0000-0000-0000-000000000001"  # see fuzz_calls.c
VM2 = "OpaqueRef:00000000-0000-0000-0000-000000000002"
GIB = 1 << 30
LATER = b""


def gib(n):
    return str(int(n * GIB))


def vm(**more):
    return dict({
        "name_label": "a", "name_description": "", "user_version": "1",
        "is_a_template": False, "affinity": "OpaqueRef:NULL",
        "memory_static_min": gib(1), "memory_dynamic_min": gib(1),
        "memory_dynamic_max": gib(2), "memory_static_max": gib(2),
        "VCPUs_max": "2", "VCPUs_at_startup": "1", "domain_type": "hvm",
        "HVM_shadow_multiplier": 1.0, "other_config": {}, "platform": {},
        "VCPUs_params": {}, "actions_after_shutdown": "destroy",
        "actions_after_reboot": "restart", "actions_after_crash": "restart",
        "PV_bootloader": "", "PV_kernel": "", "PV_ramdisk": "",
        "PV_args": "", "PV_bootloader_args": "", "PV_legacy_args": "",
        "HVM_boot_policy": "", "HVM_boot_params": {}, "PCI_bus": "",
        "recommendations": "",
    }, **more)


def do(method, *params):
    return call(method, "s", *params)


# The first VM of a world is its control domain.
NEW = do("VM.create", vm())
START = do("VM.start", VM2, False, False)
CALLS = {
    "create": [NEW, do("VM.get_all_records"), do("VM.get_record", VM2)],
    "run": [NEW, START, do("VM.get_all_records_where", "true"),
            do("VM.hard_shutdown", VM2), do("VM.destroy", VM2)],
    "range": [NEW, START,
              do("VM.set_memory_dynamic_range", VM2, gib(1), gib(1.5)),
              LATER, do("VM.wait_memory_target_live", VM2)],
    "target": [NEW, START, do("VM.set_memory_target_live", VM2, gib(2)),
               LATER, do("VM.clean_reboot", VM2)],
    "limits": [NEW, do("VM.set_memory_limits", VM2, gib(1), gib(8), gib(2),
                       gib(4)), do("VM.set_memory", VM2, gib(3)),
               do("VM.set_memory_static_range", VM2, gib(2), gib(3))],
    "bounds": [NEW, do("VM.set_memory_dynamic_min", VM2, gib(1)),
               do("VM.set_memory_dynamic_max", VM2, gib(2)),
               do("VM.set_memory_static_min", VM2, "0"),
               do("VM.set_memory_static_max", VM2, gib(60))],
    "shadow": [NEW, do("VM.set_HVM_shadow_multiplier", VM2, 4.0), START,
               do("VM.set_shadow_multiplier_live", VM2, 2.0)],
    "vcpus": [NEW, do("VM.set_VCPUs_max", VM2, "4"),
              do("VM.set_VCPUs_at_startup", VM2, "4"), START,
              do("VM.set_VCPUs_number_live", VM2, "2")],
    "asleep": [NEW, START, do("VM.pause", VM2), do("VM.unpause", VM2),
               do("VM.suspend", VM2), do("VM.resume", VM2, False, False)],
    "host": [NEW, do("host.compute_free_memory", VM1),
             do("host.compute_memory_overhead", VM1),
             do("VM.assert_can_boot_here", VM2, VM1),
             do("VM.get_possible_hosts", VM2),
             do("VM.maximise_memory", VM2, gib(8), True),
             do("VM.compute_memory_overhead", VM2)],
    "on": [NEW, do("VM.start_on", VM2, VM1, False, False),
           do("VM.pool_migrate", VM2, VM1, {}), do("VM.clone", VM2, "b")],
    "huge": [do("VM.create", vm(memory_static_max=str(2 ** 63 - 1))),
             do("VM.set_memory", VM2, str(2 ** 63 - 1)), START],
    "full": [do("VM.create", vm(**dict.fromkeys((
        "memory_static_min", "memory_dynamic_min", "memory_dynamic_max",
        "memory_static_max"), gib(40)))), do("VM.clone", VM2, "b"), START,
        do("VM.start", "OpaqueRef:00000000-0000-0000-0000-000000000003",
           False, False)],
    "dom0": [do("VM.set_memory_limits", VM1, gib(1), gib(2), gib(2), gib(2)),
             do("VM.set_memory", VM1, gib(1)), do("VM.destroy", VM1)],
    "maps": [NEW, do("VM.add_to_other_config", VM2, "k", "v"),
             do("VM.add_to_other_config", VM2, "k", "w"),
             do("VM.remove_from_other_config", VM2, "k"),
             do("VM.set_other_config", VM2, {"a": "b"}),
             do("VM.set_name_label", VM2, "c"),
             do("VM.get_by_name_label", "c"), do("VM.get_by_uuid", "x")],
    "session": [call("session.login_with_password", "root", "pw"),
                call("session.login_with_password", "root", "no", "1", "f"),
                do("session.get_this_host", VM1), call("system.listMethods"),
                do("session.get_uuid", VM1), do("session.logout"),
                do("VM.get_all")],
    "classes": [do(c + ".get_all_records") for c in (
        "host", "host_metrics", "pool", "VM_metrics", "VM_guest_metrics",
        "task")],
    "nobody": [call("VM.get_all", ""), call("VM.get_all"),
               call("VM.set_memory", "", VM1, "1")],
}


def write(folder, name, data):
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, name), "wb") as f:
        f.write(data)


def jsn(method, *params, **more):
    return json.dumps(dict({"jsonrpc": "2.0", "method": method,
                            "params": params, "id": 0}, **more)).encode()


def jsn1(method, *params):
    return json.dumps({"method": method, "params": params,
                       "id": "a\u20ac"}).encode()


JSON = {
    "login": jsn("session.login_with_password", "root", "pw", "1.0", "x"),
    "login1": jsn1("session.login_with_password", "root", "pw"),
    "list": jsn("system.listMethods"),
    "getter": jsn("VM.get_memory_static_max", REF, REF),
    "alias": jsn1("VM_get_all", REF),
    "limits": jsn("VM.set_memory_limits", REF, REF, "1", 2, 3, 1 << 62),
    "float": jsn("VM.set_HVM_shadow_multiplier", REF, REF, 1.25),
    "bool": jsn("VM.set_is_a_template", REF, REF, True),
    "map": jsn("VM.set_other_config", REF, REF, {"a": "b", "": "d"}),
    "set": jsn("VM.set_tags", REF, REF, ["a", "b", "a"]),
    "create": jsn("VM.create", REF, VM),
    "create1": jsn1("VM.create", REF, VM),
    "from": jsn("event.from", REF, ["vm", "*"], "", 1.5),
    "nil": jsn("VM.start", REF, REF, None, None),
    "unknown": jsn("no.such.message", REF, [1, [2, {"a": [3.5, True]}]]),
    "null_params": jsn("system.listMethods", params=None),
    "named_params": jsn("system.listMethods", params={"a": 1}),
    "escapes": b'{"method":"a","params":["\\u0001\\ud83d\\ude00\\/"],'
               b'"id":"\\"\\\\"}',
    "batch": b"[" + jsn("a") + b"]",
    "overflow": b'{"method":"a","params":[1e999,9223372036854775808],"id":1}',
    "twice": b'{"id":1,"id":2}',
    "deep": b'{"method":"a","id":1,"params":' + b"[" * 62 + b"]" * 62 + b"}",
    "empty": b"",
}


def main(folder):
    for name, body in JSON.items():
        write(os.path.join(folder, "fuzz_json"), name, body)
    one = os.path.join(folder, "fuzz_http_xml")
    for name, body in XML.items():
        write(one, "xml_" + name, b"\0" + body)
    for i, (name, data) in enumerate(HTTP.items()):
        write(one, "http_" + name, bytes([(1, 7, 255)[i % 3]]) + data)
    for name, bodies in CALLS.items():
        write(os.path.join(folder, "fuzz_calls"), name,
              b"\xff".join(bodies).replace(b"\n", b""))


main(sys.argv[1])
