"""What onnxproof depends on, with versions and licences: `docs/dependencies.md`, or a check of it.

    python -m benchmarks.dependencies > docs/dependencies.md

It is made of what is installed, so it is run where `constraints.txt` was installed.
"""

import re
import sys
import tomllib
from importlib.metadata import PackageNotFoundError, distribution, distributions
from pathlib import Path

from benchmarks.markdown import table

ROOT = Path(__file__).parent.parent
# Why each direct dependency is there; one that is not named here is an error.
PURPOSES = {
    "click": "command line",
    "fastapi": "routes of `serve`",
    "fastapi-offline": "`/docs` without anything from elsewhere",
    "httpx2": "FastAPI's test client",
    "hypothesis": "properties in tests",
    "jinja2": "the report's page",
    "keras": "a contender of the benchmarks",
    "lightning": "a contender of the benchmarks",
    "matplotlib": "plots",
    "mypy": "types",
    "numpy": "arrays",
    "olive-ai": "a contender of the benchmarks",
    "onnx": "graphs: reading, checking",
    "onnx-ir": "graphs: rewriting",
    "onnxruntime": "running graphs, where there is no wheel for GPUs",
    "onnxruntime-ep-openvino": "`--provider openvino`",
    "onnxruntime-gpu": "running graphs",
    "onnxscript": "torch's exporter needs it",
    "openvino": "a contender of the benchmarks",
    "optimum-benchmark": "a contender of the benchmarks",
    "optimum-onnx": "a contender of the benchmarks",
    "optuna": "`tune`",
    "pillow": "image files",
    "platformdirs": "where the cache lies",
    "playwright": "tests of pages",
    "polygraphy": "a contender of the benchmarks",
    "prometheus-client": "`/metrics`",
    "psutil": "free memory, other processes",
    "pydantic": "records",
    "pytest": "tests",
    "pytest-xdist": "tests in several processes",
    "python-multipart": "forms",
    "ray": "evaluation on several machines",
    "rich": "tables and progress",
    "ruff": "lint and format",
    "safetensors": "weights",
    "scikit-learn": "the embedded digits",
    "scipy": "statistics, `.mat` files",
    "tensorboard": "`train --tensorboard`",
    "tensorflow": "a contender of the benchmarks",
    "timm": "more networks",
    "torch": "networks, training, export",
    "torchvision": "networks",
    "types-psutil": "types of psutil",
    "ultralytics": "a contender of the benchmarks",
    "uvicorn": "HTTP",
}
NOT_INSTALLED = "not installed here"

TEXT = """# What onnxproof depends on

Made by `python -m benchmarks.dependencies` of what is installed; a test compares names and versions
with `pyproject.toml` and `constraints.txt`. A licence is what the package's own metadata says.

## Direct

{direct}
Contenders of the benchmarks are in no environment unless their extra is installed, and
are not pinned.

## All others that `constraints.txt` pins

{indirect}
PyTorch's wheel for Linux also brings NVIDIA's CUDA libraries (`nvidia-*`, `cuda-*`), which are
pinned by torch itself and are under a licence of NVIDIA's own: read it before you pass them on.

## Is there a known vulnerability?

    python3 -m venv /tmp/audit && /tmp/audit/bin/pip install pip-audit
    /tmp/audit/bin/pip-audit --strict --no-deps --disable-pip --requirement constraints.txt

It asks https://pypi.org (or, with `--vulnerability-service osv`, https://osv.dev) about each pinned
version, and ends with exit code 1 where one is affected. `--strict`, because otherwise it is happy
where it could ask about none: a mirror of PyPI that has packages alone knows no vulnerabilities.
`--no-deps`, because `constraints.txt` has all of them. It wants an environment of its own, so that
what it needs is not pinned here as well.

This page was written where no network was: there pip-audit 2.10.1 ran, and was told of nothing.

## How `constraints.txt` is renewed

1. in a new environment: `pip install '.[test]'`, without `--constraint`;
2. `pip freeze`, less what torch itself pins (`nvidia-*`, `cuda-*`), is the new file;
3. `make test` with Python 3.11 and 3.13, `pip-audit` as above, and this page anew.

## When a network is used

No command reaches for a network except `datasets --prepare`, `--dataset` with a dataset that is to
be downloaded, and `--pretrained`: `tests/commands/test_no_network.py`.
"""


def canonical(name: str) -> str:
    """Return a package's name as packaging compares them (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def requirements() -> dict[str, str]:
    """Return the direct dependencies, with what they are installed for: nothing, or an extra."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    found: dict[str, str] = {}
    extras = project["optional-dependencies"]
    tests = extras.pop("test")  # last: what it names is mostly there for another reason too
    groups = {"": project["dependencies"], **extras, "test": tests}
    for extra, lines in groups.items():
        for line in lines:
            name = re.match(r"[\w.-]+", line)
            assert name is not None, line
            found.setdefault(canonical(name[0]), extra)
    return found


def pinned() -> dict[str, str]:
    """Return the versions of `constraints.txt`, by name."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pairs = (line.partition(";")[0].split("==") for line in lines if "==" in line)
    return {canonical(name): version.strip() for name, version in pairs}


def licence_of(name: str) -> str:
    """Return what a package's metadata says of its licence."""
    try:
        metadata = distribution(name).metadata
    except PackageNotFoundError:
        return NOT_INSTALLED
    if "License-Expression" in metadata:
        return metadata["License-Expression"]
    first = metadata["License"].strip().partition("\n")[0] if "License" in metadata else ""
    if first and len(first) <= 40 and not first.startswith("="):  # not the licence's own text
        return first
    classes = [line for line in metadata.get_all("Classifier") or [] if line.startswith("License")]
    return ", ".join(line.rpartition(" :: ")[2] for line in classes) or "in its own words"


def page() -> str:
    """Return the page."""
    direct, versions = requirements(), pinned()
    rows = [
        (f"`{name}`", versions.get(name, ""), licence_of(name), PURPOSES[name], extra)
        for name, extra in sorted(direct.items())
    ]
    others = [
        (f"`{name}`", version, licence_of(name))
        for name, version in sorted(versions.items())
        if name not in direct
    ]
    return TEXT.format(
        direct=table(("package", "version", "licence", "for", "extra"), rows),
        indirect=table(("package", "version", "licence"), others),
    )


def installed_otherwise() -> dict[str, tuple[str, str]]:
    """Return which packages have another version than the pinned one: found, pinned."""
    versions = pinned()
    found = {canonical(each.metadata["Name"]): each.version for each in distributions()}
    return {
        name: (found[name], version)
        for name, version in versions.items()
        if name in found and found[name] != version
    }


if __name__ == "__main__":
    other = installed_otherwise()
    if other:
        sys.exit(f"error: constraints.txt is not what is installed: {other}")
    sys.stdout.write(page())
