"""Measures rows for bench.gpu, in a process that may be ended when one hangs. Prints one JSON
object a row: {"row", "label", "cells": {system: text}, "table": rows of the CSV, "lines": text}."""

import json
import statistics
import subprocess
import sys
import time

import torch

from bench import compare
from bench.gpu_bars import bars, printed
from bench.gpu_problems import GpuProblem
from bench.systems import cudnn, flex, floor, inductor, ours, sdpa

SYSTEMS = (cudnn, sdpa, flex, inductor, ours)
ROUNDS = 3
LONGEST_UNFUSED = 4096  # torch.compile stores all scores
MOST_SCORES = 4 << 30  # of torch.compile, of all heads
SUSTAINED_S = 0.7
SHORT_MS = 0.4  # below, a slow host may be what is measured


def left_out(system, problem: GpuProblem) -> bool:
    s = problem.sizes
    scores = s["B"] * s["H"] * s["S"] ** 2 * s.get("N", 1)
    return system is inductor and (s["S"] > LONGEST_UNFUSED or scores > MOST_SCORES)


def first_calls(problem: GpuProblem, chosen) -> tuple[dict, dict, list[str]]:
    """Callables by system, seconds of the first call of each, what failed. Judges results."""
    calls, seconds, found, failed = {}, {}, {}, []
    for system in chosen:
        if left_out(system, problem):
            continue
        begin = time.perf_counter()
        try:
            call = system.prepare(problem)
            outcome = call() if call else None
            torch.cuda.synchronize()
        except Exception as failure:  # a peer that cannot run one program must not end the run
            failed.append(f"{system.NAME} failed: {str(failure).strip().splitlines()[0][:200]}")
            continue
        if call is None:
            continue
        calls[system.NAME], seconds[system.NAME] = call, time.perf_counter() - begin
        as_tuple = outcome if isinstance(outcome, tuple) else (outcome,)
        found[system.NAME] = tuple(x.clone() for x in problem.checked(as_tuple))
    compare.judge(problem, found)
    return calls, seconds, failed


def clock() -> str:
    query = ["nvidia-smi", "--query-gpu=clocks.sm", "--format=csv,noheader,nounits", "-i", "0"]
    try:
        done = subprocess.run(query, capture_output=True, text=True, timeout=5)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip()


def sustained(call, once_ms: float) -> tuple[float, str]:
    """Milliseconds of a call when the card is kept busy, and its clock (MHz) under that load."""
    count = max(3, int(SUSTAINED_S * 1000 / once_ms))
    events = [torch.cuda.Event(enable_timing=True) for _ in range(2)]
    events[0].record()
    for _ in range(count):
        call()
    events[1].record()
    mhz = clock()
    torch.cuda.synchronize()
    return events[0].elapsed_time(events[1]) / count, mhz


def without_host(call) -> float | None:
    """Milliseconds of a call as a replay of a CUDA graph; None where it cannot be captured."""
    from triton.testing import do_bench

    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            call()
    except RuntimeError:
        return None
    return do_bench(graph.replay, warmup=20, rep=80, return_mode="median")


@torch.no_grad()
def measure(problem: GpuProblem, chosen) -> dict:
    from triton.testing import do_bench

    torch.set_float32_matmul_precision("high" if problem.tf32 else "highest")
    calls, seconds, lines = first_calls(problem, chosen)
    timed = calls | floor.references(problem)
    for _ in range(ROUNDS):
        for name, call in timed.items():
            time_ms = do_bench(call, warmup=20, rep=80, return_mode="median")
            problem.times.setdefault(name, []).append(time_ms)
    ms = {name: statistics.median(times) for name, times in problem.times.items()}
    flops, table, cells = problem.flops(), [], {}
    sizes = " ".join(f"{key}{value}" for key, value in problem.sizes.items())
    for name, time_ms in ms.items():
        error, counts = problem.errors.get(name, (0.0, True))
        speed = f"{flops / time_ms / 1e9:.1f}" if flops and name in calls else ""
        long_run, mhz = ("", "")
        if name in ("cuDNN", "flashlight") and flops:
            steady, mhz = sustained(calls[name], time_ms)
            long_run = f"{flops / steady / 1e9:.1f}"
        first = f"{seconds[name]:.2f}" if name in seconds else ""
        figures = [f"{time_ms:.4f}", speed, long_run, mhz, first, f"{error:.2e}", counts]
        table.append([problem.name, sizes, problem.precision, name, *figures])
        cells[name] = f"{speed or f'{time_ms:.3f} ms'}{'' if counts else '!'}"
    for name, tflops in printed(problem).items():
        table.append(
            [problem.name, sizes, problem.precision, f"{name} (printed)", "", tflops, *[""] * 5]
        )
    right = {name: time_ms for name, time_ms in ms.items() if problem.errors.get(name, (0, 1))[1]}
    for what, reached, wanted, passed in bars(problem, right):
        lines.append(f"{'pass' if passed else 'MISS'}  {reached:.3f} {what} (bar {wanted})")
    if ms.get(ours.NAME, SHORT_MS) < SHORT_MS and (graph_ms := without_host(calls[ours.NAME])):
        lines.append(f"{graph_ms:.3f} ms as a CUDA graph, without the host's part")
    return {"label": problem.label, "cells": cells, "table": table, "lines": lines}


def explain(problem: GpuProblem) -> list[str]:
    import torch_flashlight

    told = torch_flashlight.explain(problem.case.fn, *problem.args).kernels
    return [line for k in told for line in [f"{k.schedule}; {k.resources}", *k.passed_over]]


def main(rows: list, todo: list[int], chosen, explained: bool) -> None:
    """`rows`: problems, or functions that return lines of text."""
    for index in todo:
        print(json.dumps({"begins": index}), flush=True)
        row = rows[index]
        torch._dynamo.reset()
        try:
            if isinstance(row, GpuProblem):
                found = measure(row, chosen)
                found["lines"] += explain(row) if explained else []
                row.__dict__.pop("args", None)
            else:
                found = {"label": row.__name__, "cells": {}, "table": [], "lines": row()}
        except Exception as failure:
            first = (str(failure).strip() or repr(failure)).splitlines()[0]
            label = getattr(row, "label", None) or row.__name__
            found = {"label": label, "cells": {}, "table": [], "lines": [f"FAILED {first[:300]}"]}
        print(json.dumps(found | {"row": index}), flush=True)
        torch.cuda.empty_cache()
    sys.stdout.flush()
