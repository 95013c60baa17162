"""Squared relu of the scores over the length (Hua et al. 2022, FLASH's gated unit)."""

import math

import torch

from examples.tensors import qkv


def attention(q, k, v):
    scores = q @ k.transpose(-2, -1) / math.sqrt(q.shape[-1])
    return (torch.relu(scores) ** 2 / k.shape[-2]) @ v


def inputs(B=1, H=8, S=2048, D=64, dtype=torch.float32, Sk=None):
    return qkv(B, H, S, D, dtype, Sk=Sk)
