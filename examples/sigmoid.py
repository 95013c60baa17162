"""A sigmoid in place of softmax, shifted by the length (Ramapuram et al. 2024)."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v, shift):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return torch.sigmoid(scores + shift) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    shift = torch.tensor(-math.log(Sk or S), dtype=dtype)
    return *qkv(B, H, S, D, dtype, Sk=Sk), shift
