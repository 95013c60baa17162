"""A finite mask of causal, window and packed sequence ids (what Hugging Face's Gemma 2 builds)."""

import math

import torch

from examples.tensors import positions, qkv

WINDOW = 256


def attention(q, k, v, position_ids):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    first = torch.zeros_like(position_ids[:, :1])
    packed = (torch.diff(position_ids, dim=1, prepend=first - 1) != 1).cumsum(-1)
    live = (j <= i) & (i - j < WINDOW)
    live = live & (packed[:, None, :, None] == packed[:, None, None, :])
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    zero = torch.tensor(0.0, dtype=q.dtype, device=q.device)
    mask = torch.where(live, zero, torch.finfo(q.dtype).min)
    return (scores + mask).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    position_ids = torch.arange(S) % (S // 3 + 1)
    return *qkv(B, H, S, D, dtype), position_ids.expand(B, S).contiguous()
