"""Random inputs that most examples share. Every length, head count and head dim is a parameter."""

import torch


def randn(*shape, dtype=torch.float32):
    return torch.randn(shape).to(dtype)


def qkv(B, H, S, D, dtype, Sk=None, Hk=None, Dv=None):
    """Queries [B, H, S, D], keys [B, Hk, Sk, D], values [B, Hk, Sk, Dv]."""
    Sk, Hk, Dv = Sk or S, Hk or H, Dv or D
    q = randn(B, H, S, D, dtype=dtype)
    return q, randn(B, Hk, Sk, D, dtype=dtype), randn(B, Hk, Sk, Dv, dtype=dtype)


def positions(S, Sk, device):
    """Query positions as a column, key positions as a row."""
    return torch.arange(S, device=device)[:, None], torch.arange(Sk, device=device)[None, :]
