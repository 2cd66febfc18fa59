"""The examples: what they judge is judged right, and a system call on the receive side would have ended it."""
import os
import signal
import subprocess
import sys
import cases
from cases import has, natively

MISSING, SKIPPED = {"xdp_verdict": "libxdp and libbpf", "dpdk_lcore": "DPDK"}, 77


def example(name, *args, code=0):
    """Runs it as cases.run does; skips the case where the build or the system lacks what it takes."""
    natively("examples")
    path = next((arg for arg in sys.argv if os.path.basename(arg) == name), None)
    if not path:
        raise cases.Skip(f"{name}: this build is without {MISSING[name]}, or without examples")
    done = subprocess.run([os.path.abspath(os.path.join(HERE, path)), *args], capture_output=True, text=True, check=False,
                          timeout=60, stdin=subprocess.DEVNULL)
    if done.returncode == SKIPPED:
        raise cases.Skip(f"{name}: {done.stderr.splitlines()[-1].removeprefix('skipped: ')}")
    assert done.returncode == code, f"{name}: status {done.returncode}, expected {code}\n{done.stdout}{done.stderr}"
    return done


def check_verdicts(text, packets):
    noise = packets // 3
    has(text, '^packet 0: "A packet of words, .*": text, pass$')
    has(text, '^packet 2: ".*": noise, drop$')
    has(text, f"^{packets} packets: {packets - noise} passed, {noise} dropped, 0 of these verdicts wrong; ")


def test_xdp_verdict():
    text = example("xdp_verdict", "--packets", "3000").stdout
    check_verdicts(text, 3000)
    has(text, "^the receive thread made no system call$")


def test_xdp_bait():
    """A system call on the receive side is the end."""
    assert "packets" not in example("xdp_verdict", "--packets", "30", "--bait", code=-signal.SIGSYS).stdout


def test_xdp_usage():
    has(example("xdp_verdict", "--fast", code=2).stderr, "usage: xdp_verdict")


def test_dpdk_lcore():
    text = example("dpdk_lcore").stdout
    check_verdicts(text, 9999 + 1)
    has(text, "^lcore 0 did all of it$")


HERE = os.getcwd()
cases.main(globals())
