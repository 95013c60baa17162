"""How many of 80 random draws miss the rule of tests/support/oracle.py, and by how many ulps at
most; the root mean square of our errors over eager's: python -m tests.support.draws"""

import torch

from examples.cases import CASES
from tests.support import backend, oracle

DRAWS = 80
SIZES = [
    *(("full", {"H": 2, "S": 129, "D": D}) for D in (24, 32, 64, 128)),
    *(("causal", {"H": 2, "S": 129, "D": D}) for D in (24, 32, 64, 128)),
    ("softmax_off_by_one", {"H": 2, "S": 70, "Sk": 150, "D": 32}),
    ("differential", {"H": 2, "S": 70, "Sk": 150, "D": 32}),
]


def far_above():
    """A key whose terms are 60 times those of the others."""
    q, k, v = (torch.randn(1, 2, 300, 32) for _ in range(3))
    k[:, :, 290] *= 60
    return q, k, v


def count(name, make):
    fn, compiled = CASES[name].fn, backend.compiled(CASES[name].fn)
    missed, worst, ours, eagers = 0, 0.0, 0.0, 0.0
    for draw in range(DRAWS):
        torch.manual_seed(draw)
        args = make()
        got, by_eager = oracle.as_tuple(compiled(*args)), oracle.eager(fn, args)
        for g, e, want in zip(got, by_eager, oracle.oracle(fn, args), strict=True):
            over = oracle.error(g, want) - oracle.allowed(e, want, args[1].shape[-2])
            missed += over > 0
            worst = max(worst, over / (oracle.eps(g.dtype) * oracle.largest(want)))
            ours += oracle.typical_error(g, want) ** 2
            eagers += oracle.typical_error(e, want) ** 2
    return missed, worst, (ours / eagers) ** 0.5


def main():
    rows = [(n, str(s), lambda n=n, s=s: CASES[n].inputs(**s)) for n, s in SIZES]
    for name, what, make in [*rows, ("full", "a key far above the others", far_above)]:
        missed, worst, rms = count(name, make)
        print(f"{name} {what}: {missed} of {DRAWS} miss, worst by {worst:.2f} ulp, rms {rms:.3f}")


if __name__ == "__main__":
    main()
