"""Padded batches: sequence b has seq_len[b] keys."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v, seq_len):
    j = torch.arange(k.shape[-2], device=k.device)
    padded = j >= seq_len[:, None, None, None]
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(padded, -math.inf).softmax(-1) @ v


def inputs(B=2, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return *qkv(B, H, S, D, dtype, Sk=Sk), torch.randint(1, (Sk or S) + 1, (B,))
