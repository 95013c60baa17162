"""What a call costs besides the kernel: the first call, cold and from the disk cache, and the host
side of every later one. Each figure comes from a process of its own."""

import json
import tempfile

from tests.support import process

FIRST = """
import json, time, torch
from examples.cases import CASES

case = CASES["causal_softcap"]
with torch.no_grad():
    torch.compile(lambda x: x + 1, backend={backend!r})(torch.ones(3))  # imports, warms Dynamo
    args = case.make(H=8, S=512, D=64)
    fn = torch.compile(case.fn, backend={backend!r})
    begin = time.perf_counter()
    fn(*args)
    found = {{"first_s": time.perf_counter() - begin}}
if {backend!r} == "flashlight":
    import torch_flashlight
    found |= {{"stats": torch_flashlight.stats()}}
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


def measure(code: str, backend: str, folder: str) -> dict:
    caches = {"FLASHLIGHT_CACHE_DIR": folder + "/f", "TORCHINDUCTOR_CACHE_DIR": folder + "/i"}
    status, out, err = process.run(code.format(backend=backend), **caches)
    return json.loads(out.splitlines()[-1]) if status == 0 else {"failed": err[-500:]}


def report(backends: list[str]) -> dict:
    found = {}
    for backend in backends:
        with tempfile.TemporaryDirectory() as folder:
            cold, warm = (measure(FIRST, backend, folder) for _ in range(2))
            found[backend] = {"cold": cold, "disk": warm, "host": measure(HOST, backend, folder)}
    return found


def describe(found: dict) -> str:
    """The raw figures, then ours against the bars: at most 20 us a call above an empty graph; the
    whole first call holds Dynamo's and Inductor's part too, so stats() tells how much is ours."""
    lines = []
    for backend, parts in found.items():
        lines += [f"{backend} {kind}: {figures}" for kind, figures in parts.items()]
    host = found.get("flashlight", {}).get("host", {})
    if "call_us" in host:
        cost = host["call_us"] - host["empty_graph_us"]
        lines.append(f"{'pass' if cost <= 20 else 'MISS'}  host cost {cost:.1f} us (bar 20 us)")
    return "\n".join(lines)
