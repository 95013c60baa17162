"""Softmax over the queries: slots compete for the inputs (Locatello et al. 2020)."""

import math

import torch

from examples.tensors import qkv

KERNELS = 2


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(-2) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
