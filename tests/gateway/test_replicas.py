"""What a gateway says that is not the only one."""

from __future__ import annotations

import pytest

from extproc.gateway.doctor import serving
from extproc.gateway.replicas import ReplicasError, warning

POD = {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}


@pytest.mark.parametrize(
    ("environ", "words"),
    [
        ({}, ""),
        ({"KEEPTRUSTS_REPLICAS": "1"}, ""),
        ({"KEEPTRUSTS_REPLICAS": "1", **POD}, ""),
        ({"KEEPTRUSTS_REPLICAS": "2"}, "2 replicas without shared state"),
        (POD, "KEEPTRUSTS_REPLICAS is not set"),
    ],
)
def test_several_replicas_are_warned_about_and_one_is_not(environ: dict[str, str], words: str) -> None:
    said = warning(environ)
    assert said.startswith(words) and bool(said) == bool(words)
    check = serving.several(environ)
    assert (check.status if check else "") == ("warn" if words else "ok" if "KEEPTRUSTS_REPLICAS" in environ else "")


@pytest.mark.parametrize("text", ["two", "0", "-1", "1.5", "٢", "10000"])
def test_what_is_no_number_is_refused_by_name(text: str) -> None:
    with pytest.raises(ReplicasError, match="KEEPTRUSTS_REPLICAS: expected a number"):
        warning({"KEEPTRUSTS_REPLICAS": text})
    check = serving.several({"KEEPTRUSTS_REPLICAS": text})
    assert check and check.status == "fail"
