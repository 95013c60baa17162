"""Rotary position embedding of queries and keys, causal (Su et al. 2021; Llama's two halves)."""

import math

import torch

from examples.tensors import positions, qkv


def rotate(x):
    first, second = x.chunk(2, -1)
    return torch.cat((-second, first), -1)


def attention(q, k, v, cos, sin):
    q, k = (x * cos + rotate(x) * sin for x in (q, k))
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(j > i, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    """Pairs of columns turn by an angle that grows with the position: its cosine, sine [S, D]."""
    frequency = 1e4 ** (-2.0 * (torch.arange(D) % (D // 2)) / D)
    angle = torch.arange(S)[:, None] * frequency
    return *qkv(B, H, S, D, dtype), angle.cos().to(dtype), angle.sin().to(dtype)
