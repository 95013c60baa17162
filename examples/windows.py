"""Attention inside many small windows of an image, with one bias table (Liu et al. 2021, Swin).

B counts windows; a model has more of them than rows in one.
"""

import math

import torch

from examples.tensors import qkv, randn


def attention(q, k, v, table):
    S = q.shape[-2]
    i = torch.arange(S, device=q.device)
    bias = table[:, i[:, None] - i[None, :] + S - 1]
    return (q * (1 / math.sqrt(q.shape[-1])) @ k.transpose(-2, -1) + bias).softmax(-1) @ v


def inputs(B=2, H=4, S=49, D=32, dtype=torch.float32):
    return *qkv(B, H, S, D, dtype), randn(H, 2 * S - 1, dtype=dtype)
