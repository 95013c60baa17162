"""Axial attention along the rows of a grid, by transpose(2, 3) of 5-D (Ho et al. 2019)."""

import math

import torch

from examples.tensors import randn


def attention(q, k, v):
    q, k, v = (x.transpose(2, 3) for x in (q, k, v))
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores.softmax(-1) @ v).transpose(2, 3)


def inputs(B=1, H=4, S=256, D=32, dtype=torch.float32, columns=8):
    """Heads, S rows, some columns: a query meets the keys of its own column."""
    return tuple(randn(B, H, S, columns, D, dtype=dtype) for _ in range(3))
