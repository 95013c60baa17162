"""A boolean mask with rows that see no key at all: those are NaN, as in eager PyTorch."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v, mask):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.where(mask, scores, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    mask = torch.rand(B, 1, S, S) < 0.5
    mask[:, :, ::3] = False
    return *qkv(B, H, S, D, dtype), mask
