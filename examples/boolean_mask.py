"""A boolean mask tensor, shared by the heads; every query keeps its own key."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~mask, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    mask = (torch.rand(B, 1, S, S) < 0.5) | torch.eye(S, dtype=torch.bool)
    return *qkv(B, H, S, D, dtype), mask
