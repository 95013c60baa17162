"""Capped scores in a causal sliding window (Gemma 2's local layers)."""

import math

import torch

from examples.tensors import positions, qkv

CAP, WINDOW = 50.0, 256


def attention(q, k, v):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = torch.tanh(scores / CAP) * CAP
    scores = scores.masked_fill(j > i, -math.inf).masked_fill(i - j >= WINDOW, -math.inf)
    return scores.softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return qkv(B, H, S, D, dtype)
