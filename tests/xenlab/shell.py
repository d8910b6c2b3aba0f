#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""A booted Xen to try things on: each line from standard input is run as a
shell script in dom0, and its output printed.

usage: shell.py [--oxenstored] [--backend NAME]
With --backend the daemon is started too, and xe-memory talks to it.
"""
import argparse
import sys

import dom0
import lab


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--oxenstored", action="store_true")
    options.add_argument("--backend")
    options = options.parse_args()
    lab.prepare(dom0.PROGRAMS + ["xe-memory"])
    args = "lab.oxenstored" if options.oxenstored else ""
    with lab.Lab("shell", args) as where:
        print("API https://127.0.0.1:%d agent http://127.0.0.1:%d"
              % (where.api_port, where.agent_port))
        if options.backend:
            dom0.Memoryd(where, options.backend).start()
            print("password %s" % where.sh("cat %s/initial-password"
                                           % dom0.STATE))
        print("$ ", end="", flush=True)
        for line in sys.stdin:
            status, out = where.run(line)
            print("%s%s$ " % (out + "\n" if out else "",
                              "exit status %d\n" % status if status else ""),
                  end="", flush=True)


if __name__ == "__main__":
    main()
