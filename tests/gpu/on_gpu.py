"""What the tests on a GPU share."""

import torch
import torch_flashlight

from tests.support import oracle


def to_gpu(args, device="cuda"):
    return tuple(x.to(device) if isinstance(x, torch.Tensor) else x for x in args)


def compiled(fn, **options):
    return torch.compile(fn, backend="flashlight", **options)


def check(fn, args, length: int, run=None):
    """Right values, by kernels of ours: a graph that went to the host compiler fails."""
    before = torch_flashlight.stats()["calls"]
    got = (run or compiled(fn))(*args)
    assert torch_flashlight.stats()["calls"] > before, "no kernel of ours ran"
    torch.cuda.synchronize()
    oracle.check(got, fn, args, length=length)
    return got
