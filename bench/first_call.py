"""What a call costs besides the kernel: the first call, cold and from the disk cache, and the host
side of every later one. Each figure comes from a process of its own.

    python -m bench.first_call
"""

import json
import tempfile

from tests.support import process

COLD_S, DISK_S, HOST_US = 1.0, 0.05, 20  # bars: our part of a first call, and of every call

FIRST = """
import json, time, torch
from examples.cases import CASES

case = CASES["causal_softcap"]
with torch.no_grad():
    torch.compile(lambda x: x + 1, backend={backend!r})(torch.ones(3))  # imports, warms Dynamo
    args = case.make(H=8, S=512, D=64)
    fn = torch.compile(case.fn, backend={backend!r})
    ours = {{}}
    if {backend!r} == "flashlight":
        from torch_flashlight import backend, kernel, stats

        def timed(owner, name):
            # None of the three runs inside of another one, so that nothing counts twice.
            inner = getattr(owner, name)

            def outer(*args, **kwargs):
                begin = time.perf_counter()
                try:
                    return inner(*args, **kwargs)
                finally:
                    ours[name] = ours.get(name, 0) + time.perf_counter() - begin

            setattr(owner, name, outer)

        timed(backend, "fuse")
        timed(kernel, "kernel_of")
        timed(kernel.Kernel, "__call__")
    begin = time.perf_counter()
    fn(*args)
    found = {{"first_s": time.perf_counter() - begin}}
    if ours:
        kernel_s = ours["kernel_of"] + ours["__call__"]  # with the kernel's own first run
        found |= {{"passes_s": ours["fuse"], "kernel_s": kernel_s, **stats()}}
print(json.dumps(found))
"""
HOST = """
import json, time, torch
from examples.cases import CASES

def microseconds(fn, args, calls=2000):
    for _ in range(200):
        fn(*args)
    rounds = []
    for _ in range(7):
        begin = time.perf_counter()
        for _ in range(calls):
            fn(*args)
        rounds.append((time.perf_counter() - begin) / calls * 1e6)
    return sorted(rounds)[3]

case = CASES["full"]
with torch.no_grad():
    args = case.make(H=1, S=2, D=16)
    call = microseconds(torch.compile(case.fn, backend={backend!r}), args)
    empty = microseconds(torch.compile(lambda q, k, v: q + 1), args)
print(json.dumps({{"call_us": call, "empty_graph_us": empty}}))
"""


def measure(code: str, backend: str, ours: str, theirs: str) -> dict:
    """`ours`, `theirs`: folders of the two disk caches."""
    caches = {"FLASHLIGHT_CACHE_DIR": ours, "TORCHINDUCTOR_CACHE_DIR": theirs}
    status, out, err = process.run(code.format(backend=backend), **caches)
    return json.loads(out.splitlines()[-1]) if status == 0 else {"failed": err[-500:]}


def report(backends: list[str]) -> dict:
    """From the disk, ours sees a graph that Inductor does not know: its passes run again. Inductor
    itself is served by its own cache."""
    found = {}
    for backend in backends:
        with tempfile.TemporaryDirectory() as f:
            again = f + ("/another" if backend == "flashlight" else "/i")
            found[backend] = {
                "cold": measure(FIRST, backend, f + "/f", f + "/i"),
                "disk": measure(FIRST, backend, f + "/f", again),
                "host": measure(HOST, backend, f + "/f", f + "/i"),
            }
    return found


def verdict(good: bool) -> str:
    return "pass" if good else "MISS"


def describe(found: dict) -> str:
    """The raw figures, then ours against the bars. A whole first call holds Dynamo's and Inductor's
    part too; ours is the passes over the graph and making the kernel (lower, emit, compile, load).
    """
    lines = []
    for backend, parts in found.items():
        lines += [f"{backend} {kind}: {figures}" for kind, figures in parts.items()]
    ours = found.get("flashlight", {})
    for kind, bar in (("cold", COLD_S), ("disk", DISK_S)):
        figures = ours.get(kind, {})
        if "kernel_s" in figures:
            passes, kernel = figures["passes_s"], figures["kernel_s"]
            lines.append(
                f"{verdict(passes + kernel <= bar)}  first call, {kind}: our part "
                f"{passes + kernel:.3f} s (passes {passes:.3f}, kernel {kernel:.3f}; bar {bar} s)"
            )
    host = ours.get("host", {})
    if "call_us" in host:
        cost = host["call_us"] - host["empty_graph_us"]
        mark = verdict(cost <= HOST_US)
        lines.append(f"{mark}  host cost {cost:.1f} us (bar {HOST_US} us)")
    return "\n".join(lines)


if __name__ == "__main__":
    print(describe(report(["flashlight", "inductor"])))
