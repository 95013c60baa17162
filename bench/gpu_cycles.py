"""Launches programs for Nsight Compute, whose cycles are far less noisy than times on a card that
power limits. The least of each four launches counts; PROGRAM:HEAD_DIM:LENGTH as in bench.gpu:

ncu --clock-control none --target-processes application-only --metrics sm__cycles_elapsed.max \
  -k regex:fl_ --csv python3 -m bench.gpu_cycles full:64:4096 alibi:64:4096 evoformer

Cycles are not time there: what loads more data for fewer cycles may be slower (docs/perf-log.md).
"""

import sys

import torch
import torch_flashlight  # noqa: F401

from bench.gpu_problems import OWN_SIZES, TOKENS, VARIANT_SIZES, WIDTH, GpuProblem

LAUNCHES = 4


def problem(word: str) -> GpuProblem:
    name, *numbers = word.split(":")
    if not numbers:
        return GpuProblem(name, OWN_SIZES[name], torch.bfloat16)
    D, S = map(int, numbers)
    dense = {"B": TOKENS // S, "H": WIDTH // D}
    sizes = dense if name in ("full", "causal") else VARIANT_SIZES[0]
    return GpuProblem(name, sizes | {"S": S, "D": D}, torch.bfloat16)


@torch.no_grad()
def main(words):
    for word in words:
        chosen = problem(word)
        fn, args = torch.compile(chosen.case.fn, backend="flashlight"), chosen.args
        for _ in range(LAUNCHES):
            fn(*args)
        torch.cuda.synchronize()


if __name__ == "__main__":
    main(sys.argv[1:])
