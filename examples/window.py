"""Sliding window of 256 keys, causal (Beltagy et al. 2020, Longformer; Mistral 7B)."""

import math

import torch

from examples.tensors import positions, qkv

WINDOW = 256


def attention(q, k, v):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill((j > i) | (i - j > WINDOW), -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return qkv(B, H, S, D, dtype)
