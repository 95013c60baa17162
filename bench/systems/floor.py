"""What cannot be avoided, as a system: reading the largest tensor once; for a program that stands
beside plain attention, that attention by us."""

import torch

from examples.cases import CASES


def references(problem) -> dict:
    """Callables by name; they compute something else, so nobody compares their results."""
    if problem.name == "invariant_point":
        pair = max((x for x in problem.args if x.dim() == 4), key=lambda x: x.numel())
        return {"reading": lambda: pair.sum()}
    if problem.name == "rectified":
        fn, qkv = torch.compile(CASES["full"].fn, backend="flashlight"), problem.args[:3]
        return {"full": lambda: fn(*qkv)}
    return {}
