"""Capped scores under the causal mask (Gemma 2's global layers)."""

import math

import torch

from examples.tensors import positions, qkv

CAP = 50.0


def attention(q, k, v):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = torch.tanh(scores / CAP) * CAP
    return scores.masked_fill(j > i, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
