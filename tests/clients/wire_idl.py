# SPDX-License-Identifier: BSD-2-Clause
"""The IDL as the wire shows it: an own reading of xenapi-memory.idl.

Written from the documentation of the API, not from api/idlc: what the two
make of the same text is compared by wire.py, name by name and type by type.
"""
import os
import re

import daemon

TOKEN = re.compile(r'\s+|#[^\n]*|("(?:[^"\\]|\\.)*")|(->|\.\.\.|[\w.-]+|.)')
UNITS = ("int32", "bytes", "kib", "seconds")
SCALARS = ("string", "int", "float", "bool", "datetime", "void") + UNITS
FLAGS = ("RW", "SRO", "DRO", "live", "internal", "required", "create",
         "unique", "lookup", "indexed", "extension", "deprecated", "setter")


class Message:
    """One name that can be called."""

    def __init__(self, name, params, result, **facts):
        self.name = name
        self.params = params       # (name, type, has a default)
        self.result = result
        self.role = facts.get("role", "read-only")
        self.session = facts.get("session", True)
        self.bare = facts.get("bare", False)
        self.nullable = facts.get("nullable", ())
        self.generic = facts.get("generic")
        self.field = facts.get("field")
        self.operation = facts.get("operation")
        self.deprecated = facts.get("deprecated", False)
        self.asynchronous = facts.get("async", False)
        self.cls = name.split(".")[0]

    @property
    def required(self):
        return sum(1 for p in self.params if not p[2])


