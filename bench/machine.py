"""What the figures were measured on."""

import os
import platform
import sqlite3
from importlib.metadata import version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "transformers", "safetensors", "tokenizers", "cryptography", "numpy", "pypdfium2", "typer")


def machine(work: Path) -> dict[str, Any]:
    """Describe this machine.

    Args:
        work: folder that the stores of this run lie in.
    """
    import torch

    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1),
        "disk": _file_system(work),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "torch_threads": torch.get_num_threads(),
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
    }


def versions() -> dict[str, str]:
    """Name the versions that shape the figures."""
    import kvprep

    found = {package: version(package) for package in PACKAGES}
    return {
        "kvprep": kvprep.__version__,
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        **found,
    }


def load_average() -> float:
    """Tell how many tasks wanted a core in the last minute."""
    return round(os.getloadavg()[0], 2)


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(names, platform.processor())


def _file_system(folder: Path) -> str:
    """Name the file system that holds a folder: the longest mount point above it."""
    try:
        mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    except OSError:
        return "unknown"
    above = [(len(at), f"{kind} on {device}") for device, at, kind, *_ in mounts if folder.is_relative_to(at)]
    return max(above)[1] if above else "unknown"
