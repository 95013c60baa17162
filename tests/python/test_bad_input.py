"""Broken tools, broken caches and inputs that cannot work: a right result or one clear error."""

import os
import stat

import pytest
import torch

from examples.cases import CASES
from tests.support import backend, oracle, process

ours_only = pytest.mark.skipif(not backend.IS_OURS, reason="about our compiler and its cache")
CALL = """
import torch
from examples.cases import CASES
from tests.support import backend, oracle

case = CASES["causal_alibi"]
args = case.make(H=2, S=60, D=32)
with torch.no_grad():
    oracle.check(backend.compiled(case.fn)(*args), case.fn, args, length=60)
print("right", backend.kernels_compiled())
"""


def env(folder) -> dict:
    """A cache of its own for us and for Inductor, which would else serve the whole graph."""
    return {
        "FLASHLIGHT_CACHE_DIR": str(folder / "ours"),
        "TORCHINDUCTOR_CACHE_DIR": str(folder / "inductor"),
    }


def right(code: str = CALL, **variables: str) -> str:
    """Runs a call that must end in the right result; returns what it wrote to stderr."""
    status, out, err = process.run(code, **variables)
    assert status == 0 and "right" in out, err
    return err


def warnings_in(err: str) -> list[str]:
    return [line for line in err.splitlines() if "flashlight" in line.lower()]


def script(path, text: str) -> str:
    path.write_text("#!/bin/sh\n" + text)
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


@ours_only
def test_compiler_that_is_not_there(tmp_path):
    """The host compiler's result, and a warning that names what was looked for."""
    err = right(**env(tmp_path), FLASHLIGHT_CXX="/nowhere/c++")
    assert any("/nowhere/c++" in line for line in err.splitlines()), err
    assert warnings_in(err)


@ours_only
def test_compiler_that_fails(tmp_path):
    """The host compiler's result, and a warning that carries the compiler's own words."""
    compiler = script(tmp_path / "c++", "echo 'the disk is made of cheese' >&2\nexit 1\n")
    err = right(**env(tmp_path), FLASHLIGHT_CXX=compiler)
    assert "made of cheese" in err and warnings_in(err)


@ours_only
def test_compiler_that_writes_rubbish(tmp_path):
    """It reports success, but what it wrote is no library."""
    text = 'while [ $# -gt 0 ]; do [ "$1" = -o ] && echo rubbish > "$2"; shift; done\nexit 0\n'
    err = right(**env(tmp_path), FLASHLIGHT_CXX=script(tmp_path / "c++", text))
    assert warnings_in(err)


@ours_only
def test_no_compiler_on_the_path(tmp_path):
    """Neither we nor Inductor can compile: the result if Inductor needs no kernel, else an error
    that says what is missing."""
    (tmp_path / "bin").mkdir()
    status, out, err = process.run(CALL, **env(tmp_path), PATH=str(tmp_path / "bin"), CXX="")
    assert ("right" in out and status == 0) or "compiler" in err.lower(), err


@ours_only
def test_cache_folder_that_cannot_be_written(tmp_path):
    """Under a file nothing can be made, not even by root: one warning, by Python's warnings."""
    (tmp_path / "file").write_text("")
    err = right(**env(tmp_path) | {"FLASHLIGHT_CACHE_DIR": str(tmp_path / "file" / "cache")})
    assert err.count("UserWarning: flashlight: the cache folder cannot be used") == 1, err


@ours_only
@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_read_only_cache_folder(tmp_path):
    (tmp_path / "ours").mkdir(mode=0o500)
    right(**env(tmp_path))


@ours_only
@pytest.mark.parametrize("damage", ["empty", "half", "rubbish"])
def test_damaged_cache(tmp_path, damage):
    """Every file of the cache is damaged: the kernel is built again, and right."""
    right(**env(tmp_path))
    files = [path for path in (tmp_path / "ours").rglob("*") if path.is_file()]
    assert files
    for path in files:
        whole = path.read_bytes()
        spoilt = {"empty": b"", "half": whole[: len(whole) // 2], "rubbish": os.urandom(4096)}
        path.chmod(0o700)
        path.write_bytes(spoilt[damage])
    right(**env(tmp_path))


@ours_only
@pytest.mark.parametrize("graph", ["cached", "fresh"])
def test_second_process_loads_the_kernel_from_disk(tmp_path, graph):
    """Also where Inductor loads the whole graph from its own cache and never asks us to compile."""
    right(**env(tmp_path))
    again = env(tmp_path)
    if graph == "fresh":
        again["TORCHINDUCTOR_CACHE_DIR"] = str(tmp_path / "another")
    status, out, err = process.run(CALL, **again)
    assert status == 0 and "right 0" in out, f"{out}\n{err}"


@ours_only
def test_two_processes_at_once(tmp_path):
    both = [process.start(CALL, **env(tmp_path)) for _ in range(2)]
    for status, out, err in [process.finish(one) for one in both]:
        assert status == 0 and "right" in out, err


def test_mask_of_the_wrong_shape():
    """An error as in eager, and it names the length that does not fit."""
    case = CASES["additive_mask"]
    q, k, v, bias = case.make(H=2, S=40, D=16)
    args = (q, k, v, bias[..., :31])
    with pytest.raises(RuntimeError, match=r"\b31\b"):
        case.fn(*args)
    with pytest.raises(RuntimeError, match=r"\b31\b"):
        backend.compiled(case.fn)(*args)


def test_another_mask_of_the_wrong_shape_after_a_right_one():
    case = CASES["boolean_mask"]
    q, k, v, mask = case.make(H=2, S=40, D=16)
    fn = backend.compiled(case.fn, dynamic=True)
    oracle.check(fn(q, k, v, mask), case.fn, (q, k, v, mask), length=40)
    with pytest.raises(RuntimeError, match=r"\b31\b|s\d+"):
        fn(q, k, v, mask[..., :31])


@pytest.mark.filterwarnings("default:flashlight")
def test_complex_scores():
    """A dtype that we do not compile stays with the host compiler."""

    def attention(q, k, v):
        return (q @ k.transpose(-2, -1)).abs().softmax(-1) @ v

    q, k = (torch.randn(1, 2, 40, 16, dtype=torch.complex64) for _ in range(2))
    v = torch.randn(1, 2, 40, 16)
    got = backend.compiled(attention)(q, k, v)
    torch.testing.assert_close(got, attention(q, k, v), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings("default:flashlight")
@pytest.mark.parametrize("dtype", [torch.float8_e4m3fn, torch.int8, torch.int64], ids=str)
def test_inputs_that_are_cast_first(dtype):
    def attention(q, k, v):
        return CASES["full"].fn(q.float(), k.float() / 8, v)

    q, k = ((torch.randn(1, 2, 40, 16) * 3).to(dtype) for _ in range(2))
    v = torch.randn(1, 2, 40, 16)
    got, want = backend.compiled(attention)(q, k, v), attention(q, k, v)
    exact = CASES["full"].fn(q.double(), k.double() / 8, v.double())
    oracle.check_one(got, want, exact, length=40)


@pytest.mark.filterwarnings("default:flashlight")
def test_integer_scores():
    def attention(q, k):
        return (q @ k.transpose(-2, -1)).amax(-1)

    q, k = (torch.randint(-99, 99, (2, 40, 16)) for _ in range(2))
    assert torch.equal(backend.compiled(attention)(q, k), attention(q, k))
