"""Causal attention inside chunks of 128 keys (Llama 4's local layers)."""

import math

import torch

from examples.tensors import positions, qkv

CHUNK = 128


def attention(q, k, v):
    i, j = positions(q.shape[-2], k.shape[-2], q.device)
    live = (i // CHUNK == j // CHUNK) & (j <= i)
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.masked_fill(~live, -math.inf).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return qkv(B, H, S, D, dtype)
