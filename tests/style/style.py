#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""The checkable habits of this code base; `make style` runs it.

One line per finding, FILE:LINE: what; exits 1 when there is any.
"""
import collections
import glob
import os
import re
import statistics
import subprocess
import sys

GEN = {"idl_types.h", "idl_errors.h", "api_handlers.h"}
# Folder -> project folders it may include (generated tables are model's).
MAY = {
    "model": {"model"},
    "model/journal": {"model", "model/journal"},
    "xen": {"model", "xen"},
    "api": {"model", "xen", "api"},
    "api/idlc": {"api/idlc"},
    "certs": {"certs"},
    "server": {"model", "model/journal", "xen", "api", "server", "certs",
               "cli"},
    "cli": {"cli"},
}
# Folder -> foreign headers beyond libc that it may use.
FOREIGN = {
    "model": (),
    "model/journal": ("sqlite3.h", "jansson.h"),
    "xen": ("ini.h", "xenctrl.h", "xenstore.h", "xenstore_lib.h"),
    "api": ("ini.h",),
    "api/idlc": (),
    "certs": ("openssl/",),
    "server": ("openssl/", "event2/", "http_parser.h", "expat.h",
               "jansson.h", "ini.h", "crypt.h", "sqlite3.h", "security/"),
    "cli": ("xmlrpc-c/", "curl/"),
}
NOT_LIBC = re.compile(r"^(openssl|event2|http_parser|expat|jansson|ini\.h|"
                      r"crypt|sqlite3|xenctrl|xenstore|xmlrpc|curl|security)")
NOT_MODEL = re.compile(r"^(sys/socket|pthread|unistd|time\.h|sys/|fcntl|"
                       r"poll|netdb|signal)")
PREFIX = {
    "libmodel": r"(arena|err|idl|fld|trie|mem|inv|bal|res|jrn|wrq|acct)_",
    "libjournal": r"jrn_",
    "libhv": r"(hv|bal_loop|gst)_",
    "libapi": r"(api|sess|task|evt|disp|rpc)_",
    "libcerts": r"cert_",
    "libcli": r"cli_",
    "libserver": r"(http|tls|log|xml|jsn|rpc|srv|usr|conf|pool|wrq|hvd|thin|fatal)",
}
findings = []


def find(path, line, text):
    findings.append("%s:%d: %s" % (path, line, text))


def folder_of(path):
    d = os.path.dirname(path)
    return d


def sources(pattern):
    out = subprocess.run(["git", "ls-files", "-co", "--exclude-standard",
                          pattern], capture_output=True, text=True,
                         check=True).stdout.split()
    return [p for p in out if os.path.exists(p)]


def check_includes(path, lines):
    folder = folder_of(path)
    if folder not in MAY:
        return
    if path == "server/main.c":
        return
    for n, line in enumerate(lines, 1):
        m = re.match(r'#include\s+([<"])([^>"]+)[>"]', line)
        if not m:
            continue
        name = m.group(2)
        if m.group(1) == '"':
            if name in GEN:
                continue
            if folder_of(name) not in MAY[folder]:
                find(path, n, "%s may not include %s" % (folder, name))
        elif NOT_LIBC.match(name):
            if not name.startswith(FOREIGN[folder] or ("\0",)):
                find(path, n, "%s may not use <%s>" % (folder, name))
        elif folder == "model" and NOT_MODEL.match(name):
            find(path, n, "model/ does no I/O: <%s>" % name)


def strip_comments(text):
    keep = lambda m: re.sub(r"[^\n]", "", m.group(0))
    return re.sub(r"/\*.*?\*/", keep, text, flags=re.S)


def check_sizes(path, text, lengths):
    lines = text.split("\n")
    code = [l for l in strip_comments(text).split("\n") if l.strip()]
    if path.endswith(".h") and len(code) > 150 + 60 * ("model/idl.h" in path
                                                      or "api/api.h" in path):
        find(path, 1, "header has %d lines of code; split it" % len(code))
    if len(lines) > 800:
        find(path, 1, "file has %d lines; split it" % len(lines))
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start is not None:
            lengths[path].append(n - start)
            if n - start > 100:
                find(path, start, "function of %d lines" % (n - start))
            start = None
        if len(line.expandtabs(8)) > 80 and not re.search(r"https?://|\".{60,}",
                                                          line):
            find(path, n, "line is %d columns wide"
                 % len(line.expandtabs(8)))
        if line.rstrip() != line:
            find(path, n, "trailing white space")


def check_head(path, text):
    first = text.split("\n", 1)[0]
    if "SPDX-License-Identifier: BSD-2-Clause" not in first:
        find(path, 1, "first line is not the SPDX line")
    if path.endswith(".c") and folder_of(path) in MAY:
        if folder_of(path) != "xen" and re.search(r"^#\s*if", text, re.M):
            n = text[:re.search(r"^#\s*if", text, re.M).start()].count("\n")
            find(path, n + 1, "#if in a .c file outside xen/")
    if re.search(r"^typedef (struct|union|enum)\b[^(;]*;", text, re.M):
        find(path, 1, "typedef of a struct, union or enum")
    for m in re.finditer(r"\b(alloca|strcpy|strcat|sprintf|gets)\(", text):
        find(path, text[:m.start()].count("\n") + 1, "uses %s" % m.group(1))


def check_prototypes(path, text):
    """Every prototype of a public header is named in the comment above it."""
    if not path.endswith(".h") or folder_of(path) not in MAY:
        return
    blocks = re.split(r"\n\s*\n", text)
    at = 1
    comment = ""
    for block in blocks:
        m = re.match(r"\s*(/\*.*?\*/)", block, re.S)
        body = block[m.end():] if m else block
        if m:
            comment = m.group(1)
        body = re.sub(r"/\*.*?\*/", "", body, flags=re.S)
        if not re.search(r"\bstruct \w+ \{|\benum \w+ \{|^#|inline|typedef",
                         body, re.M):
            for p in re.finditer(r"(?m)^[a-z][\w\s\*]*?\*?\b(\w+)\(", body):
                name = p.group(1)
                if name.startswith("__") or name == "printf":
                    continue
                if not re.search(r"\b%s\b" % name, comment):
                    find(path, at, "%s has no comment block" % name)
        at += block.count("\n") + 2


def check_headers_alone(headers):
    for path in headers:
        if folder_of(path) not in MAY:
            continue
        r = subprocess.run(["gcc", "-std=c17", "-D_GNU_SOURCE", "-I.",
                            "-Ibuild/gen", "-fsyntax-only", "-x", "c", path],
                           capture_output=True, text=True)
        if r.returncode != 0:
            find(path, 1, "does not compile alone: %s"
                 % r.stderr.strip().split("\n")[0])


def check_symbols():
    for lib, prefix in PREFIX.items():
        path = "build/%s.a" % lib
        if not os.path.exists(path):
            find(path, 0, "not built: run make build first")
            continue
        out = subprocess.run(["nm", "-A", "--defined-only", "-g", path],
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            name = line.split()[-1]
            if not re.match(prefix, name):
                find(path, 0, "symbol %s lacks its module's prefix" % name)


def check_lengths(lengths):
    every = sorted(n for path, ns in lengths.items() for n in ns
                   if not path.startswith("tests/"))
    if not every:
        return
    median = statistics.median(every)
    ninth = every[int(len(every) * 0.9)]
    print("functions: %d, median %g lines, 9 of 10 up to %d, longest %d"
          % (len(every), median, ninth, every[-1]))
    if median > 20:
        find(".", 0, "median function length is %g, over 20" % median)
    if ninth > 50:
        find(".", 0, "one function in ten is longer than %d lines" % ninth)


def main():
    os.chdir(os.path.join(os.path.dirname(os.path.abspath(__file__)),
                          "..", ".."))
    lengths = collections.defaultdict(list)
    files = sources("*.c") + sources("*.h")
    for path in files:
        with open(path, encoding="utf-8") as f:
            text = f.read()
        check_includes(path, text.split("\n"))
        check_sizes(path, text, lengths)
        check_head(path, text)
        check_prototypes(path, text)
    check_headers_alone([p for p in files if p.endswith(".h")])
    check_symbols()
    check_lengths(lengths)
    for f in findings:
        print(f)
    print("%d files, %d findings" % (len(files), len(findings)))
    sys.exit(1 if findings else 0)


if __name__ == "__main__":
    main()
