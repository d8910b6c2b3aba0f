# SPDX-License-Identifier: BSD-2-Clause
"""A XenAPI server that behaves as a test wants: slow, strange, or broken.

For what a real one never does on demand.  One thread, one Unix socket or TLS
port; every call is looked up in a function that the test hands in.
"""
import http.server
import os
import socketserver
import ssl
import threading
import xmlrpc.client


class Broken(Exception):
    """Answer with these bytes instead (b"": hang up)."""


class Failure(Exception):
    """Answer with a failure: args are code and parameters."""


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        args, method = xmlrpc.client.loads(body)
        self.server.calls.append(method)
        try:
            value = self.server.answer(method, args)
            reply = {"Status": "Success", "Value": value}
        except Failure as e:
            reply = {"Status": "Failure", "ErrorDescription": list(e.args)}
        except Broken as e:
            self.wfile.write(e.args[0])
            self.close_connection = True
            return
        text = xmlrpc.client.dumps((reply,), methodresponse=True,
                                   allow_none=True).encode()
        self.send_response(200)
        self.send_header("content-type", "text/xml")
        self.send_header("content-length", str(len(text)))
        try:
            self.end_headers()
            self.wfile.write(text)
        except BrokenPipeError:  # the client has given up: some tests do
            self.close_connection = True

    def address_string(self):
        return "local"

    def log_message(self, *args):
        pass


class Mock:
    """with Mock(answer, path=...) or Mock(answer, cert=...) as m: m.calls"""

    def __init__(self, answer, path=None, cert=None):
        if path:
            if os.path.exists(path):
                os.unlink(path)
            kind = type("Unix", (socketserver.ThreadingMixIn,
                                 socketserver.UnixStreamServer), {})
            self.server = kind(path, Handler)
        else:
            self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0),
                                                          Handler)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(cert + ".pem", cert + ".key")
            self.server.socket = context.wrap_socket(self.server.socket,
                                                     server_side=True)
            self.port = self.server.server_address[1]
        self.server.daemon_threads = True
        self.server.calls = self.calls = []
        self.server.answer = answer

    def __enter__(self):
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       args=(0.05,))
        self.thread.start()
        return self

    def __exit__(self, *exc):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()
