"""Reads a manifest's pod as far as ours go: the container, its environment, its mounts, and what runs before it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from container import Container

Document = dict[str, Any]


def documents(file: Path) -> dict[str, Document]:
    """By kind."""
    return {each["kind"]: each for each in yaml.safe_load_all(file.read_text())}


def workload(file: Path) -> Document:
    found = documents(file)
    return found.get("Deployment") or found["StatefulSet"]


def pod(file: Path, root: Path, volumes: Mapping[str, Path], secret: Mapping[str, str]) -> Container:
    """The pod's container, its init containers having run. `volumes` says what stands behind a name, `secret` what the
    Secret of `envFrom` holds.
    """
    spec = workload(file)["spec"]["template"]["spec"]
    (main,) = spec["containers"]
    for before in spec.get("initContainers", ()):
        started = _container(before, root, volumes, {})
        done = started.execute(*before["command"])
        assert done.returncode == 0, done.stderr
    given = {name: value for each in main.get("envFrom", ()) for name, value in secret.items() if each["secretRef"]}
    given["KUBERNETES_SERVICE_HOST"] = "10.96.0.1"  # every pod has it
    given.update({each["name"]: _value(each, main) for each in main.get("env", ())})
    return _container(main, root, volumes, given)


def _value(variable: Document, container: Document) -> str:
    if "value" in variable:
        assert isinstance(variable["value"], str)
        return variable["value"]
    wanted = variable["valueFrom"]["resourceFieldRef"]["resource"]
    assert wanted == "limits.cpu"
    return str(math.ceil(float(container["resources"]["limits"]["cpu"])))  # the divisor is 1: rounded up


def _container(document: Document, root: Path, volumes: Mapping[str, Path], given: Mapping[str, str]) -> Container:
    mounts = {each["mountPath"]: each["name"] for each in document.get("volumeMounts", ())}
    behind = {path: volumes[name] for path, name in mounts.items() if name in volumes}
    return Container(root, given, document.get("args", ()), {p: v for p, v in behind.items() if not _there(root, p)})


def _there(root: Path, path: str) -> bool:
    """Whether a mount stands already: an init container's volumes are the pod's."""
    return (root / path.lstrip("/")).is_symlink()
