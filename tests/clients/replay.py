#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Replays the calls that SDKs and integrations make, from replay/*.txt, and
compares each answer with the shape that the client can work with.

Such a file, line by line (a line that begins with white space goes on):

  xml PATH, json1 PATH, json2 PATH   what follows is sent so
  header NAME: VALUE                 with that header (JSON-RPC only)
  id N                               and that id (JSON-RPC only)
  METHOD [ARG, ...] => SHAPE         a call and its result
  METHOD [ARG, ...] => !SHAPE        a call and its error: [code, ...]
  poll METHOD [ARG, ...] => SHAPE    the call until it says no longer "pending"

ARG and SHAPE are JSON.  A string "$name" is a variable: it takes the value in
a shape when it has none yet, also as the name of a member; "$name.member" is
a member of a record.  In a shape "<int>", "<ref>" and so on stand for any of
that kind, an object needs the members that are named, and a list whose last
item is "..." may be longer.  Given are $password, and a halted VM named
"replayed" ($vm, $uuid) of 2 GiB.
"""
import glob
import http.client
import json
import os
import re
import ssl
import sys
import xmlrpc.client

import daemon
import wire_call

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "replay")
GIB = 1 << 30
KINDS = {
    "<int>": r"-?\d+",
    "<ref>": r"OpaqueRef:([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|NULL)",
    "<uuid>": r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
    "<date>": r"\d{8}T\d\d:\d\d:\d\dZ",
    "<text>": r"(?s:.*)",
    "<token>": r"\d{20},\d{20}",
}
checks = 0


class Differs(AssertionError):
    """An answer is not of its shape."""


def need(ok, *about):
    if not ok:
        raise Differs(*about)


# ---- sending ----

class Xml:
    """XML-RPC, as strict as the C SDK reads it."""

    def __init__(self, d, path, headers, id):
        self.wire = wire_call.Wire(d, None)
        self.path = path

    def call(self, method, args):
        """(result, None) or (None, error)."""
        data = self.wire.body(method, args, self.path)
        need(not re.search(rb">\s+<", data), "white space between tags", data)
        need(b"<nil" not in data, "nil", data)
        value = xmlrpc.client.loads(data)[0][0]
        if method == "system.listMethods":
            return value, None
        ok = value["Status"] == "Success"
        inner = data[len(wire_call.HEAD):]
        need(inner.startswith(wire_call.SUCCESS if ok else
                              wire_call.FAILURE), "Status first", data)
        need(len(value) == 2, "two members", data)
        return (value["Value"], None) if ok else (
            None, value["ErrorDescription"])

    def close(self):
        self.wire.http.close()


class Json:
    """JSON-RPC, as strict as the C# and Go SDKs read it."""

    def __init__(self, d, path, headers, id):
        context = ssl._create_unverified_context()
        self.http = http.client.HTTPSConnection(
            d.url[len("https://"):], context=context)
        self.path = path
        self.headers = headers
        self.id = id

    def send(self, method, args, envelope):
        body = dict(envelope, method=method, params=args, id=self.id)
        self.http.request("POST", self.path, json.dumps(body).encode(), dict(
            {"Content-Type": "application/json"}, **self.headers))
        reply = self.http.getresponse()
        text = reply.read()
        need(reply.status == 200, reply.status, text)
        need(reply.headers["Content-Type"] == "application/json",
             reply.headers["Content-Type"])
        got = json.loads(text)
        need(got.pop("id") == self.id, "another id", text)
        return got

    def close(self):
        self.http.close()


class Json1(Json):
    def call(self, method, args):
        got = self.send(method, args, {})
        need(sorted(got) == ["error", "result"], "members", got)
        if got["error"] is not None:
            need(got["result"] is None, got)
        return got["result"], got["error"]


class Json2(Json):
    def call(self, method, args):
        got = self.send(method, args, {"jsonrpc": "2.0"})
        need(got.pop("jsonrpc") == "2.0" and len(got) == 1, "members", got)
        if "result" in got:
            return got["result"], None
        error = got["error"]
        need(sorted(error) == ["code", "data", "message"] and
             error["code"] == 1 and isinstance(error["data"], list) and
             all(isinstance(p, str) for p in error["data"]), error)
        return None, [error["message"]] + error["data"]


PROTOCOLS = {"xml": Xml, "json1": Json1, "json2": Json2}


# ---- shapes ----

