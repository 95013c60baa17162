"""The one oracle and the one tolerance rule of all Python tests.

The oracle is the same function in eager PyTorch on fp64 inputs. What we compute may differ from it
by what eager PyTorch itself differs at the dtype under test, plus one ulp of the output.
The largest of many rounding errors is one draw of chance, for eager as for us: where that rule is
missed, the root mean square of our errors must be below eager's, and the largest within four ulps
(docs/semantics.md has the counts).
"""

import math

import torch

# NOTE: on a Xeon of the Sapphire Rapids class (torch 2.13, MKL) the first call of such a function
# in a process may be off by 5e-6 in the half of one of two threads, in one process of 5 to 16.
# After a first call in one thread it is not.
for function in (torch.exp, torch.tanh, torch.log, torch.erf, torch.sigmoid):
    function(torch.ones(4))


def as_tuple(result) -> tuple:
    return tuple(result) if isinstance(result, (tuple, list)) else (result,)


def double(x):
    """fp64 for floating tensors; indices, masks and numbers stay as they are."""
    return x.double() if isinstance(x, torch.Tensor) and x.is_floating_point() else x


@torch.no_grad()
def oracle(fn, args) -> tuple:
    return as_tuple(fn(*[double(x) for x in args]))


@torch.no_grad()
def eager(fn, args) -> tuple:
    return as_tuple(fn(*args))


def eps(dtype) -> float:
    return torch.finfo(dtype).eps


def tolerance(dtype, length: int = 1) -> float:
    """Relative error that rounding may cause where eager cannot say it: in fp64, where eager is
    the oracle. Errors of a sum of `length` terms grow as its square root when they are random."""
    return eps(dtype) * (8 + math.sqrt(length))


def largest(x: torch.Tensor) -> float:
    """The largest finite magnitude, 0 for none."""
    x = x[x.isfinite()]
    return x.abs().max().item() if x.numel() else 0.0


def error(got: torch.Tensor, want: torch.Tensor, where=None) -> float:
    """Largest absolute difference where both are finite (and `where` holds)."""
    both = got.isfinite() & want.isfinite()
    both = both if where is None else both & where
    return largest(got.double()[both] - want.double()[both])


def allowed(by_eager: torch.Tensor, want: torch.Tensor, length: int = 1, ulps: int = 1) -> float:
    """The largest error that passes: eager's own, plus `ulps` of the output's magnitude."""
    magnitude, dtype = largest(want), by_eager.dtype
    bound = error(by_eager, want) + ulps * eps(dtype) * magnitude
    if dtype == torch.float64:
        bound = max(bound, tolerance(dtype, length) * magnitude)
    return bound


def typical_error(got: torch.Tensor, want: torch.Tensor) -> float:
    """Root mean square of the differences where both are finite."""
    both = got.isfinite() & want.isfinite()
    return (got.double()[both] - want.double()[both]).square().mean().sqrt().item()


def is_chance(got, by_eager, want, length: int) -> bool:
    """Our errors are smaller than eager's, but for the largest."""
    if typical_error(got, want) >= typical_error(by_eager, want):
        return False
    return error(got, want) <= allowed(by_eager, want, length, ulps=4)


def check_one(got, by_eager, want, length: int = 1, ulps: int = 1, name: str = "output"):
    assert got.shape == by_eager.shape, f"{name}: shape {got.shape}, eager {by_eager.shape}"
    assert got.dtype == by_eager.dtype, f"{name}: dtype {got.dtype}, eager {by_eager.dtype}"
    nan, eager_nan = got.isnan(), by_eager.isnan()
    # Eager may be wrong: with AMX the NaN row of a bf16 product spoils the rows beside it.
    same = torch.equal(nan, eager_nan) or torch.equal(nan, want.isnan())
    assert same, f"{name}: {nan.sum()} NaN, eager has {eager_nan.sum()}, fp64 {want.isnan().sum()}"
    sure = by_eager.isinf() & (want.double() == by_eager.double())
    assert torch.equal(got[sure], by_eager[sure]), f"{name}: infinities differ from eager's"
    lost = got.isinf() & by_eager.isfinite()
    assert not lost.any(), f"{name}: {lost.sum()} infinities where eager is finite"
    found, bound = error(got, want), allowed(by_eager, want, length, ulps)
    worst = error(by_eager, want)
    if found > bound and is_chance(got, by_eager, want, length):
        return
    assert found <= bound, f"{name}: error {found:.2e} above {bound:.2e}; eager has {worst:.2e}"


def check(got, fn, args, length: int = 1, ulps: int = 1):
    """`got` is what the compiler returned for fn(*args)."""
    got, by_eager, want = as_tuple(got), eager(fn, args), oracle(fn, args)
    assert len(got) == len(by_eager)
    for n, triple in enumerate(zip(got, by_eager, want, strict=True)):
        check_one(*triple, length=length, ulps=ulps, name=f"output {n}")
