"""Small calls of every path of the CUDA back end, for compute-sanitizer: `make gpusan`.

    python -m tests.gpu.sanitize [NAME ...]   program names; default a few of each kind

Kernels are started from here alone, without pytest, so that a report names nothing else. Results
are compared with eager: a tool that changes timing finds races by their results too."""

import os
import sys

os.environ.setdefault("PYTORCH_NO_CUDA_MEMORY_CACHING", "1")  # a block a tensor: overruns show

import torch

from examples.cases import CASES
from tests.gpu.on_gpu import check, compiled, to_gpu

NAMES = ("causal", "alibi", "additive_mask", "gqa_repeat", "softmax_queries", "differential")
DTYPES = (torch.bfloat16, torch.float32)
LENGTHS = (130, 65)  # two tiles and a rest; one row more than a tile


def shifted(x):
    """One element off any alignment, the end of the tensor the end of its memory."""
    room = torch.empty(x.numel() + 1, dtype=x.dtype, device=x.device)[1:]
    return room.view(x.shape).copy_(x)


def main(names) -> None:
    for name in names or NAMES:
        case = CASES[name]
        sizes = {"B": 1, "H": 2, "D": 64} | ({"Hk": 1} if case.accepts("Hk") else {})
        for dtype in DTYPES:
            torch._dynamo.reset()
            fn = compiled(case.fn)
            for S in LENGTHS:
                args = to_gpu(case.make(**sizes, S=S, dtype=dtype))
                check(case.fn, args, S, run=fn)
            args = tuple(shifted(x) if x.dim() == 4 else x for x in args)
            check(case.fn, args, S, run=fn)
            print(f"ok  {name} {dtype}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
