"""FlexAttention's kernel alone: its BlockMask is built before the clock starts."""

import torch
from torch.nn.attention.flex_attention import create_block_mask, flex_attention

from examples import prefix, softcap, window

NAME = "FlexAttention"


def modifications(problem):
    """(score_mod, mask_mod) of the program, or None."""
    rest = problem.args[3:]
    table = {
        "full": (None, None),
        "causal": (None, lambda b, h, i, j: j <= i),
        "gqa_repeat": (None, lambda b, h, i, j: j <= i),
        "alibi": (lambda s, b, h, i, j: s + rest[0][h] * (j - i), None),
        "softcap": (lambda s, b, h, i, j: torch.tanh(s / softcap.CAP) * softcap.CAP, None),
        "window": (None, lambda b, h, i, j: (j <= i) & (i - j <= window.WINDOW)),
        "prefix": (None, lambda b, h, i, j: (j <= i) | (j < prefix.PREFIX)),
        "document": (None, lambda b, h, i, j: rest[0][i] == rest[0][j]),
    }
    return table.get(problem.name)


def prepare(problem):
    found = modifications(problem)
    if found is None:
        return None
    score_mod, mask_mod = found
    q, k, v = problem.args[:3]
    S, Sk = q.shape[-2], k.shape[-2]
    mask = create_block_mask(mask_mod, None, None, S, Sk, device=q.device) if mask_mod else None
    grouped = q.shape[1] != k.shape[1]
    fn = torch.compile(lambda q, k, v: flex_attention(q, k, v, score_mod, mask, enable_gqa=grouped))
    return lambda: fn(q, k, v)
