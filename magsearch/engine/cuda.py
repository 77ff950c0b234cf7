"""An NVIDIA GPU through CuPy, which compiles the kernel source when it is first used. Nothing else imports CuPy."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from magsearch.engine.device import Device, exhausted
from magsearch.engine.graph import Chain, Fixed, Launch, recorded
from magsearch.engine.kernels import by_chunks, constant, for_threads, instances, kernel_source, signatures, sized

INSTALL = "pip install 'magsearch[cuda12]' or 'magsearch[cuda13]' brings CuPy with the libraries that it needs"
THREADS = (32, constant("warps"))  # of a block on a GPU: lanes of a warp, warps


class Cuda(Device):
    """An NVIDIA GPU. Raises RuntimeError with the reason where CuPy or a GPU is missing or does not work."""

    width = 32
    chunk = 32
    together = True
    shared = 163 * 1024  # of an A100; an H100 has more, and smaller cards less
    matrix_stride = 12
    stretch = 1
    parts = THREADS[1]
    portion = 2**28

    def __init__(self, index: int | None = None, place: int = 0, places: int = 1) -> None:
        """Use the GPU ``index``; where None, one for each of the ``places`` of this node in turn."""
        try:
            cupy = importlib.import_module("cupy")
            found = cupy.cuda.runtime.getDeviceCount()
        except ImportError as error:
            missing = isinstance(error, ModuleNotFoundError) and error.name == "cupy"
            raise RuntimeError(f"no CuPy: {INSTALL}" if missing else _line("CuPy does not work", error)) from None
        except Exception as error:  # the driver's own words, whatever class CuPy gives them
            raise RuntimeError(f"CuPy sees no GPU: {error}") from None
        sharing = places if index is not None else len(range(place % max(found, 1), places, max(found, 1)))
        index = place % max(found, 1) if index is None else index
        if index >= found:
            raise RuntimeError(f"GPU {index} was asked for, {found} were found")
        self.xp, self.name, self.index, self.found = cupy, f"cuda:{index}", index, found
        try:
            cupy.cuda.Device(index).use()
            if sharing > 1:  # the pool never returns what it has: one process must not starve the others
                cupy.get_default_memory_pool().set_limit(fraction=0.9 / sharing)
            properties = cupy.cuda.runtime.getDeviceProperties(index)
            self.description = f"{self.name} ({properties['name'].decode()})"
            self.shared = min(self.shared, properties["sharedMemPerBlockOptin"])
            self._empty_pinned = importlib.import_module("cupyx").empty_pinned
            self._landing = self._empty_pinned(1 << 16, np.uint8)  # page-locked memory, where downloads arrive
        except Exception as error:
            raise RuntimeError(_line(f"{self.name} cannot be used", error)) from None
        self._try()
        self.graphs, why = self._try_graphs()
        self.description += "" if self.graphs else f", without CUDA graphs: {why}"

    def _try(self) -> None:
        """Compile the kernels, run one, and transform two numbers: what is broken shows now, not within a run."""
        what = "compile its kernels"
        try:
            self._module.compile()
            what = "run a kernel"
            spins = self.xp.zeros((1, 1, 3, self.width), np.float32)
            numbers = (0, 0, 0, 0, 0, 1, self.chunk, self.width)
            self.launch("random_spins", np.float32, spins, *numbers, blocks=1, replicas=self.width)
            self.host(spins)
            what = "transform with cuFFT"
            importlib.import_module("cupy.cuda.cufft")
            transforms = importlib.import_module("cupyx.scipy.fft")
            self.fft, self.ifft = transforms.fftn, transforms.ifftn
            self.rfft, self.irfft = transforms.rfftn, transforms.irfftn
            self._plan = transforms.get_fft_plan
            self.host(self.fft(self.xp.ones((2, self.width), np.complex64), axes=(0,)))
        except Exception as error:
            raise RuntimeError(_line(f"{self.name} cannot {what}", error)) from None

    @cached_property
    def _module(self) -> Any:
        names = [name for kernel in signatures() if kernel != "convolve" for name in instances(kernel)]
        return self.xp.RawModule(code=kernel_source(), options=("-std=c++17",), name_expressions=names)

    def _try_graphs(self) -> tuple[bool, str]:
        """Record two launches and run them; return whether that did what it should, and what went wrong."""
        numbers = self.xp.ones((2, self.width))
        clear = [
            self.bind("zero_sums", np.float32, numbers[k], 1, self.width, blocks=1, replicas=self.width) for k in (0, 1)
        ]
        try:
            for launch in clear:  # what runs for the first time is loaded then, which a recording does not allow
                launch()
            numbers += 1
            recorded(self.xp, clear).launch()
            left = float(self.host(numbers).sum())
        except Exception as error:  # the driver's own words, whatever class CuPy gives them
            return False, str(error)
        return left == 0, "a graph did not do what its launches do"

    def _bound(self, name: str, arguments: list[Any], blocks: int, replicas: int) -> Launch:
        apart = 1 if name.partition("<")[0] in by_chunks() else THREADS[1]
        grid = (-(-blocks // apart), -(-replicas // THREADS[0]))
        return Fixed(self._module.get_function(name), grid, THREADS, tuple(arguments))

    def apart_rfft(self, values: Any, axes: tuple[int, ...]) -> Any:
        """Transform real arrays, always ``width`` at once: cuFFT's rounding may depend on their number."""
        whole = self.xp.zeros((self.width, *values.shape[1:]), dtype=values.dtype)
        whole[: len(values)] = values
        return self.rfft(whole, axes=axes)[: len(values)]

    def bind_blocks(
        self, kernel: str, real: Any, *arguments: Any, grid: tuple[int, int], threads: tuple[int, int], shared: int = 0
    ) -> Launch:
        """Bind ``kernel<real>``, a BLOCK_KERNEL or LINE_KERNEL, to blocks of threads, each with ``shared`` bytes.

        TypeError for an argument that the kernel's signature forbids.
        """
        name, checked = self._checked(kernel, real, arguments)
        if kernel in sized():
            name = for_threads(name, threads[0] * threads[1])
        function = self._module.get_function(name)
        if shared > function.max_dynamic_shared_size_bytes:
            function.max_dynamic_shared_size_bytes = shared
        return Fixed(function, grid, threads, tuple(checked), shared_mem=shared)

    def chain(self, *launches: Launch) -> Launch:
        """Return launches in turn as one, a CUDA graph where they are ``Fixed``."""
        return Chain(self.xp if self.graphs else None, launches)

    def transform(self, like: Any, axes: tuple[int, ...]) -> Callable[[Any, Any, bool], None]:
        """Return cuFFT's transform of arrays like this one: (source, target, back), without scaling and temporaries."""
        plan = self._plan(like, axes=axes)

        def transform(source: Any, target: Any, back: bool) -> None:
            plan.fft(source, target, 1 if back else -1)  # CUFFT_INVERSE, CUFFT_FORWARD

        return transform

    def host(self, values: Any) -> Any:
        """Return a NumPy array through page-locked memory, which a GPU writes at the full speed of its bus."""
        if isinstance(values, np.ndarray):
            return values
        contiguous = self.xp.ascontiguousarray(values)
        if contiguous.nbytes > self._landing.nbytes:
            self._landing = self._empty_pinned(contiguous.nbytes, np.uint8)
        landed = self._landing[: contiguous.nbytes].view(contiguous.dtype).reshape(contiguous.shape)
        contiguous.get(out=landed)
        return landed.copy()

    def memory(self) -> tuple[int, int] | None:
        """Return the bytes that this process can still take, and those of the GPU."""
        pool, (free, total) = self.xp.get_default_memory_pool(), self.xp.cuda.runtime.memGetInfo()
        room = free + pool.free_bytes()
        limit = pool.get_limit()
        return (min(room, limit - pool.used_bytes()) if limit else room), total

    def facts(self) -> dict[str, Any]:
        """Return versions of driver, CUDA, CuPy and NVRTC, and what the GPU is."""
        runtime, (free, total) = self.xp.cuda.runtime, self.xp.cuda.runtime.memGetInfo()
        what = runtime.getDeviceProperties(self.index)
        versions = {"driver": runtime.driverGetVersion(), "cuda": runtime.runtimeGetVersion()}
        return {
            "gpu": what["name"].decode(),
            "compute_capability": f"{what['major']}.{what['minor']}",
            "multiprocessors": what["multiProcessorCount"],
            "memory": total,
            "memory_free": free,
            **{name: f"{version // 1000}.{version % 1000 // 10}" for name, version in versions.items()},
            "cupy": self.xp.__version__,
            "nvrtc": ".".join(map(str, self.xp.cuda.nvrtc.getVersion())),
        }

    def use(self) -> None:
        """Make this GPU the current one, where a process uses several."""
        self.xp.cuda.Device(self.index).use()

    def synchronize(self) -> None:
        """Wait until all launches are done."""
        self.xp.cuda.runtime.deviceSynchronize()

    def trim(self) -> None:
        """Return the free blocks of CuPy's pool to the driver."""
        self.xp.get_default_memory_pool().free_all_blocks()


def _line(what: str, error: Exception) -> str:
    """Return what does not work and why in one line."""
    why = " ".join(str(error).split())
    return f"{what}: {type(error).__name__}: {why[:400]}" + ("" if exhausted(error) else f"; {INSTALL}")
