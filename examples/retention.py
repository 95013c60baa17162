"""Causal scores that decay with the distance (Sun et al. 2023, RetNet, parallel form)."""

import torch

from examples.tensors import positions, qkv


def attention(q, k, v, rate):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    decay = torch.exp(rate[:, None, None] * (j - i))
    scores = q @ k.transpose(-2, -1)
    return torch.where(j <= i, scores * decay, 0.0) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    q, k, v = qkv(B, H, S, D, dtype)
    return q * D**-0.5, k, v, (2.0 ** (-5.0 - torch.arange(H))).to(dtype)
