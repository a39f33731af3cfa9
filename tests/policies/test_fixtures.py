"""Each kind on texts that must fire and texts that must not, written before its code.

A file `fixtures/<kind>.yaml` holds documents of `settings`, `stage` (input, or output), `fires` and `passes`; `before`, for
kinds that remember, is what was said earlier. What an entry may be is `kinds.Said`. None repeats an entry of the kind's own lists: texts are what people write.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from policies.kinds import exchange, judged, made

FIXTURES = sorted((Path(__file__).parent / "fixtures").glob("*.yaml"))
LEAST = 20


@pytest.mark.parametrize("file", FIXTURES, ids=lambda file: file.stem)
def test_a_kind_fires_where_it_must_and_nowhere_else(file: Path, tmp_path: Path) -> None:
    documents: list[dict[str, Any]] = list(yaml.safe_load_all(file.read_text()))
    missed, false = [], []
    for document in documents:
        policy = made(tmp_path, file.stem, document.get("settings") or {})
        stage = document.get("stage", "input")
        for said in document.get("before", ()):
            judged(policy, exchange(said, stage), stage)
        fired = {
            wanted: [(said, judged(policy, exchange(said, stage), stage)) for said in document.get(wanted, ())]
            for wanted in ("fires", "passes")
        }
        missed += [said for said, found in fired["fires"] if not found]
        false += [each for each in fired["passes"] if each[1]]
    assert (missed, false) == ([], [])
    for wanted in ("fires", "passes"):
        assert sum(len(document.get(wanted, ())) for document in documents) >= LEAST, f"too few {wanted}"
