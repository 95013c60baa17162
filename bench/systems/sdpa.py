"""F.scaled_dot_product_attention, its mask or bias tensor built beforehand."""

import torch
import torch.nn.functional as F

from examples import prefix, window
from examples.tensors import positions

NAME = "SDPA"


def mask_of(problem):
    """is_causal, or the boolean or additive mask, that says the program's variant."""
    q, k, _, *rest = problem.args
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    masks = {
        "full": lambda: {},
        "causal": lambda: {"is_causal": True},
        "gqa_repeat": lambda: {"is_causal": True, "enable_gqa": True},
        "alibi": lambda: {"attn_mask": rest[0][None, :, None, None] * (j - i)},
        "window": lambda: {"attn_mask": (j <= i) & (i - j <= window.WINDOW)},
        "prefix": lambda: {"attn_mask": (j <= i) | (j < prefix.PREFIX)},
        "document": lambda: {"attn_mask": rest[0][:, None] == rest[0][None, :]},
    }
    return masks[problem.name]() if problem.name in masks else None


def prepare(problem):
    options = mask_of(problem)
    if options is None:
        return None
    q, k, v = problem.args[:3]
    if isinstance(bias := options.get("attn_mask"), torch.Tensor) and bias.is_floating_point():
        options["attn_mask"] = bias.to(q.dtype)
    return lambda: F.scaled_dot_product_attention(q, k, v, **options)
