"""ALiBi as its paper uses it: with the causal mask (Press et al. 2022)."""

import math

import torch

from examples.tensors import positions, qkv


def attention(q, k, v, slopes):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores + slopes[:, None, None] * (j - i)
    return scores.masked_fill(j > i, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    slopes = 2.0 ** (-8.0 * (torch.arange(H) + 1) / H)
    return *qkv(B, H, S, D, dtype, Sk=Sk), slopes.to(dtype)
