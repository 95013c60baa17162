"""Times every system on every problem in one run: python -m bench.run [--quick] [--only NAME ...]

The systems take turns inside each round, so that drift of the machine meets all alike; a result
counts only if it agrees with fp64.
"""

import argparse
import time
from pathlib import Path

import torch

from bench import compare, first_call, machine, results, systems
from bench.problems import Problem, problems
from examples.cases import CASES

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
REST = 0.01  # seconds between two calls


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="S 2048 and D 64 only")
    parser.add_argument("--only", nargs="*", choices=CASES, help="programs to measure; default all")
    parser.add_argument("--dtype", choices=DTYPES, default="fp32")
    names = [s.NAME for s in systems.ALL]
    parser.add_argument("--systems", nargs="*", choices=names, help="to measure; default all")
    parser.add_argument("--prototype", type=Path, default=Path("../shared/prototype_cpu"))
    parser.add_argument("--no-realtime", action="store_true", help="do not start under chrt")
    parser.add_argument("--no-first-call", action="store_true")
    return parser.parse_args()


def timed(call) -> float:
    time.sleep(REST)
    begin = time.perf_counter()
    call()
    return (time.perf_counter() - begin) * 1e3


def rounds_for(slowest_ms: float) -> int:
    """About ten seconds of the slowest system; at least three rounds."""
    return int(min(15, max(3, 1e4 / slowest_ms)))


@torch.no_grad()
def measure(problem: Problem, chosen) -> None:
    """Prepares, checks against the oracle, then times in turns."""
    torch._dynamo.reset()
    calls, found = {}, {}
    for system in chosen:
        try:
            call = system.prepare(problem)
            outcome = call() if call else None
        except Exception as failure:  # a peer that cannot run one program must not end the run
            print(f"    {system.NAME} failed: {str(failure).splitlines()[0][:150]}")
            continue
        if call is None:
            continue
        as_tuple = outcome if isinstance(outcome, tuple) else (outcome,)
        calls[system.NAME] = call
        found[system.NAME] = tuple(x.clone() for x in as_tuple)
    compare.judge(problem, found)
    slowest = max(timed(call) for call in calls.values())
    for turn in range(rounds_for(slowest)):
        for name, call in calls.items():
            if turn and problem.long and name == systems.eager.NAME:
                continue  # seconds a call, and no bar asks for it
            problem.times.setdefault(name, []).append(timed(call))


def summary(done: list[Problem]) -> str:
    reached = [passed for problem in done for *_, passed in compare.verdicts(problem)]
    wrong = [f"{p.label}: {s}" for p in done for s, (_, counts) in p.errors.items() if not counts]
    text = f"{sum(reached)} of {len(reached)} bars passed"
    return text + "".join(f"\n! wrong result, not counted: {line}" for line in wrong)


def main():
    asked = options()
    if not asked.no_realtime:
        machine.use_realtime()
    folder = asked.prototype
    systems.prototype.FOLDER = folder if (folder / "attn_f32.cpp").exists() else None
    wanted = asked.systems
    chosen = [s for s in systems.ALL if not wanted or s.NAME in wanted]
    names, facts = [s.NAME for s in chosen], machine.facts()
    print("\n".join(f"{key}: {value}" for key, value in facts.items()))
    print(f"\n{'median ms (! = wrong result)':<48}" + "".join(f"{name:>14}" for name in names))
    done, dtype = [], DTYPES[asked.dtype]
    stem = results.FOLDER / f"cpu-{facts['date'][:16].replace(':', '')}-{asked.dtype}"
    for problem in problems(asked.quick, dtype, asked.only or []):
        measure(problem, chosen)
        print(compare.describe(problem, names), flush=True)
        problem.__dict__.pop("args", None)  # frees the inputs
        done.append(problem)
        results.write_csv(stem.with_suffix(".csv"), done, facts)  # kept if the run is cut short
    results.write_plot(stem.with_suffix(".png"), done, names, facts)
    print(f"\n{summary(done)}\nwritten: {stem}.csv, {stem}.png")
    if not asked.no_first_call:
        ours = [n for n in names if n == "flashlight"]
        print(first_call.describe(first_call.report([*ours, "inductor"])))


if __name__ == "__main__":
    main()
