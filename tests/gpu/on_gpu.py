"""What the tests on a GPU share."""

import torch
import torch_flashlight

from tests.support import oracle

ULPS = 4  # beside eager's error: of other cards' orders of sums few draws are known


def to_gpu(args, device="cuda"):
    return tuple(x.to(device) if isinstance(x, torch.Tensor) else x for x in args)


def compiled(fn, **options):
    return torch.compile(fn, backend="flashlight", **options)


def check(fn, args, length: int, run=None, ours=True):
    """Right values, by kernels of ours: a graph that went to the host compiler fails, unless
    `ours` is false: the program may be too small for a kernel to pay."""
    before = torch_flashlight.stats()["calls"]
    got = (run or compiled(fn))(*args)
    assert torch_flashlight.stats()["calls"] > before or not ours, "no kernel of ours ran"
    torch.cuda.synchronize()
    oracle.check(got, fn, args, length=length, ulps=ULPS)
    return got
