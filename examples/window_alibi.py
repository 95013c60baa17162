"""A two-sided window with linear position biases."""

import math

import torch

from examples.tensors import positions, qkv

WINDOW = 128


def attention(q, k, v, slopes):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    scores = scores - slopes[:, None, None] * (i - j).abs()
    return scores.masked_fill((i - j).abs() > WINDOW, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    slopes = 2.0 ** (-8.0 * (torch.arange(H) + 1) / H)
    return *qkv(B, H, S, D, dtype), slopes.to(dtype)
