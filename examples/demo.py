"""The tour: attention variants and two language models by eager PyTorch, torch.compile and
flashlight, side by side. Run it as `make demo` or `python -m examples.demo`."""

import argparse
import copy
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import torch
from tqdm import tqdm

from bench.machine import facts
from examples import table
from examples.cases import CASES
from examples.models import MODELS, TINY, tokens
from tests.support import memory, oracle

ROOT = Path(__file__).resolve().parents[1]
SYSTEMS = {"eager": None, "torch.compile": "inductor", "flashlight": "flashlight"}
# fmt: off
PROGRAMS = [
    "full", "causal", "window", "prefix", "document", "alibi", "softcap", "causal_alibi",
    "causal_softcap_window", "gqa_repeat", "gqa_expand", "gqa_einsum", "additive_mask",
    "boolean_mask", "relative_bias", "log_sum_exp", "differential", "evoformer", "invariant_point",
    "rectified", "cross", "one_query", "softmax_queries", "softmax_heads", "axial", "sigmoid",
    "retention", "finite_mask_packed",
]
# fmt: on
EXPLAINED = "causal_softcap"
OWN_SIZES = {
    "invariant_point": {"H": 8, "S": 384, "D": 16},
    "evoformer": {"N": 32, "H": 4, "S": 256, "D": 32},
    "axial": {"H": 4, "S": 256, "D": 32, "columns": 8},
    "one_query": {"H": 8, "S": 16384, "D": 64},
}


@dataclass
class Row:
    """One line of the table; `want` is made late, as fp64 results are large."""

    name: str
    fn: Callable
    args: Callable  # () -> inputs
    want: Callable  # inputs -> fp64 outputs
    repeats: int
    figures: dict = field(default_factory=dict)  # system -> (error, ms, MiB, first call s)


def program(name: str, S: int) -> Row:
    case = CASES[name]
    sizes = OWN_SIZES.get(name, {"H": 8, "S": S, "D": 64})
    return Row(
        name, case.fn, lambda: case.make(**sizes), lambda args: oracle.oracle(case.fn, args), 7
    )


def model(name: str, S: int, sizes: dict) -> Row:
    built = MODELS[name](**sizes)

    def exact(args):
        return (copy.deepcopy(built).double()(*args).logits,)

    def logits(ids):
        return built(ids).logits

    return Row(f"{name}, S {S}", logits, lambda: (tokens(built, S),), exact, 3)


def distance(got, want) -> float:
    """Largest difference, relative to the largest value; infinite where the shape is another."""
    if [g.shape for g in got] != [w.shape for w in want]:
        return float("inf")
    scale = max(oracle.largest(w) for w in want)
    return max(oracle.error(g, w) for g, w in zip(got, want, strict=True)) / scale


def measure(row: Row, backend: str | None, args, want) -> tuple:
    """Error, median ms, peak MiB, first-call s of one system."""
    torch._dynamo.reset()
    fn = torch.compile(row.fn, backend=backend) if backend else row.fn
    begin = time.perf_counter()
    got = oracle.as_tuple(fn(*args))
    first = time.perf_counter() - begin
    error = distance(got, want)
    del got
    _, peak = memory.peak_extra(lambda: fn(*args))
    times = []
    for _ in range(row.repeats):
        begin = time.perf_counter()
        fn(*args)
        times.append((time.perf_counter() - begin) * 1e3)
    return error, statistics.median(times), peak / 2**20, first


@torch.no_grad()
def fill(rows: list[Row], bar: tqdm) -> None:
    for row in rows:
        args = row.args()
        want = row.want(args)
        for system, backend in SYSTEMS.items():
            bar.set_description(f"{row.name}: {system}")
            row.figures[system] = measure(row, backend, args, want)
            bar.update()


def explained() -> str:
    import torch_flashlight

    case = CASES[EXPLAINED]
    return str(torch_flashlight.explain(case.fn, *case.make(H=8, S=1024, D=64)))


def options():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="short lengths and tiny models")
    parser.add_argument("--only", nargs="*", help="programs and models to show")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "demo.png")
    return parser.parse_args()


def main():
    chosen = options()
    S = 128 if chosen.quick else 1024
    build = [(name, lambda n=name: program(n, S)) for name in PROGRAMS]
    sizes = TINY if chosen.quick else {name: {} for name in MODELS}
    build += [(name, lambda n=name: model(n, S, sizes[n])) for name in MODELS]
    build = [make for name, make in build if not chosen.only or name in chosen.only]
    rows = []
    with tempfile.TemporaryDirectory() as caches:  # first calls are cold for both compilers
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = caches + "/inductor"
        os.environ["FLASHLIGHT_CACHE_DIR"] = caches + "/flashlight"
        with tqdm(total=len(build) * len(SYSTEMS), unit="run") as bar, torch.no_grad():
            torch.compile(lambda x: x + 1)(torch.ones(3))  # imports: not part of a first call
            for make in build:
                rows.append(make())
                fill(rows[-1:], bar)
        print(f"explain({EXPLAINED}):\n\n{explained()}\n")
    known = facts()
    title = f"{known['machine']}; {known['versions']}; {known['date']}"
    print(f"{title}\n\n{table.text(rows, list(SYSTEMS))}")
    table.picture(chosen.out, rows, list(SYSTEMS), title)
    print(f"\nwritten: {chosen.out}")


if __name__ == "__main__":
    main()
