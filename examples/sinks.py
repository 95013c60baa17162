"""A learned sink a head beside the scores, causal (Xiao et al. 2023; as GPT-OSS writes it)."""

import math

import torch

from examples.tensors import positions, qkv, randn


def attention(q, k, v, sinks):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores.masked_fill(j > i, -math.inf)
    column = sinks[:, None, None].expand(*scores.shape[:-1], 1)
    scores = torch.cat((scores, column), -1)
    scores = scores - scores.max(-1, keepdim=True).values
    return scores.softmax(-1)[..., :-1] @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return *qkv(B, H, S, D, dtype, Sk=Sk), randn(H, dtype=dtype)
