"""Scores bounded by a tanh (Gemma 2, 2024)."""

import math

import torch

from examples.tensors import qkv

CAP = 20.0


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (torch.tanh(scores / CAP) * CAP).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
