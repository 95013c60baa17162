"""Softmax of normalised scores: no single pass exists, so the kernel reads the keys twice."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    spread, centre = torch.var_mean(scores, -1, correction=0, keepdim=True)
    return ((scores - centre) * (spread + 1e-5).rsqrt()).softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
