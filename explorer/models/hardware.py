"""Which device and number format a model gets, and whether it fits into the memory there."""

from __future__ import annotations

import os
from pathlib import Path

import torch

from explorer.errors import InputError, ModelError, shown
from explorer.settings import settings

DTYPES = {
    "float32": torch.float32,
    "float64": torch.float64,
    "bfloat16": torch.bfloat16,
    "float16": torch.float16,
}
# Activations, cache rows and the tensor that is being converted stand beside the weights.
SPARE = 1.1
CGROUP = Path("/sys/fs/cgroup")
# Below this a pass is too short to be shared among threads, and the rest of the app needs a core.
SMALL_BYTES = 128 * 2**20
TORCH_THREADS = torch.get_num_threads()


def choose_device(name: str = "auto") -> torch.device:
    """The named device; "auto" is cuda if there, else mps, else the cpu.

    Raises:
        InputError: there is no such device here.
    """
    here = ["cpu"]
    if torch.backends.mps.is_available():
        here.insert(0, "mps")
    here[:0] = [f"cuda:{i}" for i in range(torch.cuda.device_count())]
    if name == "auto":
        return torch.device(here[0])
    if name == "cuda" and "cuda:0" in here:
        return torch.device("cuda:0")
    if name not in here:
        raise InputError(f"There is no device {shown(name)} here: auto, {', '.join(here)}.")
    return torch.device(name)


def choose_dtype(name: str, device: torch.device) -> torch.dtype:
    """The named number format; "auto" is float32 on the cpu, a 16-bit one elsewhere.

    Raises:
        InputError: there is no such format.
    """
    if name == "auto":
        if device.type == "cpu":
            return torch.float32
        native = device.type == "cuda" and torch.cuda.is_bf16_supported(including_emulation=False)
        return torch.bfloat16 if native else torch.float16
    if name not in DTYPES:
        raise InputError(f"dtype = {shown(name)} is not allowed: auto, {', '.join(DTYPES)}.")
    return DTYPES[name]


def fitting_threads(weight_bytes: int) -> int:
    """CPU threads for models of so many bytes together: as set, else one for small models."""
    return settings().threads or (1 if weight_bytes < SMALL_BYTES else TORCH_THREADS)


def check_room(model_id: str, needed: int, device: torch.device) -> None:
    """Refuse a model whose weights of `needed` bytes would not fit.

    Raises:
        ModelError: how much it needs, where, and how much is free.
    """
    # The weights pass through the machine's own memory on their way to any device.
    for place in dict.fromkeys((device, torch.device("cpu"))):
        free = free_bytes(place)
        if needed * SPARE > free:
            raise ModelError(
                f"{model_id} needs about {_gib(needed * SPARE)} of memory on {place}, where "
                f"{_gib(free)} are free: choose a smaller model or a 16-bit dtype."
            )


def free_bytes(device: torch.device) -> int:
    """Memory that could be taken on a device without anyone else losing some."""
    if device.type == "cuda":
        unused = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
        return torch.cuda.mem_get_info(device)[0] + unused
    if device.type == "mps":
        return torch.mps.recommended_max_memory() - torch.mps.driver_allocated_memory()
    free = _meminfo("MemAvailable") or total_bytes(device)
    limit, used = _cgroup("memory.max"), _cgroup("memory.current")
    if limit is not None and used is not None:
        # Pages of files that were only read are counted as used, but give way at once.
        free = min(free, limit - used + _inactive_file_bytes())
    return max(0, free)


def total_bytes(device: torch.device) -> int:
    """All memory of a device, within the limit of a container."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[1]
    if device.type == "mps":
        return torch.mps.recommended_max_memory()
    total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return min(total, _cgroup("memory.max") or total)


def _meminfo(field: str) -> int | None:
    """A line of Linux's /proc/meminfo in bytes; None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = (line.split()[1] for line in lines if line.startswith(f"{field}:"))
    return next((int(kib) * 1024 for kib in found), None)


def _cgroup(name: str) -> int | None:
    """A container's limit or use in bytes; None without one."""
    try:
        text = (CGROUP / name).read_text().strip()
    except OSError:
        return None
    return int(text) if text.isdigit() else None


def _inactive_file_bytes() -> int:
    try:
        lines = (CGROUP / "memory.stat").read_text().splitlines()
    except OSError:
        return 0
    return next((int(x.split()[1]) for x in lines if x.startswith("inactive_file ")), 0)


def _gib(count: float) -> str:
    return f"{count / 2**30:,.1f} GiB" if count >= 2**29 else f"{count / 2**20:,.1f} MiB"
