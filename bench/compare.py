"""Which results count, and how the medians stand against the bars."""

import statistics
from dataclasses import dataclass

import torch

from bench.problems import DENSE, OWN_SIZES, VARIANTS, Problem
from tests.support import oracle

SLACK = 4  # a peer may be this much less exact than eager; a wrong result is off by far more


@dataclass(frozen=True)
class Bar:
    """`peer`'s time must be at least `ratio` times ours."""

    peer: str
    ratio: float


def bars(problem: Problem) -> list[Bar]:
    found = []
    if problem.dtype == torch.float32:
        if problem.name in DENSE:
            found += [Bar("SDPA", 1.1), Bar("prototype", 1 / 1.15)]
        if problem.name in VARIANTS:
            found += [Bar("torch.compile", 2.5), Bar("FlexAttention", 2.0)]
        if problem.name == "document":
            found += [Bar("torch.compile", 2.5)]
        if problem.name in OWN_SIZES:
            found += [Bar("torch.compile", 2.0)]
    return found


def median(problem: Problem, system: str) -> float | None:
    """Milliseconds, or None where the system has no result that counts."""
    times = problem.times.get(system)
    return statistics.median(times) if times else None


def judge(problem: Problem, results: dict) -> None:
    """Compares every system's result with the fp64 oracle; fills problem.errors."""
    args = problem.checked_args()
    want, by_eager = (f(problem.case.fn, args) for f in (oracle.oracle, oracle.eager))
    for system, result in results.items():
        worst, counts = 0.0, True
        for got, e, w in zip(problem.checked(result), by_eager, want, strict=True):
            found = oracle.error(got, w)
            nan = torch.equal(got.isnan(), e.isnan())
            counts &= nan and found <= SLACK * oracle.allowed(e, w, problem.sizes["S"], ulps=4)
            worst = max(worst, found / max(oracle.largest(w), 1e-300))
        problem.errors[system] = worst, counts


def verdicts(problem: Problem) -> list[tuple[str, float, float, bool]]:
    """(peer, ratio reached, ratio wanted, passed) of each bar that could be measured."""
    ours, found = median(problem, "flashlight"), []
    for bar in bars(problem):
        peer = median(problem, bar.peer)
        if ours and peer and problem.errors["flashlight"][1]:
            found.append((bar.peer, peer / ours, bar.ratio, peer / ours >= bar.ratio))
    return found


def describe(problem: Problem, systems: list[str]) -> str:
    """One line of the terminal table, with the bars behind it."""
    cells = []
    for system in systems:
        time = median(problem, system)
        mark = "" if problem.errors.get(system, (0, True))[1] else "!"
        cells.append(f"{f'{time:.2f}{mark}' if time else '-':>14}")
    line = f"{problem.label:<48}" + "".join(cells)
    for peer, ratio, wanted, passed in verdicts(problem):
        line += f"\n    {'pass' if passed else 'MISS'}  {ratio:5.2f}x {peer} (bar {wanted:.2f}x)"
    return line
