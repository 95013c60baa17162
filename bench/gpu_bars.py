"""What a GPU kernel has to reach (issue 4), and figures that others printed."""

from bench.gpu_problems import GpuProblem

# TFLOP/s of bf16 on one H200, by (head dim, program): lengths 1k, 4k, 16k, B*S = 16k, H*D = 2048.
LENGTHS = (1024, 4096, 16384)
FA4 = {  # FlashAttention-4 (CuTe DSL) 4.0.0b36
    (128, "full"): (536, 637, 658),
    (128, "causal"): (402, 570, 625),
    (64, "full"): (392, 497, 537),
    (64, "causal"): (264, 439, 519),
}
PROTOTYPE = {  # the hand-written kernel that ours was modelled on
    (128, "full"): (558, 661, 717),
    (128, "causal"): (476, 600, 676),
    (64, "full"): (494, 544, 573),
    (64, "causal"): (400, 534, 564),
}
# FlexAttention's FLASH back end, ms at B4 H16 S4096 D64.
FLEX_FLASH = {
    "softcap": 1.34,
    "alibi": 0.99,
    "full": 0.55,
    "causal": 0.354,
    "window": 0.218,
    "document": 0.41,
}
AGAINST_FLEX = {"alibi": 0.67, "softcap": 0.67, "full": 0.85, "causal": 0.85}
AGAINST_FLEX |= {"window": 1.0, "prefix": 1.0}
WITHIN_MS = {"differential": 2.9, "invariant_point_scalars": 0.15}
AT_LEAST_TFLOPS = {"evoformer": 250}


def is_dense(problem: GpuProblem) -> bool:
    s = problem.sizes
    return s["B"] * s["S"] == 16384 and s["H"] * s["D"] == 2048


def printed(problem: GpuProblem) -> dict[str, float]:
    """TFLOP/s that others printed for this cell."""
    s = problem.sizes
    if "bfloat16" not in str(problem.dtype) or s["S"] not in LENGTHS or not is_dense(problem):
        return {}
    at, key = LENGTHS.index(s["S"]), (s["D"], problem.name)
    tables = {"FA4": FA4, "prototype": PROTOTYPE}
    return {name: table[key][at] for name, table in tables.items() if key in table}


def bars(problem: GpuProblem, ms: dict[str, float]) -> list[tuple[str, float, float, bool]]:
    """(what, reached, wanted, passed); `ms` by system."""
    ours, found = ms.get("flashlight"), []
    if ours is None:
        return found

    def at_least(what, reached, wanted):
        found.append((what, reached, wanted, reached >= wanted))

    def at_most(what, reached, wanted):
        found.append((what, reached, wanted, reached <= wanted))

    name, s, dtype = problem.name, problem.sizes, str(problem.dtype).split(".")[1]
    if is_dense(problem) and dtype == "bfloat16" and "cuDNN" in ms:
        wide = s["D"] == 256 or s["S"] == 1024
        at_least("x cuDNN", ms["cuDNN"] / ours, 1.0 if wide else 1.10)
    for peer, tflops in printed(problem).items():
        reached = problem.flops() / ours / 1e9
        at_least(f"x {peer} as printed", reached / tflops, 0.97 if peer == "prototype" else 1.0)
    flex = [ms["FlexAttention"]] if "FlexAttention" in ms else []
    if flex and dtype != "bfloat16":
        at_least("x FlexAttention", flex[0] / ours, 1.0)
    elif flex and name in AGAINST_FLEX:
        if (s["D"], s["H"], s["S"]) == (64, 16, 4096) and name in FLEX_FLASH:
            flex.append(FLEX_FLASH[name])
        at_most("of FlexAttention's time", ours / min(flex), AGAINST_FLEX[name])
    if name in WITHIN_MS:
        at_most("ms", ours, WITHIN_MS[name])
    if name in AT_LEAST_TFLOPS:
        at_least("TFLOP/s", problem.flops() / ours / 1e9, AT_LEAST_TFLOPS[name])
    if name == "invariant_point" and "reading" in ms:
        at_most("of the time to read the pairs", ours / ms["reading"], 1.4)
    if name == "rectified" and "full" in ms:
        at_most("of full attention's time", ours / ms["full"], 1.2)
    return found
