"""The kernels compile for every GPU that they are meant for, with NVRTC (pip install nvidia-cuda-nvrtc) and with nvcc.

Neither needs a GPU or a driver. What ptxas says about registers, spills and shared memory is attached to the test
report. nvdisasm (pip install nvidia-cuda-nvdisasm) shows what the loops over bonds load.
"""

from __future__ import annotations

import ctypes
import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from sass import count, disassembler, functions, innermost_loops, loads_per_bond

from magsearch.engine.kernels import instances, kernel_source, signatures

# 65536 registers of a multiprocessor for 1024 threads, four blocks of 256: half of its occupancy (sm_90)
FULL = {"evaluate<float>": 64, "field<float>": 64, "hessian_product<float>": 64, "update_spins<float>": 64}
FULL |= {"advance_and_evaluate<float>": 80}  # three blocks: on an H200 more loads at once are worth more than a fourth
FULL |= {"choose_step<float>": 128, "reduce_sums_together<float>": 128}  # blocks of 512 threads
# transforms in shared memory: blocks of up to 512 threads in both precisions
LINES = [name for kernel in signatures() if kernel.endswith("_lines") for name in instances(kernel)]
FULL |= {name: 80 if name.endswith("<float, 256>") else 128 for name in LINES}
HOT = (
    *LINES,
    "evaluate<float>", "advance_and_evaluate<float>", "choose_step<float>", "advance_spins<float>",
    "advance_with_velocity<float>", "update_spins<float>", "update_spins_together<float>", "lbfgs_products<float>",
    "evaluate_with_products<float>",
)  # fmt: skip
# bytes, of sweeps none in a loop over bonds: another block that fits is worth more (benchmarks/RESULTS.md)
SWEEPS = {"update_spins<float>": 96, "update_spins_together<float>": 32}
SPILLS = SWEEPS | {name: 64 for name in LINES if name.endswith("<float, 256>")}
SHARED = 48 * 1024  # bytes that a block of threads may have without asking for more
# as CuPy 14 compiles (cupy/cuda/compiler.py)
OPTIONS = ("-std=c++17", "-ftz=true", "--device-as-default-execution-space", "--ptxas-options=-v")
# loads of a bond: its neighbour, its coupling, a matrix in three wide loads, three numbers of a spin and of a force
LOADS = {"evaluate<float>": 8, "field<float>": 8, "update_spins_together<float>": 8, "advance_and_evaluate<float>": 11}
EXPRESSIONS = [name for kernel in signatures() if kernel != "convolve" for name in instances(kernel)]


def mangled(expression: str) -> str:
    """How the symbol of a kernel's instantiation begins."""
    kernel, real = expression.removesuffix(">").split("<")
    _, _, threads = real.partition(", ")
    return f"_Z{len(kernel)}{kernel}I{real[0]}" + (f"Li{threads}EE" if threads else "E")


def nvrtc() -> ctypes.CDLL | None:
    """The library of the PyPI package, else the system's."""
    found = importlib.util.find_spec("nvidia")
    folders = [Path(folder) for folder in (found.submodule_search_locations or ())] if found else []
    built = [path for folder in folders for path in sorted(folder.glob("**/libnvrtc.so*")) if "alt" not in path.name]
    for name in [*map(str, built), "libnvrtc.so.13", "libnvrtc.so.12"]:
        try:
            return ctypes.CDLL(name)
        except OSError:
            continue
    return None


def through_nvrtc(library: ctypes.CDLL, architecture: str, folder: Path) -> tuple[bool, str]:
    """Whether it compiled, and the log; the cubin is left in the folder."""
    program, size = ctypes.c_void_p(), ctypes.c_size_t()
    assert (
        library.nvrtcCreateProgram(ctypes.byref(program), kernel_source().encode(), b"kernels.cu", 0, None, None) == 0
    )
    for expression in EXPRESSIONS:
        assert library.nvrtcAddNameExpression(program, expression.encode()) == 0
    options = [option.encode() for option in (f"-arch={architecture}", *OPTIONS)]
    failed = library.nvrtcCompileProgram(program, len(options), (ctypes.c_char_p * len(options))(*options))
    assert library.nvrtcGetProgramLogSize(program, ctypes.byref(size)) == 0
    log = ctypes.create_string_buffer(size.value)
    assert library.nvrtcGetProgramLog(program, log) == 0
    if not failed:
        for expression in EXPRESSIONS:
            lowered = ctypes.c_char_p()
            assert library.nvrtcGetLoweredName(program, expression.encode(), ctypes.byref(lowered)) == 0
            assert (lowered.value or b"").decode().startswith(mangled(expression))
        assert library.nvrtcGetCUBINSize(program, ctypes.byref(size)) == 0
        cubin = ctypes.create_string_buffer(size.value)
        assert library.nvrtcGetCUBIN(program, cubin) == 0
        (folder / "kernels.cubin").write_bytes(cubin.raw)
    library.nvrtcDestroyProgram(ctypes.byref(program))
    return not failed, log.value.decode()