class Story:
    """One file: its variables, and how calls are sent at present."""

    def __init__(self, d, variables):
        self.d = d
        self.variables = variables
        self.headers = {}
        self.id = 0
        self.link = None

    def value(self, x):
        """An argument with its variables filled in."""
        if isinstance(x, list):
            return [self.value(v) for v in x]
        if isinstance(x, dict):
            return {k: self.value(v) for k, v in x.items()}
        if not isinstance(x, str) or not x.startswith("$"):
            return x
        name, _, member = x[1:].partition(".")
        found = self.variables[name]
        return found[member] if member else found

    def like(self, shape, got, where="result"):
        if isinstance(shape, str):
            self.like_text(shape, got, where)
        elif isinstance(shape, list):
            need(isinstance(got, list), where, "is no list", got)
            items = shape[:-1] if shape[-1:] == ["..."] else shape
            need(len(got) == len(items) or len(items) < len(shape) and
                 len(got) > len(items), where, "length", got)
            for i, item in enumerate(items):
                self.like(item, got[i], "%s[%d]" % (where, i))
        elif isinstance(shape, dict):
            need(isinstance(got, dict), where, "is no record", got)
            for name, item in shape.items():
                key = self.member(name, got, where)
                self.like(item, got[key], "%s.%s" % (where, key))
        elif isinstance(shape, bool):
            need(got is shape, where, got)
        elif isinstance(shape, int):  # text in XML-RPC
            need(got in (shape, str(shape)) and got is not True, where, got)
        else:
            need(got == shape, where, got)

    def member(self, name, got, where):
        if name.startswith("$") and name[1:] not in self.variables:
            need(len(got) == 1, where, "is not one", got)
            self.variables[name[1:]] = next(iter(got))
        key = self.value(name)
        need(key in got, where, "has no", key)
        return key

    def like_text(self, shape, got, where):
        if shape.startswith("$"):
            name = shape[1:]
            if "." in name or name in self.variables:
                shape = self.value(shape)
                need(got in (shape, str(shape)), where, got, shape)
            self.variables.setdefault(name, got)
        elif shape == "<bool>":
            need(isinstance(got, bool), where, got)
        elif shape == "<float>":
            need(isinstance(got, float), where, got)
        elif shape in KINDS:
            plain = got if not isinstance(got, xmlrpc.client.DateTime) \
                else got.value
            need(shape == "<int>" and type(got) is int or
                 isinstance(plain, str) and
                 re.fullmatch(KINDS[shape], plain), where, got, shape)
        else:
            need(got == shape, where, got, shape)

    # ---- lines ----

    def line(self, text):
        word, _, rest = text.partition(" ")
        if word in PROTOCOLS:
            if self.link is not None:
                self.link.close()
            self.link = PROTOCOLS[word](self.d, rest, self.headers, self.id)
        elif word == "header":
            name, _, value = rest.partition(": ")
            self.headers[name] = value
        elif word == "id":
            self.id = json.loads(rest)
        elif word == "poll":
            self.call(*rest.split(" ", 1), poll=True)
        else:
            self.call(word, rest)

    def call(self, method, rest, poll=False):
        global checks
        args, end = json.JSONDecoder().raw_decode(rest)
        arrow, _, shape = rest[end:].strip().partition(" ")
        need(arrow == "=>", "no answer is expected", rest)
        fails = shape.startswith("!")
        args = self.value(args)
        got, why = self.link.call(method, args)
        while poll and got == "pending":
            got, why = self.link.call(method, args)
        need((why is not None) == fails, why if why else got)
        self.like(json.loads(shape[fails:]), why if fails else got)
        checks += 1


def lines(path):
    """(number, text) of each line, those that go on joined."""
    found = []
    with open(path) as f:
        for n, text in enumerate(f, 1):
            if text.startswith("#") or not text.strip():
                continue
            if text[0].isspace():
                found[-1][1] += " " + text.strip()
            else:
                found.append([n, text.strip()])
    return found


def replay(d, api, path):
    vm = api.call("VM.create", daemon.vm_record(
        "replayed", 0, GIB, GIB, 2 * GIB))
    story = Story(d, {"password": d.password(), "vm": vm,
                      "uuid": api.call("VM.get_uuid", vm)})
    for n, text in lines(path):
        try:
            story.line(text)
        except Exception as e:
            raise AssertionError("%s:%d: %s: %s: %s" % (
                path, n, text, type(e).__name__, e))
    story.link.close()
    for vm in api.call("VM.get_by_name_label", "replayed"):
        if api.call("VM.get_power_state", vm) != "Halted":
            api.call("VM.hard_shutdown", vm)
        api.call("VM.destroy", vm)


def main():
    paths = sys.argv[1:] or sorted(glob.glob(os.path.join(HERE, "*.txt")))
    assert paths, "no files"
    with daemon.running() as d:
        api = d.local()
        for path in paths:
            before = checks
            replay(d, api, path)
            print("ok  %-20s %d calls" % (os.path.basename(path),
                                          checks - before))
        api.close()
    print("%d passed, 0 failed" % checks)


if __name__ == "__main__":
    main()
