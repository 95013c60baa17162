"""One query row over many keys, as in decoding."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return scores.softmax(-1) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32):
    return qkv(B, H, 1, D, dtype, Sk=S)
