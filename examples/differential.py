"""The difference of two softmax maps that share V (Ye et al. 2024, Differential Transformer)."""

import torch

from examples.tensors import qkv


def attention(q, k, v, weight):
    q1, q2 = q.chunk(2, dim=-1)
    k1, k2 = k.chunk(2, dim=-1)
    scale = q1.shape[-1] ** -0.5
    first = (q1 @ k1.transpose(-1, -2) * scale).softmax(-1)
    second = (q2 @ k2.transpose(-1, -2) * scale).softmax(-1)
    return (first - weight * second) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return *qkv(B, H, S, 2 * D, dtype, Sk=Sk), torch.tensor(0.2, dtype=dtype)
