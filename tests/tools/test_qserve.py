"""qserve: serves until it is told to end, tells of itself, leaves no socket."""
import contextlib
import json
import os
import signal
import subprocess
import cases
from cases import has, run


def model(path):
    """relu of five numbers."""
    cases.write_onnx(path, [("Relu", "x", "y")], [("x", 1, [1, 5])], [("y", 1, [1, 5])])


@contextlib.contextmanager
def server(*args, code=0, end=signal.SIGTERM):
    """A server at the socket "s", and its first line; it is ended by the signal and must end with the code."""
    with subprocess.Popen(cases.command("qserve", "--socket", "s", *args), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline(), process
            process.send_signal(end)
            rest, errors = process.communicate(timeout=60)
            assert (rest, process.returncode) == ("", code), (rest, errors, process.returncode)
        finally:
            process.kill()


def stats():
    return json.loads(run("qserve", "--stats", "--socket", "s", "--json").stdout)


def test_common():
    cases.check_common("qserve")


def test_usage():
    for args, text in [((), "--socket is missing"), (("--socket", "s"), "--model is missing"),
                       (("--socket", "s", "--stats", "--model", "m"), "without --model"),
                       (("--socket", "s", "--model", "m", "--json"), "--json prints what --stats tells"),
                       (("--model", "a=b", "--model", "a=c"), "two models of one name"),
                       (("--model", "a="), "expected FILE or NAME=FILE"), (("--idle", "nap"), "expected sleep, poll or wait"),
                       (("--uid", "root,"), "expected names or numbers"), (("--uid", "4294967295"), "expected names or numbers"),
                       (("--gid", "no such group"), "expected names or numbers")]:
        has(run("qserve", *args, code=2).stderr, text)
    has(run("qserve", "--socket", "s", "--stats", code=1).stderr, "^qserve: s: No such file")
    has(run("qserve", "--socket", "s", "--model", "absent", code=1).stderr, "^qserve: absent: No such file")


def test_serves():
    cases.natively("qserve: a server")
    model("net.onnx")
    for end in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        with server("--model", "net.onnx", "--model", "other=net.onnx", "--workers", 1, end=end) as (line, _):
            has(line, r"^s: net, other; 1 worker( on CPU \d+)?$")
            assert os.stat("s").st_mode & 0o777 == 0o600
            info = stats()
            assert info["models"] == 2 and info["clients"] == 0 and info["max_clients"] == 64, info
            assert len(info["workers"]) == 1 and info["workers"][0]["idle"] == "sleep", info
            text = run("qserve", "--stats", "--socket", "s").stdout
            has(text, r"^server: +s, up \d+\.\d s, 2 models, 1 worker$")
            has(text, r"^clients: +0 of 64, 0 bytes; 0 connected, 0 died, 0 refused$")
            has(text, r"^0 +(\d+|-) +(yes|no) +(hugetlb|collapsed|transparent|small) +sleep +0 +0 ")
        assert not os.path.exists("s")


def test_limits():
    cases.natively("qserve: a server")
    model("net.onnx")
    with server("--model", "net.onnx", "--workers", 1, "--max-clients", 3, "--depth", 4, "--bytes", 4096, "--idle", "poll",
                "--uid", "0,1", "--uid", "2", "--gid", os.getgid()):
        assert os.stat("s").st_mode & 0o777 == 0o666
        info = stats()
        assert info["max_clients"] == 3 and info["workers"][0]["idle"] == "poll", info
        again = run("qserve", "--socket", "s", "--model", "net.onnx", code=1)
        has(again.stderr, "^qserve: s: somebody listens there already$")
        assert stats()["clients"] == 0
    has(run("qserve", "--socket", "s", "--model", "net.onnx", "--depth", 3, code=1).stderr, "depth is 3, expected a power of two")


def test_stale():
    """A server that was killed leaves its socket, which the next one replaces; a file stays."""
    cases.natively("qserve: a server")
    model("net.onnx")
    with server("--model", "net.onnx", "--workers", 1, code=-signal.SIGKILL, end=signal.SIGKILL):
        pass
    assert os.path.exists("s")
    with server("--model", "net.onnx", "--workers", 1):
        assert stats()["models"] == 1
    cases.write("s", b"text")
    has(run("qserve", "--socket", "s", "--model", "net.onnx", code=1).stderr, "^qserve: s: there is something else than a socket$")
    assert os.path.isfile("s")


cases.main(globals())
