#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Server CPU per keep-alive TLS call, against nginx answering a static body
of the same size: ours and nginx's runs alternate, the ratio is of medians.

usage: tls.py [SECONDS_A_RUN [ROUNDS]]
"""
import os
import re
import statistics
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, "..", "clients"))
import daemon  # noqa: E402

TICK = os.sysconf("SC_CLK_TCK")
CONNECTIONS = 32


def cpu_s(pids):
    total = 0
    for pid in pids:
        with open("/proc/%d/stat" % pid) as f:
            fields = f.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def children(pid):
    out = subprocess.run(["ps", "-o", "pid=", "--ppid", str(pid)],
                         capture_output=True, text=True).stdout
    return [int(p) for p in out.split()]


def wrk(url, body, seconds):
    """Requests answered with 200 in one run from the second core."""
    script = tempfile.NamedTemporaryFile("w", suffix=".lua", delete=False)
    script.write('wrk.method = "POST"\nwrk.body = [[%s]]\n'
                 'wrk.headers["Content-Type"] = "text/xml"\n' % body)
    script.close()
    out = subprocess.run(
        ["taskset", "-c", "1", "wrk", "-t", "1", "-c", str(CONNECTIONS),
         "-d", "%ds" % seconds, "-s", script.name, url],
        capture_output=True, text=True, check=True).stdout
    os.unlink(script.name)
    assert "Non-2xx" not in out and "Socket errors" not in out, out
    return int(re.search(r"(\d+) requests in", out).group(1))


def nginx(state, size):
    conf = os.path.join(state, "nginx.conf")
    with open(conf, "w") as f:
        f.write("""
daemon off; pid %(s)s/nginx.pid; error_log %(s)s/nginx.log;
worker_processes 1; worker_cpu_affinity 01;
events { worker_connections 1024; }
http { access_log off; keepalive_requests 100000000;
 client_body_temp_path %(s)s/b; proxy_temp_path %(s)s/p;
 fastcgi_temp_path %(s)s/f; uwsgi_temp_path %(s)s/u; scgi_temp_path %(s)s/c;
 server { listen 127.0.0.1:%(port)d ssl;
  ssl_certificate %(s)s/tls-ec.pem; ssl_certificate_key %(s)s/tls-ec.key;
  ssl_protocols TLSv1.3;
  location / { default_type text/xml;
   add_header cache-control "no-cache, no-store";
   add_header Access-Control-Allow-Origin "*";
   add_header Access-Control-Allow-Headers X-Requested-With;
   return 200 "%(body)s"; } } }
""" % {"s": state, "port": 18444, "body": "x" * size})
    p = subprocess.Popen(["nginx", "-c", conf, "-p", state, "-e",
                          os.path.join(state, "nginx.log")])
    for _ in range(200):
        if children(p.pid):
            break
        os.sched_yield()
        subprocess.run(["true"])
    return p


def main():
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    conf = tempfile.NamedTemporaryFile("w", suffix=".conf", delete=False)
    conf.write("threads = 1\n")
    conf.close()
    with daemon.running(extra=["--config", conf.name]) as d:
        api = d.local()
        vm = api.call("VM.create", daemon.vm_record("b", 0, 1, 2, 1 << 30))
        body = ("<?xml version='1.0'?><methodCall><methodName>"
                "VM.get_memory_static_max</methodName><params><param>"
                "<value><string>%s</string></value></param><param><value>"
                "<string>%s</string></value></param></params></methodCall>"
                % (api.session, vm))
        reply = api.raw("VM.get_memory_static_max", api.session, vm)
        assert reply == str(1 << 30)
        size = len("<?xml version=\"1.0\"?><methodResponse><params><param>"
                   "<value><struct><member><name>Status</name><value>Success"
                   "</value></member><member><name>Value</name><value>%s"
                   "</value></member></struct></value></param></params>"
                   "</methodResponse>" % reply)
        pid = d.process.pid
        subprocess.run(["taskset", "-a", "-p", "-c", "0", str(pid)],
                       check=True, capture_output=True)
        n = nginx(d.state, size)
        try:
            ours, theirs = [], []
            for _ in range(rounds):
                for url, pids, into in (
                        (d.url, [pid], ours),
                        ("https://127.0.0.1:18444/",
                         children(n.pid), theirs)):
                    before = cpu_s(pids)
                    requests = wrk(url, body, seconds)
                    into.append((cpu_s(pids) - before) / requests * 1e6)
        finally:
            n.terminate()
            n.wait()
    os.unlink(conf.name)
    a, b = statistics.median(ours), statistics.median(theirs)
    print("call of %d bytes, reply body of %d bytes, %d connections"
          % (len(body), size, CONNECTIONS))
    print("server CPU per call: ours %.2f us %s, nginx %.2f us %s"
          % (a, ["%.2f" % x for x in ours], b, ["%.2f" % x for x in theirs]))
    print("ratio %.2f (budget 1.5)" % (a / b))


if __name__ == "__main__":
    main()