def through_nvcc(compiler: str, architecture: str, folder: Path) -> tuple[bool, str]:
    text = folder / "kernels.cu"
    every = [
        f"template __global__ void {name}({', '.join(t.replace('real', real) for t in types)});"
        for kernel, types in signatures().items()
        if kernel != "convolve"
        for name in instances(kernel)
        for real in re.findall("<(float|double)", name)
    ]
    text.write_text("\n".join([kernel_source(), *every]))
    options = ["-std=c++17", "-cubin", f"-arch={architecture}", "-Xptxas", "-v", "-o", str(folder / "kernels.cubin")]
    done = subprocess.run([compiler, *options, str(text)], capture_output=True, text=True)
    return done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("architecture", [pytest.param("sm_80", marks=pytest.mark.slow), "sm_90"])
@pytest.mark.parametrize("compiler", ["nvrtc", pytest.param("nvcc", marks=pytest.mark.slow)])
def test_every_kernel_compiles(compiler, architecture, tmp_path, record_property):
    """Without a warning, every kernel in both precisions; no hot kernel spills its registers."""
    library, nvcc = nvrtc(), shutil.which("nvcc")
    if compiler == "nvrtc":
        if library is None:
            pytest.skip("no NVRTC: pip install nvidia-cuda-nvrtc")
        compiled, log = through_nvrtc(library, architecture, tmp_path)
    else:
        if nvcc is None:
            pytest.skip("no nvcc on the PATH")
        compiled, log = through_nvcc(nvcc, architecture, tmp_path)
    assert compiled, log
    assert "warning" not in log, log
    # one paragraph for each kernel: its symbol, then its spills and registers
    paragraphs = {
        found[1]: found[2] for found in re.finditer(r"entry function '(\w+)'(.*?)(?=entry function|\Z)", log, re.S)
    }
    for expression in EXPRESSIONS:
        said = [text for symbol, text in paragraphs.items() if symbol.startswith(mangled(expression))]
        assert len(said) == 1, f"{expression} is not in the compiled text"
        spills = [int(n) for n in re.findall(r"(\d+) bytes spill", said[0])]
        registers = int(re.findall(r"Used (\d+) registers", said[0])[0])
        shared = sum(int(n) for n in re.findall(r"(\d+) bytes smem", said[0]))
        found = f"{registers} registers, {sum(spills)} bytes spilled, {shared} bytes of shared memory"
        record_property(f"{expression} {architecture}", found)
        assert shared <= SHARED, f"{expression} has {shared} bytes of shared memory"
        assert expression not in HOT or sum(spills) <= SPILLS.get(expression, 0), f"{expression} spills: {said[0]}"
        assert architecture != "sm_90" or registers <= FULL.get(expression, 255), (
            f"{expression} takes {registers} registers"
        )
    if (program := disassembler()) and architecture == "sm_90":
        code = functions(program, tmp_path / "kernels.cubin")
        for expression in SWEEPS:
            lines = next(text for name, text in code.items() if name.startswith(mangled(expression)))
            assert not any(count(loop, "LDL|STL") for loop in innermost_loops(lines)), f"{expression} spills in a loop"
        for expression, most in LOADS.items():
            lines = next(lines for symbol, lines in code.items() if symbol.startswith(mangled(expression)))
            loads = loads_per_bond(lines)
            record_property(f"{expression} {architecture} loads of a bond", loads)
            assert loads <= most, f"{expression} loads {loads} numbers for each bond"
