"""Times every system on an NVIDIA GPU: python -m bench.gpu [--quick] [--only NAME ...]

Systems take turns (these cards are limited by power, so a run's later minutes are slower); a result
counts only if it agrees with fp64. The table is written to $OUT, else to bench/results.
"""

import argparse
import csv
import datetime
import os
import statistics
import time
from pathlib import Path

import torch

from bench import compare, machine, results
from bench.gpu_problems import GpuProblem, problems
from bench.systems import cudnn, flex, inductor, ours, sdpa

SYSTEMS = (cudnn, sdpa, flex, inductor, ours)
DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
ROUNDS = 3
LONGEST_UNFUSED = 8192  # torch.compile stores all scores
COLUMNS = [
    *("program", "sizes", "dtype", "system"),
    *("median_ms", "tflops", "first_call_s", "error", "counts"),
]


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="dense problems of length 4096 only")
    parser.add_argument("--only", nargs="*", default=[], help="programs to measure")
    parser.add_argument("--dtype", choices=DTYPES, default="bf16")
    parser.add_argument("--systems", nargs="*", help="systems to measure; default all")
    parser.add_argument("--seconds", type=float, default=480, help="start no problem after this")
    parser.add_argument("--explain", action="store_true", help="print what each kernel takes")
    return parser.parse_args()


def facts() -> dict[str, str]:
    card = torch.cuda.get_device_properties(0)
    return {
        "machine": f"{card.name}, {card.multi_processor_count} SMs, {card.total_memory >> 30} GiB",
        "versions": f"torch {torch.__version__}, cuDNN {torch.backends.cudnn.version()}",
        "commit": machine.commit(),
        "date": datetime.datetime.now().astimezone().isoformat(timespec="seconds"),
    }


def first_calls(problem: GpuProblem, chosen) -> tuple[dict, dict]:
    """Callables by system, and the seconds that the first call of each took. Judges results."""
    calls, seconds, found = {}, {}, {}
    for system in chosen:
        if system is inductor and problem.sizes["S"] > LONGEST_UNFUSED:
            continue
        begin = time.perf_counter()
        try:
            call = system.prepare(problem)
            outcome = call() if call else None
            torch.cuda.synchronize()
        except Exception as failure:  # a peer that cannot run one program must not end the run
            print(f"    {system.NAME} failed: {str(failure).splitlines()[0][:200]}", flush=True)
            continue
        if call is None:
            continue
        calls[system.NAME], seconds[system.NAME] = call, time.perf_counter() - begin
        as_tuple = outcome if isinstance(outcome, tuple) else (outcome,)
        found[system.NAME] = tuple(x.clone() for x in as_tuple)
    compare.judge(problem, found)
    return calls, seconds


@torch.no_grad()
def measure(problem: GpuProblem, chosen) -> list[list]:
    """Rows of the table."""
    from triton.testing import do_bench

    torch._dynamo.reset()
    calls, seconds = first_calls(problem, chosen)
    for _ in range(ROUNDS):
        for name, call in calls.items():
            time_ms = do_bench(call, warmup=25, rep=100, return_mode="median")
            problem.times.setdefault(name, []).append(time_ms)
    flops, rows = problem.flops(), []
    sizes = " ".join(f"{key}{value}" for key, value in problem.sizes.items())
    for name, times in problem.times.items():
        median = statistics.median(times)
        error, counts = problem.errors[name]
        speed = f"{flops / median / 1e9:.1f}" if flops else ""
        figures = [f"{median:.4f}", speed, f"{seconds[name]:.2f}", f"{error:.2e}", counts]
        rows.append([problem.name, sizes, str(problem.dtype).split(".")[1], name, *figures])
    return rows


def describe(problem: GpuProblem, rows: list[list], names: list[str]) -> str:
    """TFLOP/s (ms where nobody counts alike); ! is a wrong result."""
    cells = {row[3]: f"{row[5] or row[4] + ' ms'}{'' if row[8] else '!'}" for row in rows}
    return f"{problem.label:<44}" + "".join(f"{cells.get(name, '-'):>15}" for name in names)


def explain(problem: GpuProblem) -> None:
    import torch_flashlight

    for kernel in torch_flashlight.explain(problem.case.fn, *problem.args).kernels:
        print(f"    {kernel.name}: {kernel.schedule}; {kernel.resources}", flush=True)


@torch.no_grad()
def host_cost() -> str:
    """Microseconds that the host spends on a call, while the GPU has almost nothing to do."""
    problem, lines = GpuProblem("causal", {"B": 1, "H": 1, "S": 64, "D": 64}, torch.bfloat16), []
    for system in (sdpa, ours):
        call, best = system.prepare(problem), float("inf")
        for _ in range(20):
            torch.cuda.synchronize()
            begin = time.perf_counter()
            for _ in range(100):
                call()
            best = min(best, (time.perf_counter() - begin) * 1e4)
        lines.append(f"{system.NAME} {best:.1f} us")
    return "host time of a call: " + ", ".join(lines)


def main():
    asked, begin, told = options(), time.monotonic(), facts()
    chosen = [s for s in SYSTEMS if not asked.systems or s.NAME in asked.systems]
    names = [s.NAME for s in chosen]
    print("\n".join(f"{key}: {value}" for key, value in told.items()))
    print(f"\n{'TFLOP/s':<44}" + "".join(f"{name:>15}" for name in names))
    folder = Path(os.environ.get("OUT") or results.FOLDER)
    path = folder / f"gpu-{told['date'][:16].replace(':', '')}-{asked.dtype}.csv"
    folder.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        file.writelines(f"# {key}: {value}\n" for key, value in told.items())
        table = csv.writer(file)
        table.writerow(COLUMNS)
        for problem in problems(asked.quick, DTYPES[asked.dtype], asked.only):
            if time.monotonic() - begin > asked.seconds:
                print(f"{problem.label}: no time left")
                continue
            rows = measure(problem, chosen)
            table.writerows(rows)
            file.flush()  # kept if the run is cut short
            print(describe(problem, rows, names), flush=True)
            if asked.explain:
                explain(problem)
            problem.__dict__.pop("args", None)
            torch.cuda.empty_cache()
    print(f"\n{host_cost()}\nwritten: {path}")


if __name__ == "__main__":
    main()
