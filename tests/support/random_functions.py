"""Random attention in PyTorch, as people write it: masks by positions, biases, bounded scores,
other normalisers, rows without a key."""

import math
import random
from dataclasses import dataclass

import torch
import torch.nn.functional as F

NAMES = (
    "q",
    "k",
    "v",
    "mask",
    "doc",
    "kdoc",
    "slope",
    "bias",
    "table",
    "kb",
    "temperature",
    "gate",
)
PRODUCTS = (
    "s = q @ k.transpose(-2, -1) * scale",
    "s = torch.einsum('bhid,bhjd->bhij', q, k) * scale",
    "s = torch.matmul(q * scale, k.mT)",
    "s = F.normalize(q, dim=-1) @ F.normalize(k, dim=-1).mT * 5",
    "s = -(q[:, :, :, None] - k[:, :, None]).square().sum(-1) * scale * 0.3",
    "s = torch.baddbmm(q.new_zeros(B * H, S, Sk), q.flatten(0, 1), k.flatten(0, 1).mT, alpha=scale)"
    ".unflatten(0, (B, H))",
)
CHANGES = (
    *("s = torch.tanh(s / 3) * 3", "s = s.clamp(-2, 2)", "s = F.softplus(s)", "s = F.gelu(s)"),
    *("s = F.leaky_relu(s, 0.2)", "s = F.silu(s)", "s = s * temperature", "s = F.elu(s)"),
    *("s = torch.erf(s)", "s = F.logsigmoid(s)", "s = F.hardtanh(s)", "s = s / (1 + s.abs())"),
    *("s = torch.lerp(s, s * 2, 0.3)", "s = s.square()", "s = torch.nan_to_num(s)"),
    "s = torch.logaddexp(s, torch.zeros_like(s))",
)
# A fill so low that it swallows what is added to it has rows where eager and fp64 differ.
MASKS = (
    "s = s.masked_fill(~({p} | (j == 0)), -math.inf)",
    "s = torch.where({p} | (j == 0), s, -2e4)",
    "s = s.masked_fill({p} & (j > 0), -1e4)",
    "s = s + q.new_zeros(S, Sk).masked_fill({p} & (j != 0), -math.inf)",
    "s = torch.where({p}, s, -math.inf)",
)
WEIGHTS = (
    *["w = s.softmax(-1)"] * 5,
    "w = torch.softmax(s, -1, dtype=torch.float64 if s.dtype == torch.float64 else torch.float32)"
    ".to(s.dtype)",
    "w = s.log_softmax(-1).exp()",
    "e = (s - s.amax(-1, keepdim=True)).exp()\nw = e / e.sum(-1, keepdim=True)",
    "w = s.sigmoid()",
    "w = F.relu(s)\nw = w / (w.sum(-1, keepdim=True) + 1)",
    "w = F.relu(s).square()\nw = w / (w.sum(-1, keepdim=True) + 0.5)",
    "w = torch.exp(s - torch.logsumexp(s, -1, keepdim=True))",
    "w = s.softmax(-1) - 0.3 * (s * 0.5).softmax(-1)",
    "w = torch.nan_to_num(s.softmax(-1))",
    "w = s.softmax(-1) * kb.sigmoid()",
    "w = s.softmax(-1).masked_fill(j > i + 9, 0.0)",
    "m = {p}\nw = s.masked_fill(m, -math.inf).softmax(-1).masked_fill(m, 0.0)",
)
OUTPUTS = (
    *["o = w @ v"] * 4,
    "o = torch.einsum('bhij,bhjd->bihd', w, v).flatten(2)",
    "o = (w @ v).transpose(1, 2).reshape(B, S, -1)",
    "o = w @ v * gate.sigmoid()",
    "o = w @ v\no = o / (o.square().mean(-1, keepdim=True) + 1e-3).sqrt()",
    "o = w @ v + v.mean(-2, keepdim=True)",
    "o = (w @ v).mean(1)",
    "o = w @ v, w.sum(-1)",
    "o = w @ v, s.amax(-1)",
    "o = (w @ v).flip(1)",
)
# {a}, {b}: of integers, {p}, {q}: conditions, {n}: a number.
INTEGERS = (
    *["i", "j", "(i - j)", "(j - i)"] * 2,
    *("({a} // {n})", "({a} % {n})", "({a} + {n})", "({a} - {b})", "({a} * -2)", "({a}).abs()"),
    *("({a}).clamp(min=2)", "torch.maximum({a}, {b})", "torch.where({p}, {a}, {b})"),
    "torch.remainder({a}, -{n})",
)
CONDITIONS = (
    *["({a} <= {b})", "({a} > {b})", "({a} < {n})", "({a} == {b})", "({a} != {b})"] * 2,
    *("({p} & {q})", "({p} | {q})", "(~{p})", "({p} ^ {q})", "torch.logical_xor({p}, {q})"),
    *("mask", "(doc[:, None] == kdoc)", "({a} % 2).bool()"),
    *(
        "torch.ones(S, Sk, dtype=torch.bool).tril({n} - 5)",
        "torch.ones(S, Sk).triu({n} - 5).bool()",
    ),
)
BIASES = (
    *("({a}).to(q.dtype) * 0.05", "-torch.log1p(({a}).abs().to(q.dtype))", "bias", "kb"),
    *("torch.cos(({a}).to(q.dtype) * 0.3)", "torch.exp(-({a}).abs().to(q.dtype) / 8)"),
    *("slope[:, None, None] * ({a}).to(q.dtype)", "table[:, (j - i).clamp(-8, 8) + 8]"),
    *("torch.where({p}, 0.5, -0.25).to(q.dtype)", "torch.sign(({a}).to(q.dtype))"),
)


