"""What a call on a GPU costs beside its kernel. Each function returns lines of text."""

import json
import statistics
import tempfile
import time

import torch

from bench.gpu_problems import GpuProblem
from bench.systems import ours, sdpa
from tests.support import process

HOST_US, COLD_S, DISK_S = 15, 1.0, 0.05  # bars
LENGTH = 65536

FIRST = """
import json, time, torch
import torch_flashlight
from torch_flashlight import kernel
from examples.cases import CASES

spent = []
launch = kernel.Kernel.launch
def timed(self, *args):
    begin = time.perf_counter()
    launch(self, *args)
    spent.append(time.perf_counter() - begin)
kernel.Kernel.launch = timed
found = {}
with torch.no_grad(), torch.device("cuda"):
    torch.compile(lambda x: x + 1)(torch.ones(3))  # contexts, imports
    for name in ("causal", "alibi", "evoformer"):
        args = CASES[name].make(H=8, S=512, D=64, dtype=torch.bfloat16)
        fn = torch.compile(CASES[name].fn, backend="flashlight")
        begin = time.perf_counter()
        fn(*args)
        torch.cuda.synchronize()
        found[name] = [time.perf_counter() - begin, max(spent)]
        spent.clear()
print(json.dumps(found))
"""


def verdict(passed: bool) -> str:
    return "pass" if passed else "MISS"


@torch.no_grad()
def host_cost() -> list[str]:
    """What the host spends on a call while the GPU has almost nothing to do."""
    problem = GpuProblem("causal", {"B": 1, "H": 1, "S": 64, "D": 64}, torch.bfloat16)
    empty, x = torch.compile(lambda q, k, v: q + 1), problem.args
    timed = {"flashlight": ours.prepare(problem), "SDPA": sdpa.prepare(problem)}
    timed["a graph with one addition"] = lambda: empty(*x)
    rounds = {name: [] for name in timed}
    for _ in range(60):  # in turns: other users of a host come and go
        for name, call in timed.items():
            torch.cuda.synchronize()
            begin = time.perf_counter()
            for _ in range(100):
                call()
            rounds[name].append((time.perf_counter() - begin) * 1e4)
    us = {name: statistics.median(times[10:]) for name, times in rounds.items()}
    lines = [f"{name}: {figure:.1f} us a call" for name, figure in us.items()]
    cost = us["flashlight"] - us["a graph with one addition"]
    return [*lines, f"{verdict(cost <= HOST_US)}  {cost:.1f} us above that graph (bar {HOST_US})"]


def first_call() -> list[str]:
    """Cold and from the disk cache; our part is what the op itself takes the first time."""
    lines = []
    with tempfile.TemporaryDirectory() as folder:
        caches = {"FLASHLIGHT_CACHE_DIR": folder + "/f", "TORCHINDUCTOR_CACHE_DIR": folder + "/i"}
        for kind, bar in (("cold", COLD_S), ("from disk", DISK_S)):
            status, out, err = process.run(FIRST, **caches)
            if status != 0:
                return [f"FAILED {err.strip().splitlines()[-1][:300]}"]
            for name, (whole, part) in json.loads(out.splitlines()[-1]).items():
                mark = verdict(part <= bar)
                lines.append(f"{mark}  {kind} {name}: {whole:.2f} s, ours {part:.3f} (bar {bar})")
    return lines


@torch.no_grad()
def peak_memory() -> list[str]:
    sizes, lines = {"B": 1, "H": 4, "S": LENGTH, "D": 128}, []
    for name in ("causal", "softcap"):
        problem = GpuProblem(name, sizes, torch.bfloat16)
        call = ours.prepare(problem)
        call()
        torch.cuda.synchronize()
        torch.cuda.reset_peak_memory_stats()
        before = torch.cuda.memory_allocated()
        out = call()
        torch.cuda.synchronize()
        taken = torch.cuda.max_memory_allocated() - before
        size, rows = out.numel() * out.element_size(), out.numel() // out.shape[-1]
        mark = verdict(taken <= size + 64 * rows)
        lines.append(f"{mark}  {problem.label}: {taken >> 20} MiB, the output {size >> 20}")
    return lines


CALLS = (host_cost, first_call, peak_memory)
