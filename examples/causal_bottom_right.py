"""Causal attention aligned at the end: fewer queries than keys, as with a key-value cache."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    S, Sk = q.shape[-2], k.shape[-2]
    live = torch.ones(S, Sk, dtype=torch.bool, device=q.device).tril(Sk - S)
    scores = torch.einsum("...id,...jd->...ij", q, k) * q.shape[-1] ** -0.5
    return torch.where(live, scores, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk or S + S // 2)