@dataclass
class RandomFunction:
    source: str
    fn: object
    args: tuple
    length: int


class Writer:
    def __init__(self, seed):
        self.random = random.Random(seed)

    def fill(self, text, depth=0):
        """The template with what its names stand for; what is deep is simple."""
        few = depth >= 3
        choices = {
            "{a}": INTEGERS[:4] if few else INTEGERS,
            "{b}": INTEGERS[:4] if few else INTEGERS,
            "{p}": CONDITIONS[:5] if few else CONDITIONS,
            "{q}": CONDITIONS[:5] if few else CONDITIONS,
            "{n}": ("2", "3", "5", "7", "16"),
        }
        for name, options in choices.items():
            while name in text:
                text = text.replace(name, self.fill(self.random.choice(options), depth + 1), 1)
        return text

    def one_of(self, options):
        return self.fill(self.random.choice(options)).split("\n")

    def body(self):
        r = self.random
        lines = self.one_of(PRODUCTS)
        for _ in range(r.randrange(4)):
            bias = f"s = s {r.choice('+-')} {r.choice(BIASES)}"
            lines += self.one_of((bias,) if r.random() < 0.5 else CHANGES)
        for _ in range(r.randrange(3)):
            lines += self.one_of(MASKS)
        return lines + self.one_of(WEIGHTS) + self.one_of(OUTPUTS)


def random_function(seed, dtype=torch.float32) -> RandomFunction:
    writer = Writer(seed)
    pick = writer.random.choice
    torch.manual_seed(seed)
    B, H, S, D = pick((1, 2)), pick((1, 2, 3)), pick((33, 64, 70, 129)), pick((4, 8, 16, 20))
    Sk, Dv = pick((S, S, 40, 65, 130)), pick((D, D, 3, 24))
    start = ["i, j = torch.arange(S)[:, None], torch.arange(Sk)"]
    lines = [*start, *writer.body(), "return o"]
    source = f"def fn({', '.join(NAMES)}):\n" + "".join(f"    {line}\n" for line in lines)
    space = {
        "B": B,
        "H": H,
        "S": S,
        "Sk": Sk,
        "scale": D**-0.5,
        "torch": torch,
        "F": F,
        "math": math,
    }
    exec(compile(source, f"<random function {seed}>", "exec"), space)
    floats = {
        "q": torch.randn(B, H, S, D),
        "k": torch.randn(B, H, Sk, D),
        "v": torch.randn(B, H, Sk, Dv),
        "slope": torch.randn(H) * 0.2,
        "bias": torch.randn(H, S, Sk),
        "table": torch.randn(H, 17),
        "kb": torch.randn(Sk),
        "temperature": torch.randn(()),
        "gate": torch.randn(B, H, S, Dv),
    }
    values = {name: x.to(dtype) for name, x in floats.items()}
    values["mask"] = torch.rand(S, Sk) < 0.6
    values["doc"], values["kdoc"] = torch.arange(S) // 9, torch.arange(Sk) // 9
    return RandomFunction(source, space["fn"], tuple(values[n] for n in NAMES), max(S, Sk))