class Idl:
    """roles, enums, classes {name: {field: (type, flags)}}, messages."""

    def __init__(self, path=os.path.join(daemon.TOP, "xenapi-memory.idl")):
        with open(path, encoding="utf-8") as f:
            self.tokens = [m.group(1) or m.group(2)
                           for m in TOKEN.finditer(f.read())
                           if m.group(1) or m.group(2)]
        self.at = 0
        self.roles, self.enums, self.operations = [], {}, {}
        self.classes, self.attributes, self.messages = {}, {}, {}
        self.errors = {}           # code: (sentence, parameters' names)
        while self.at < len(self.tokens):
            getattr(self, "read_" + self.next())()

    # ---- tokens ----

    def peek(self):
        return self.tokens[self.at]

    def next(self):
        self.at += 1
        return self.tokens[self.at - 1]

    def expect(self, token):
        got = self.next()
        assert got == token, "%r where %r belongs" % (got, token)

    def docs(self):
        while self.at < len(self.tokens) and self.peek()[0] == '"':
            self.next()

    # ---- statements ----

    def read_role(self):
        self.roles.append(self.next())
        self.docs()

    def read_enum(self):
        name = self.next()
        self.docs()
        self.expect("{")
        self.enums[name] = []
        while self.peek() != "}":
            self.enums[name].append(self.next())
        self.next()

    def read_operations(self):
        self.operation_enum = self.next()
        self.expect("of")
        self.next()
        self.docs()
        self.enums[self.operation_enum] = []

    def read_operation(self):
        name = self.next()
        row = {"states": [], "control": [], "print": name}
        words = None
        self.expect("{")
        while self.peek() != "}":
            word = self.next()
            if word in ("states", "control"):
                words = row[word]
            elif word == "print":
                row["print"] = self.next().strip('"')
                words = None
            elif word in ("template", "snapshot", "oncontrol", "listed",
                          "builder"):
                row[word] = True
                words = None
            elif word[0] != '"':
                words.append(word)
        self.next()
        self.operations[name] = row
        self.enums[self.operation_enum].append(name)

    def read_error(self):
        code, params = self.next(), []
        self.expect("(")
        while self.peek() != ")":
            word = self.next()
            if self.peek() == ":":
                params.append(word)
        self.next()
        if self.peek() == "print":
            self.next()
            code = self.next().strip('"')
        words = []
        while self.peek()[0] == '"':
            words.append(self.next().strip('"'))
        self.errors[code] = (" ".join(words), params)

    def read_type(self):
        name = self.next()
        if name in ("ref", "record"):
            return (name, self.next())
        if name == "set":
            self.expect("(")
            t = ("set", self.read_type())
        elif name == "map":
            self.expect("(")
            key = self.read_type()
            self.expect(",")
            t = ("map", key, self.read_type())
        else:
            if name in SCALARS:
                return ("int" if name in UNITS else name,)
            return ("enum", name)
        self.expect(")")
        return t

    def read_class(self):
        name = self.next()
        words = set()
        while self.peek() != "{":
            words.add(self.next())
        self.next()
        self.classes[name], self.attributes[name] = {}, words
        writer = "pool-admin"
        while self.peek() != "}":
            word = self.next()
            if word == "writer":
                writer = self.next()
            elif word == "field":
                self.read_field(name, writer)
            elif word == "message":
                self.read_message(name)
        self.next()
        self.add_class_messages(name)

    def read_field(self, cls, writer):
        name = self.next()
        self.expect(":")
        t, flags = self.read_type(), set()
        while self.peek()[0] != '"':
            word = self.next()
            if word == "writer":
                writer = self.next()
            elif word in ("default", "inverse"):
                self.next()
            else:
                assert word in FLAGS, word
                flags.add(word)
        self.docs()
        if self.peek()[0] == '"':
            self.docs()
        self.classes[cls][name] = (t, flags)
        self.add_field_messages(cls, name, t, flags, writer)

    def read_message(self, cls=None):
        name = self.next()
        name = name if cls is None else "%s.%s" % (cls, name)
        params, nullable, facts = [], [], {}
        self.expect("(")
        while self.peek() != ")":
            param = self.next()
            self.expect(":")
            if self.peek() == "nullable":
                self.next()
                nullable.append(param)
            t, default = self.read_type(), False
            if self.peek() == "=":
                self.next()
                self.next()
                default = True
            params.append((param, t, default))
            if self.peek() == ",":
                self.next()
        self.next()
        self.expect("->")
        result = self.read_type()
        self.expect("{")
        while self.peek() != "}":
            word = self.next()
            if word in ("role", "operation"):
                facts[word] = self.next()
            elif word in ("bare", "deprecated", "async"):
                facts[word] = True
            elif word == "nosession":
                facts["session"] = False
        self.next()
        self.messages[name] = Message(name, params, result,
                                      nullable=tuple(nullable), **facts)

    # ---- messages that need no row ----

    def add(self, generic, field, name, params, result, **facts):
        params = [(n, t, False) for n, t in params]
        self.messages.setdefault(name, Message(
            name, params, result, generic=generic, field=field, **facts))

    def add_field_messages(self, cls, f, t, flags, writer):
        me = ("self", ("ref", cls))
        void = ("void",)
        if "internal" in flags or self.is_silent(cls):
            return
        old = "deprecated" in flags
        self.add("get", f, "%s.get_%s" % (cls, f), [me], t, deprecated=old)
        private = "private" in self.attributes[cls]
        if "unique" in flags and not private:
            self.add("unique", f, "%s.get_by_%s" % (cls, f), [(f, t)], me[1])
        if "lookup" in flags and not private:
            self.add("lookup", f, "%s.get_by_%s" % (cls, f),
                     [(f, t)], ("set", me[1]))
        if "RW" not in flags:
            return
        role = {"role": writer}
        self.add("set", f, "%s.set_%s" % (cls, f), [me, ("value", t)], void,
                 **role)
        if t[0] == "map":
            self.add("add_to", f, "%s.add_to_%s" % (cls, f),
                     [me, ("key", t[1]), ("value", t[2])], void, **role)
            self.add("remove_from", f, "%s.remove_from_%s" % (cls, f),
                     [me, ("key", t[1])], void, **role)
        elif t[0] == "set":
            self.add("add", f, "%s.add_%s" % (cls, f),
                     [me, ("value", t[1])], void, **role)
            self.add("remove", f, "%s.remove_%s" % (cls, f),
                     [me, ("value", t[1])], void, **role)

    def is_silent(self, cls):
        """Classes that only messages of other classes speak of."""
        return "internal" in self.attributes[cls] or \
            not self.attributes[cls] & {"listed", "private"}

    def add_class_messages(self, cls):
        if self.is_silent(cls):
            return
        me, record = ("ref", cls), ("record", cls)
        self.add("get_record", None, cls + ".get_record", [("self", me)],
                 record)
        if "listed" not in self.attributes[cls]:
            return
        self.add("get_all", None, cls + ".get_all", [], ("set", me))
        self.add("get_all_records", None, cls + ".get_all_records", [],
                 ("map", me, record))
        self.add("where", None, cls + ".get_all_records_where",
                 [("expr", ("string",))], ("map", me, record))

    def shown(self, cls):
        """The fields of a class that a record on the wire has, in order."""
        return [(f, t) for f, (t, flags) in self.classes[cls].items()
                if "internal" not in flags]
