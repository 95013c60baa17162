"""A learned bias looked up by the distance of key and query (Raffel et al. 2020, T5)."""

import torch

from examples.tensors import positions, qkv, randn

REACH = 128


def attention(q, k, v, table):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    bias = table[(j - i).clamp(-REACH, REACH) + REACH]
    scores = q @ k.transpose(-2, -1) + bias.permute(2, 0, 1)
    return scores.softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    q, k, v = qkv(B, H, S, D, dtype, Sk=Sk)
    return q * D**-0.5, k, v, randn(2 * REACH + 1, H, dtype=dtype)
