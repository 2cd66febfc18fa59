"""A test script of the command-line tools: functions named test_*, run in order, each in a fresh folder.

The scripts get the programs, which are in one folder, as arguments. In a cross build meson tells what to put before them.
"""
import contextlib
import inspect
import io
import os
import re
import shlex
import struct
import subprocess
import sys
import tempfile
import traceback

PROGRAMS = os.path.dirname(os.path.abspath(sys.argv[1]))
WRAPPER = shlex.split(os.environ.get("MESON_EXE_WRAPPER", ""))
SLOW = bool(WRAPPER or os.environ.get("QNT_ISA"))  # an emulator, or the reference kernels


# Cases about what is refused, before anything is computed: many starts of programs, the same on every processor.
REFUSALS = ("test_damaged_models", "test_failures", "test_hostile_inputs", "test_usage", "test_wrong_files")


class Skip(Exception):
    """Raised by a case that cannot run here."""


def natively(what):
    """For what would take long elsewhere."""
    if SLOW:
        raise Skip(f"{what}, not under an emulator or by reference kernels")


def command(tool, *args):
    return [*WRAPPER, os.path.join(PROGRAMS, tool), *map(str, args)]


def run(tool, *args, code=0, env=None):
    """Runs a tool to its end, asserts the exit code, returns the finished process (texts in stdout, stderr)."""
    done = subprocess.run(command(tool, *args), capture_output=True, text=True, check=False,
                          env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL)
    assert done.returncode == code, f"{tool} {' '.join(map(str, args))}: status {done.returncode}, expected {code}\n" \
                                    f"{done.stdout}{done.stderr}"
    return done


def has(text, pattern):
    assert re.search(pattern, text, re.M), f"'{pattern}' not in:\n{text}"


def check_common(tool, operand=()):
    """What holds for every tool: help, version, man page, usage errors."""
    text = run(tool, "--help").stdout
    has(text, f"^Usage: {tool} ")
    has(text, "^Exit status: ")
    has(run(tool, "--version").stdout, rf"^{tool} \(libqnt\) \d+\.\d+\.\d+$")
    page = run(tool, "--man").stdout
    has(page, rf"^\.TH {tool} 1 ")
    options = re.findall(r"^ +(?:-., )?--([a-z0-9-]+)", text, re.M)
    assert len(options) >= 3, options
    for name in options:
        assert "\\-\\-" + name.replace("-", "\\-") + "\\fR" in page, f"--{name} is not in the man page"
    bad = run(tool, "--no-such-option", code=2)
    has(bad.stderr, f"^{tool}: unknown option '--no-such-option'$")
    assert bad.stdout == ""
    has(run(tool, "--json=yes", *operand, code=2).stderr, "takes no argument")
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run(command(tool, "--help"), stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 1, done
    has(done.stderr, f"^{tool}: standard output cannot be written")


def write(path, data):
    with open(path, "wb") as file:
        file.write(data)
    return path


def field(number, value):
    """A field of a protocol buffer: bytes or a text, else a number."""
    def varint(n):
        return bytes([n & 127 | 128]) + varint(n >> 7) if n > 127 else bytes([n])
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def write_onnx(path, nodes, inputs, outputs, opset=13):
    """An ONNX file. nodes: (op or (op, its own name), names read, names written, bytes of attributes); inputs and outputs:
    (name, number of the type, dimensions), each dimension a number or a name. Skips the case in a build that reads none."""
    def tensor(name, kind, dims):
        shape = b"".join(field(1, field(1, d) if isinstance(d, int) else field(2, d)) for d in dims)
        return field(1, name) + field(2, field(1, field(1, kind) + field(2, shape)))
    def node(op, read, written, *attributes):
        kind, *name = [op] if isinstance(op, str) else op
        return b"".join([*(field(1, x) for x in read), *(field(2, x) for x in written), *(field(3, x) for x in name),
                         field(4, kind), *(field(5, x) for x in attributes)])
    graph = b"".join(field(1, node(*n)) for n in nodes)
    graph += field(2, "g") + b"".join(field(11, tensor(*t)) for t in inputs) + b"".join(field(12, tensor(*t)) for t in outputs)
    write(path, field(1, 8) + field(8, field(2, opset)) + field(7, graph))
    done = subprocess.run(command("qinfo", path), capture_output=True, text=True, check=False)
    if "it has no protobuf-c" in done.stderr:
        raise Skip("ONNX, a build without protobuf-c")
    return path


def npy(descr, shape, data, order=False):
    """The bytes of an .npy file."""
    text = f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': ({''.join(f'{n}, ' for n in shape)}), }}"
    text = text.encode() + b" " * (-(10 + len(text) + 1) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + data


def main(cases):
    """Runs them, prints what happened, ends the script."""
    passed = failed = skipped = 0
    for name, case in [(n, c) for n, c in cases.items() if n.startswith("test_") and inspect.isfunction(c)]:
        start = os.getcwd()
        log = io.StringIO()
        with tempfile.TemporaryDirectory(prefix="qnt-tools-") as folder:
            os.chdir(folder)
            try:
                if WRAPPER and name in REFUSALS:
                    raise Skip("what is refused, not under an emulator")
                with contextlib.redirect_stdout(log):
                    case()
                passed += 1
                print(f"ok {name}")
            except Skip as reason:
                skipped += 1
                print(f"skipped: {name[5:]}: {reason}")
            except Exception:  # a case that breaks must not hide the others
                failed += 1
                print(f"FAILED {name}\n{log.getvalue()}{traceback.format_exc()}")
            finally:
                os.chdir(start)
        sys.stdout.flush()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    sys.exit(1 if failed else 0)
