"""Grouped heads by repeat_interleave (Ainslie et al. 2023, GQA)."""

import math

import torch

from examples.tensors import positions, qkv


def attention(q, k, v):
    groups = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(groups, dim=1), v.repeat_interleave(groups, dim=1)
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(j > i, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Hk=2):
    return qkv(B, H, S, D, dtype, Hk=Hk)
