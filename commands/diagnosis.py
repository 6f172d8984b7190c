"""What `doctor` finds out: machine, versions, GPUs as PyTorch sees them, providers as they run."""

import importlib
import os
from typing import TypedDict

from artifacts.environment import (
    NAMED_PACKAGES,
    conflict_of_packages,
    cpu_model,
    current_environment,
    installed_versions,
    usable_cpus,
)


class ProviderReport(TypedDict):
    """Whether a provider ran a graph of one node, and if not, why."""

    works: bool
    why: str | None
    remedy: str | None


class Diagnosis(TypedDict):
    """All that `doctor` tells."""

    machine: dict[str, str]
    versions: dict[str, str]
    problems: list[str]
    providers: dict[str, ProviderReport]


def diagnosis() -> Diagnosis:
    """Return what is here and what works; every provider is tried, none is believed."""
    versions = installed_versions(NAMED_PACKAGES)
    environment = current_environment()
    return Diagnosis(
        machine={
            "system": environment.platform,
            "python": environment.python,
            "cpu": cpu_model(),
            "cpus": f"{usable_cpus()} that this process may use",
            "memory": _memory(),
            "gpu": _gpus(),
        },
        versions=versions,
        problems=_problems(versions),
        providers=_providers(),
    )


def _memory() -> str:
    if not hasattr(os, "sysconf"):
        return "unknown on this system"
    return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.1f} GiB"


def _gpus() -> str:
    """Return the GPUs that PyTorch can use, or why it has none."""
    try:
        import torch
    except ImportError as error:
        return f"unknown: torch cannot be imported: {error}"
    if not torch.cuda.is_available():
        built = (
            f"built for CUDA {torch.version.cuda}" if torch.version.cuda else "built without CUDA"
        )
        return f"none that PyTorch can use (it is {built})"
    names = (torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
    return f"{', '.join(names)}; CUDA {torch.version.cuda}"


def _problems(versions: dict[str, str]) -> list[str]:
    problems = []
    if conflict := conflict_of_packages(versions):
        problems.append(conflict)
    try:
        importlib.import_module("torchvision")  # a build that does not match torch fails right here
    except Exception as error:
        problems.append(f"torchvision cannot be imported beside this torch: {error}")
    return problems


def _providers() -> dict[str, ProviderReport]:
    from evaluate.provider_trial import provider_failure
    from evaluate.providers import offered_providers

    reports = {}
    for name in offered_providers():
        failure = provider_failure(name)
        reports[name] = ProviderReport(
            works=failure is None,
            why=failure.problem if failure else None,
            remedy=failure.hint if failure else None,
        )
    return reports
