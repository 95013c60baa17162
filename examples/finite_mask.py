"""A causal mask that is added as the smallest finite number (older Hugging Face models)."""

import math

import torch

from examples.tensors import positions, qkv


def attention(q, k, v):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    zero = torch.tensor(0.0, dtype=q.dtype, device=q.device)
    mask = torch.where(j <= i, zero, torch.finfo(q.dtype).min)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (scores + mask).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return qkv(B, H, S, D, dtype)
