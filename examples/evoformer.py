"""Row attention with mask bias, pair bias and gate (Jumper et al. 2021, AlphaFold 2, alg. 7)."""

import math

import torch

from examples.tensors import randn


def attention(q, k, v, mask_bias, pair_bias, gate):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    weights = (scores + mask_bias + pair_bias).softmax(-1)
    out = torch.sigmoid(gate) * (weights @ v)
    return out.transpose(-3, -2).flatten(-2)


def inputs(B=1, H=4, S=256, D=32, dtype=torch.float32, N=8):
    """N alignment rows of S residues; the pair bias is shared by the rows."""
    q, k, v, gate = (randn(B, N, H, S, D, dtype=dtype) for _ in range(4))
    mask_bias = 1e4 * ((torch.rand(B, N, 1, 1, S) < 0.9).to(dtype) - 1)
    return q, k, v, mask_bias, randn(B, 1, H, S, S, dtype=dtype), gate
