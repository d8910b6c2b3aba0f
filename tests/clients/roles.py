#!/usr/bin/python3
# SPDX-License-Identifier: BSD-2-Clause
"""Who may do what: accounts, roles, sessions, PAM, secrets, certificates.

Nothing of the machine is changed: PAM reads service files of a folder of
ours, and every daemon has a state folder of its own.
"""
import concurrent.futures
import contextlib
import grp
import os
import pwd
import shutil
import socket
import ssl
import subprocess
import sys
import tempfile
import time
import xmlrpc.client

import daemon
import wire_idl

PASSWORD = "correct horse 9"
NULL = "OpaqueRef:NULL"
MAKE_CERTS = os.path.join(daemon.TOP, "build", "make-certs")
passed = 0


def same(what, got, want):
    global passed
    assert got == want, "%s: got %r, want %r" % (what, got, want)
    passed += 1


def tool(state, *words, password=PASSWORD):
    """xenapi-memoryd's own administration; (status, output, errors)."""
    done = subprocess.run([daemon.DAEMON, "--state", state] + list(words),
                          input=password + "\n", capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


@contextlib.contextmanager
def configured(text="", **kwargs):
    """A daemon with a config file."""
    with tempfile.TemporaryDirectory(prefix="xenapi-memory-conf-") as folder:
        path = os.path.join(folder, "conf")
        with open(path, "w", encoding="utf-8") as f:
            f.write(text)
        with daemon.running(extra=["--config", path], **kwargs) as d:
            yield d


def failure(call, *args):
    """The ErrorDescription that something fails with."""
    try:
        value = call(*args)
    except daemon.ApiError as e:
        return list(e.args)
    raise AssertionError("%r succeeded with %r" % (args, value))


def eventually(what, ask, want):
    """The daemon notices changed files by itself, soon."""
    for _ in range(500):
        got = ask()
        if got == want:
            break
        time.sleep(0.02)
    same(what, got, want)


def plain(d):
    """A caller over TLS who has not logged in."""
    api = daemon.Api.__new__(daemon.Api)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    api.proxy = xmlrpc.client.ServerProxy(
        d.url, transport=xmlrpc.client.SafeTransport(context=context))
    return api


# ---- accounts ----

def accounts():
    with daemon.running() as d:
        for role in ("pool-operator", "read-only"):
            same("add " + role, tool(d.state, "--add-user", "u-" + role,
                                     role)[0], 0)
        status, out, _ = tool(d.state, "--list-users")
        same("list", (status, [line.split() for line in out.splitlines()]),
             (0, [["root", "pool-admin"], ["u-pool-operator",
                  "pool-operator"], ["u-read-only", "read-only"]]))
        # 78: a command line that is wrong
        for words, password, code, want in (
                (("--add-user", "x", "emperor"), PASSWORD, 1, "no such role"),
                (("--add-user", "x", "client-cert"), PASSWORD, 1,
                 "no such role"),
                (("--add-user", "a:b", "read-only"), PASSWORD, 1,
                 "a name has"),
                (("--add-user", "#a", "read-only"), PASSWORD, 1,
                 "a name has"),
                (("--add-user", "x", "read-only"), "short", 1,
                 "a password has 8 to 512 bytes"),
                (("--add-user", "x"), PASSWORD, 78, "needs NAME and ROLE"),
                (("--del-user", "nobody-here"), "", 1, "no such account")):
            status, _, errors = tool(d.state, *words, password=password)
            same("%r refused" % (words,), (status, want in errors),
                 (code, True))
        # Many at once, and the daemon besides: no change is lost.
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            jobs = [pool.submit(tool, d.state, "--add-user", "many%d" % i,
                                "vm-operator") for i in range(16)]
            changed = d.https()
            same("meanwhile", changed.call(
                "session.change_password", d.password(), PASSWORD), "")
            same("all of them", [j.result()[0] for j in jobs], [0] * 16)
        same("are there", len(tool(d.state, "--list-users")[1].split()),
             2 * (3 + 16))
        same("and root's new password", d.https(
            "root", PASSWORD).session[:10], "OpaqueRef:")
        user = None

        def login():
            nonlocal user
            try:
                user = d.https("u-read-only", PASSWORD)
                return "in"
            except daemon.ApiError as e:
                return e.args[0]
        eventually("an account that was added", login, "in")
        # A new role counts at once, a removed account is out at once.
        vm = [user.session]
        denied = user.error("session.logout_subject_identifier", "x")
        same("too little", denied[:2], ["RBAC_PERMISSION_DENIED",
                                        "session.logout_subject_identifier"])
        tool(d.state, "--add-user", "u-read-only", "pool-operator")

        def may():
            try:
                return user.call("session.logout_subject_identifier", "x")
            except daemon.ApiError as e:
                return e.args[0]
        eventually("a stronger role", may, "")
        same("own password", user.call("session.change_password", PASSWORD,
                                       "another horse 9"), "")
        same("the old one", failure(
            d.https, "u-read-only", PASSWORD)[0],
            "SESSION_AUTHENTICATION_FAILED")
        tool(d.state, "--del-user", "u-read-only")
        eventually("a removed account", lambda: may(), "SESSION_INVALID")
        same("its session", user.error("VM.get_all"),
             ["SESSION_INVALID", vm[0]])
        # A new password for root: the first one's file goes.
        tool(d.state, "--add-user", "root", "pool-admin")
        same("initial-password", os.path.exists(
            os.path.join(d.state, "initial-password")), False)
        for name in ("users", "users.lock"):
            same(name + " is private",
                 os.stat(os.path.join(d.state, name)).st_mode & 0o777, 0o600)


# ---- every message, every role ----

def value_of(idl, t):
    kind = t[0]
    if kind == "ref":
        return NULL
    if t == ("record", "VM"):
        return daemon.vm_record("roles", 0, 1 << 26, 1 << 26, 1 << 26)
    if kind == "enum":
        return idl.enums[t[1]][0]
    return {"string": "", "int": "0", "float": 0.0, "bool": False,
            "datetime": xmlrpc.client.DateTime("19700101T00:00:00Z"),
            "set": [], "map": {}, "record": {}}[kind]


def table():
    idl = wire_idl.Idl()
    rows = 0
    with daemon.running() as d:
        users = {}
        for role in idl.roles:
            if role != "client-cert":
                same("add " + role,
                     tool(d.state, "--add-user", role, role)[0], 0)

        def all_in():
            for role in idl.roles:
                if role != "client-cert" and role not in users:
                    try:
                        users[role] = d.https(role, PASSWORD)
                    except daemon.ApiError:
                        return False
            return True
        eventually("all are in", all_in, True)
        for name, m in sorted(idl.messages.items()):
            if not m.session or name in ("session.logout",
                                         "session.local_logout"):
                continue
            args = [value_of(idl, p[1]) for p in m.params if not p[2]]
            least = idl.roles.index(m.role)
            for role, user in users.items():
                try:
                    user.call(name, *args)
                    why = ["Success"]
                except daemon.ApiError as e:
                    why = list(e.args)
                what = "%s as %s: %r" % (name, role, why)
                if idl.roles.index(role) > least:
                    same(what, why[:2],
                         ["RBAC_PERMISSION_DENIED", name.lower()])
                    same(what, m.role in why[2] and len(why) == 3, True)
                else:
                    same(what, why[0] in ("RBAC_PERMISSION_DENIED",
                                          "SESSION_INVALID",
                                          "INTERNAL_ERROR"), False)
                rows += 1
        # What the sessions say of themselves agrees.
        for role, user in users.items():
            me = user.call("session.get_record", user.session)
            strong = role == "pool-admin"
            same("superuser", me["is_local_superuser"], strong)
            same("name", me["auth_user_name"], role)
            same("sid", me["auth_user_sid"], "" if strong else role)
            same("subject", me["subject"], NULL)
            want = [] if strong else sorted(
                n.lower() for n, m in idl.messages.items() if m.session and
                idl.roles.index(m.role) >= idl.roles.index(role))
            same("permissions of " + role,
                 sorted(me["rbac_permissions"]), want)
            same("and the getter", user.call(
                "session.get_rbac_permissions", user.session),
                me["rbac_permissions"])
        same("subjects", sorted(users["read-only"].call(
            "session.get_all_subject_identifiers")),
            sorted(r for r in users if r != "pool-admin"))
        for user in users.values():
            same("logout", user.call("session.logout"), "")
    print("table: %d rows" % rows)


# ---- sessions ----

def sessions():
    limits = ("[limits]\nsessions_per_user = 3\n"
              "sessions_per_originator = 4\nsessions_anonymous = 2\n")
    with configured(limits) as d:
        local = d.local()

        def login(user, originator):
            return local.raw("session.login_with_password", user, "", "1.0",
                             originator)

        def alive(ref):
            try:
                return local.raw("session.get_uuid", ref, ref) != ""
            except daemon.ApiError as e:
                same("gone", list(e.args), ["SESSION_INVALID", ref])
                return False
        for user, originator, n in (("a", "", 3), ("", "o", 4), ("", "", 2)):
            refs = [login(user, originator) for _ in range(n + 2)]
            same("%d of %r, %r" % (n, user, originator),
                 [alive(r) for r in refs], [False] * 2 + [True] * n)
        refs = [login("u%d" % i, "same") for i in range(6)]
        same("of one originator", [alive(r) for r in refs],
             [False] * 2 + [True] * 4)
        tool(d.state, "--add-user", "ann", "vm-admin")
        tool(d.state, "--add-user", "bob", "pool-operator")
        users = []

        def in_():
            try:
                users.append(d.https("ann", PASSWORD))
                users.append(d.https("bob", PASSWORD))
            except daemon.ApiError:
                users.clear()
            return len(users)
        eventually("two users", in_, 2)
        ann, bob = users
        same("ids", bob.call("session.get_all_subject_identifiers"),
             ["ann", "bob"])
        same("nobody's", bob.call("session.logout_subject_identifier",
                                  "carl"), "")
        same("superusers have none", bob.call(
            "session.logout_subject_identifier", ""), "")
        same("ann's", bob.call("session.logout_subject_identifier", "ann"),
             "")
        same("ann is out", ann.error("VM.get_all")[0], "SESSION_INVALID")
        same("one's own stays", bob.call(
            "session.logout_subject_identifier", "bob"), "")
        same("bob is in", bob.call("session.get_all_subject_identifiers"),
             ["bob"])
        same("another's session", bob.error(
            "session.get_uuid", local.session)[0], "HANDLE_INVALID")


# ---- the pool's secret, and hosts that are not its coordinator ----

def pools():
    folder = tempfile.mkdtemp(prefix="xenapi-memory-pool-")
    secret = os.path.join(folder, "ptoken")
    with open(secret, "w", encoding="ascii") as f:
        f.write("a-pool-secret/of-some-length\n")
    os.chmod(secret, 0o600)
    second = os.path.join(folder, "xapi")
    text = "pool_secret_file = %s\nlocal_socket = %s\n" % (secret, second)
    word = "a-pool-secret/of-some-length"
    with configured(text + "master = 192.0.2.7\n") as d:
        net = plain(d)
        # First of all: each failure makes the next try wait longer.
        ref = net.raw("session.slave_login", NULL, word)
        me = net.raw("session.get_record", ref, ref)
        same("a pool session", (me["pool"], me["is_local_superuser"],
                                me["auth_user_name"]), (True, True, ""))
        same("may read", net.raw("VM.get_all", ref), net.raw(
            "VM.get_all", ref))
        local_ref = net.raw("session.slave_local_login", word)
        same("a local session", net.raw("session.get_pool", local_ref,
                                        local_ref), False)
        same("ends", net.raw("session.local_logout", local_ref), "")
        same("login", failure(net.raw, "session.login_with_password", "root",
                              d.password()), ["HOST_IS_SLAVE", "192.0.2.7"])
        same("emergency", net.raw(
            "session.slave_local_login_with_password", "root",
            d.password())[:10], "OpaqueRef:")
        same("root on the socket", d.local().call("pool.get_all") != [],
             True)
        other = "OpaqueRef:12345678-1234-4234-8234-123456789abc"
        why = failure(net.raw, "session.slave_login", other, word + "x")
        same("another secret", (why[:2], len(why)), (
            ["SESSION_AUTHENTICATION_FAILED", other], 3))
        why = failure(net.raw, "session.slave_local_login", "")
        same("no secret", why[:2], ["SESSION_AUTHENTICATION_FAILED", NULL])
        os.chmod(secret, 0o644)
        same("a secret that all can read", failure(
            net.raw, "session.slave_login", NULL, word)[0],
            "SESSION_AUTHENTICATION_FAILED")
        # The second socket.
        same("0600", os.stat(second).st_mode & 0o7777, 0o600)
        api = daemon.Api(daemon.UnixTransport(second), user="", password="")
        same("is root", api.call("session.get_is_local_superuser",
                                 api.session), True)
        again = subprocess.run(
            [daemon.DAEMON, "--state", os.path.join(folder, "s"),
             "--listen", "127.0.0.1:0", "--backend", "sim", "--config",
             d.extra[1]], capture_output=True, text=True, timeout=60)
        same("in use", (again.returncode, "Address already in use" in
                        again.stderr), (1, True))
        api.close()
    same("it goes with the daemon", os.path.exists(second), False)
    stale = socket.socket(socket.AF_UNIX)
    stale.bind(second)
    stale.close()
    with configured(text) as d:
        api = daemon.Api(daemon.UnixTransport(second))
        same("a stale socket is replaced", api.session[:10], "OpaqueRef:")
        same("without a master", d.https().call("VM.get_all") is not None,
             True)
        api.close()
    with configured() as d:
        same("no secret is configured", failure(
            plain(d).raw, "session.slave_login", NULL, "")[0],
            "SESSION_AUTHENTICATION_FAILED")
    shutil.rmtree(folder)


# ---- PAM ----

SCRIPT = """#!/bin/sh
read -r word
[ "$word" = "%s" ] && [ "$PAM_RHOST" = 127.0.0.1 ]
""" % PASSWORD
SERVICES = {
    "permit": "auth required pam_permit.so\naccount required pam_permit.so\n",
    "deny": "auth required pam_deny.so\naccount required pam_deny.so\n",
    "expired": "auth required pam_permit.so\naccount required pam_deny.so\n",
    "word": "auth required pam_exec.so expose_authtok %(dir)s/word.sh\n"
            "account required pam_permit.so\n",
    "hang": "auth required pam_exec.so %(dir)s/hang.sh\n",
    "crash": "auth required pam_exec.so %(dir)s/crash.sh\n",
    "liar": "auth required pam_exec.so stdout %(dir)s/liar.sh\n",
    "broken": "auth required pam_no_such_module.so\n",
}
SCRIPTS = {
    "word.sh": SCRIPT,
    "hang.sh": "#!/bin/sh\nsleep 1000 & echo $! >%(dir)s/hang.pid\nwait\n",
    "crash.sh": "#!/bin/sh\nkill -9 $PPID\n",
    "liar.sh": "#!/bin/sh\nprintf 'accepted\\ngroup %(group)s\\nend\\n'\n"
               "exit 1\n",
}


def pam():
    me = pwd.getpwuid(os.getuid()).pw_name
    group = grp.getgrgid(pwd.getpwnam(me).pw_gid).gr_name
    folder = tempfile.mkdtemp(prefix="xenapi-memory-pam-")
    os.chmod(folder, 0o755)
    words = {"dir": folder, "group": group}
    for name, text in {**SERVICES, **SCRIPTS}.items():
        with open(os.path.join(folder, name), "w", encoding="ascii") as f:
            f.write(text % words)
        os.chmod(os.path.join(folder, name), 0o755)
    denied, role = "SESSION_AUTHENTICATION_FAILED", "vm-operator"
    for service, user, password, want in (
            ("permit", me, "x", "in"),
            ("permit", "nobody", "x", "SESSION_AUTHORIZATION_FAILED"),
            ("permit", "no-such-user", "x", "SESSION_AUTHORIZATION_FAILED"),
            ("deny", me, "x", denied), ("expired", me, "x", denied),
            ("word", me, PASSWORD, "in"), ("word", me, "x", denied),
            ("word", "", PASSWORD, denied),
            ("word", me, PASSWORD + "\n" + PASSWORD, "in"),
            ("hang", me, "x", denied), ("crash", me, "x", denied),
            ("liar", me, "x", denied), ("broken", me, "x", denied),
            ("missing", me, "x", denied)):
        text = ("pam_service = %s\npam_confdir = %s\npam_ms = 3000\n"
                "[roles]\n%s = %s\nno-such-group = pool-admin\n"
                % (service, folder, group, role))
        with configured(text) as d:
            what = "PAM %s, %r, %r" % (service, user, password)
            same("no account is made",
                 os.path.exists(os.path.join(d.state, "users")), False)
            api, net = None, plain(d)
            try:
                net.session = net.raw("session.login_with_password", user,
                                      password)
                got, api = "in", net
            except daemon.ApiError as e:
                got = e.args[0]
                same(what, (e.args[1], len(e.args)), (user, 3))
            same(what, got, want)
            if api is not None:
                same("name", api.call("session.get_auth_user_name",
                                      api.session), user)
                same("too little", api.error("VM.destroy", NULL)[0],
                     "RBAC_PERMISSION_DENIED")
                same("its password is not ours", api.error(
                    "session.change_password", password, "whatever 99")[0],
                    "OPERATION_NOT_ALLOWED")
            if service == "hang":
                with open(os.path.join(folder, "hang.pid"),
                          encoding="ascii") as f:
                    gone(int(f.read()))
            same("the daemon goes on", d.local().call("pool.get_all") != [],
                 True)
    # Who hangs keeps neither our own accounts' users nor the end waiting.
    text = ("pam_service = hang\npam_confdir = %s\npam_ms = 60000\n"
            % folder)
    with configured(text) as d:
        tool(d.state, "--add-user", "ann", "read-only")
        eventually("ann", lambda: entered(d, "ann"), True)
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        body = xmlrpc.client.dumps(("somebody%d", "x"),
                                   "session.login_with_password")
        waiting = []
        for i in range(9):
            host, port = d.url[len("https://"):].split(":")
            s = context.wrap_socket(
                socket.create_connection((host, int(port))))
            text = body % i
            s.sendall(("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: %d"
                       "\r\n\r\n%s" % (len(text), text)).encode())
            waiting.append(s)
        for _ in range(5):
            same("ann's login goes on", entered(d, "ann"), True)
        began = time.monotonic()
        same("SIGTERM", d.stop(), 0)
        same("ends soon", time.monotonic() - began < 15, True)
        for s in waiting:
            s.close()
    # Our own accounts come first, and are made by the tool.
    text = ("pam_service = deny\npam_confdir = %s\n" % folder)
    with configured(text) as d:
        tool(d.state, "--add-user", me, "pool-admin")
        eventually("an account of ours", lambda: entered(d, me), True)
    shutil.rmtree(folder)


def entered(d, user):
    try:
        d.https(user, PASSWORD)
        return True
    except daemon.ApiError:
        return False


def gone(pid):
    """What a helper has started ends with it."""
    def state():
        try:
            with open("/proc/%d/stat" % pid, encoding="ascii") as f:
                return f.read().split()[2] == "Z"
        except OSError:
            return True
    eventually("process %d has ended" % pid, state, True)


# ---- client certificates ----

def certificates():
    folder = tempfile.mkdtemp(prefix="xenapi-memory-certs-")
    for ca in ("ours", "theirs"):
        subprocess.run([MAKE_CERTS, os.path.join(folder, ca)], check=True)
    with configured("client_ca_file = %s/ours/ca.pem\n" % folder) as d:
        def caller(ca):
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            if ca is not None:
                base = os.path.join(folder, ca, "client")
                context.load_cert_chain(base + ".pem", base + ".key")
            api = plain(d)
            api.proxy = xmlrpc.client.ServerProxy(
                d.url, transport=xmlrpc.client.SafeTransport(
                    context=context))
            return api
        login = "session.login_with_password"
        ours = caller("ours")
        ref = ours.raw(login, "", "")
        me = ours.raw("session.get_record", ref, ref)
        same("by certificate", (
            me["client_certificate"], me["is_local_superuser"],
            me["auth_user_name"]), (True, False, "xenapi-memory test client"))
        same("may look", ours.raw("VM.get_all", ref) is not None, True)
        same("and no more", failure(ours.raw, "VM.start", ref, NULL, False,
                                    False)[0], "RBAC_PERMISSION_DENIED")
        same("alone it allows nothing", failure(
            ours.raw, "VM.get_all", NULL)[0], "SESSION_INVALID")
        ref = ours.raw(login, "root", d.password())
        same("the password counts", ours.raw(
            "session.get_client_certificate", ref, ref), False)
        same("a wrong one, too", failure(ours.raw, login, "root", "")[0],
             "SESSION_AUTHENTICATION_FAILED")
        none = caller(None)
        same("without a certificate", failure(none.raw, login, "", "")[0],
             "SESSION_AUTHENTICATION_FAILED")
        same("and with a password", none.raw(
            login, "root", d.password())[:10], "OpaqueRef:")
        try:
            caller("theirs").raw(login, "root", d.password())
            raise AssertionError("a stranger's certificate was taken")
        except (ssl.SSLError, OSError):
            same("a stranger's certificate", True, True)
    with daemon.running() as d:
        same("not configured", failure(plain(d).raw, login, "", "")[0],
             "SESSION_AUTHENTICATION_FAILED")
    shutil.rmtree(folder)


def main():
    tests = [accounts, table, sessions, pools, pam, certificates]
    for test in tests:
        if len(sys.argv) > 1 and test.__name__ not in sys.argv[1:]:
            continue
        before = passed
        test()
        print("%-14s %d" % (test.__name__, passed - before), flush=True)
    print("%d passed, 0 failed" % passed)


if __name__ == "__main__":
    main()
