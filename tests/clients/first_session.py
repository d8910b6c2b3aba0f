#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""A first session with a running demo: what make run says to try.

usage: first_session.py STATE_DIR [URL]
Logs in over HTTPS with nothing but Python's standard library.
"""
import ssl
import sys
import xmlrpc.client

state = sys.argv[1]
url = sys.argv[2] if len(sys.argv) > 2 else "https://127.0.0.1:8443/"
password = open(state + "/initial-password").read().strip()
tls = ssl.create_default_context()
tls.check_hostname = False  # the certificate is the daemon's own:
tls.verify_mode = ssl.CERT_NONE  # fine on this machine, not on a network
server = xmlrpc.client.ServerProxy(url, context=tls)


def call(method, *args):
    reply = getattr(server, method)(*args)
    if reply["Status"] != "Success":
        sys.exit("%s: %s" % (method, " ".join(reply["ErrorDescription"])))
    return reply["Value"]


def gib(text):
    return "%6.2f GiB" % (int(text) / 2**30)


session = call("session.login_with_password", "root", password, "1.0", "demo")
for host in call("host.get_all", session):
    print("host %s: %s can still be promised" % (
        call("host.get_name_label", session, host),
        gib(call("host.compute_free_memory", session, host)).strip()))
print("%-20s %-9s %10s %10s %10s" % ("VM", "state", "dyn. min", "dyn. max",
                                     "static max"))
records = call("VM.get_all_records", session)
for vm in sorted(records.values(), key=lambda r: r["name_label"]):
    print("%-20s %-9s %s %s %s" % (
        vm["name_label"], vm["power_state"], gib(vm["memory_dynamic_min"]),
        gib(vm["memory_dynamic_max"]), gib(vm["memory_static_max"])))
call("session.logout", session)
