#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""npm's xen-api, the client of Xen Orchestra, over JSON-RPC and XML-RPC: the
scripts of npm/ against a daemon that is killed and started in between.

The module comes from the npm registry, as npm/package-lock.json says.  Exit
status 77: node, npm or the registry is not there, so nothing was tested.
"""
import hashlib
import os
import re
import shutil
import subprocess
import sys

import daemon

HERE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "npm")
BUILD = os.path.join(daemon.TOP, "build", "npm")
SKIPPED = 77
OLDEST_NODE = 18
FILES = ("package.json", "package-lock.json", ".npmrc")
LONGEST_S = 600
# what npm says when it cannot get at the registry, and nothing worse
AWAY = re.compile(r"code (E(NOTFOUND|AI_AGAIN|CONNREFUSED|CONNRESET|TIMEDOUT"
                  r"|HOSTUNREACH|NETUNREACH"
                  r"|[45]\d\d)|SELF_SIGNED\w*|UNABLE_TO_\w+|FETCH_ERROR)")


def skip(why):
    print("SKIPPED: " + why)
    sys.exit(SKIPPED)


def node():
    """The node program; the one of Debian is as good as a newer one."""
    program = shutil.which("node") or shutil.which("nodejs")
    if program is None:
        skip("there is no node")
    version = subprocess.run([program, "--version"], capture_output=True,
                             text=True, check=True).stdout.strip()
    if int(version.lstrip("v").split(".")[0]) < OLDEST_NODE:
        skip("node %s is older than %d" % (version, OLDEST_NODE))
    print("node", version)
    return program


def install():
    """npm ci into build/npm, unless what is there is of the same lock."""
    os.makedirs(BUILD, exist_ok=True)
    for name in os.listdir(HERE):
        shutil.copy(os.path.join(HERE, name), BUILD)
    with open(os.path.join(HERE, "package-lock.json"), "rb") as f:
        lock = hashlib.sha256(f.read()).hexdigest()
    stamp = os.path.join(BUILD, "installed")
    if os.path.exists(stamp):
        with open(stamp) as f:
            if f.read() == lock:
                return
    npm = shutil.which("npm")
    if npm is None:
        skip("there is no npm")
    try:
        done = subprocess.run([npm, "ci", "--prefer-offline"], cwd=BUILD,
                              stdin=subprocess.DEVNULL, timeout=LONGEST_S,
                              stdout=subprocess.PIPE, text=True,
                              stderr=subprocess.STDOUT)
    except subprocess.TimeoutExpired:
        skip("the npm registry does not answer")
    print(done.stdout)
    if done.returncode != 0:
        if AWAY.search(done.stdout):
            skip("the npm registry is not there")
        raise SystemExit("npm ci failed")
    with open(stamp, "w") as f:
        f.write(lock)


def restart(d):
    d.kill()
    d.port = int(d.url.rsplit(":", 1)[1])
    d.start()


def run(program, transport):
    """The scripts over one transport; the number of checks."""
    with daemon.running() as d:
        env = dict(os.environ, XAPI_PASSWORD=d.password())
        client = subprocess.Popen(
            [program, os.path.join(BUILD, "main.mjs"), d.url, transport],
            env=env, text=True, stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            checks = talk(client, d)
        finally:
            if client.poll() is None:
                client.kill()
            client.wait()
        assert client.returncode == 0, "exit status %d" % client.returncode
        assert checks > 0, "it checked nothing"
        return checks


def talk(client, d):
    checks = 0
    for line in client.stdout:
        if line.strip() == "restart":
            restart(d)
            client.stdin.write("restarted\n")
            client.stdin.flush()
            continue
        print(line, end="", flush=True)
        end = re.match(r"(\d+) checks of", line)
        if end:
            checks = int(end[1])
    client.wait()
    return checks


def main():
    program = node()
    install()
    total = 0
    for transport in ("json-rpc", "xml-rpc", "auto"):
        print("== " + transport)
        total += run(program, transport)
    print("%d passed, 0 failed" % total)


if __name__ == "__main__":
    main()
