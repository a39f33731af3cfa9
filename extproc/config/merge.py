"""Several files as one: mappings are merged key by key, and of everything else the last file's wins.

Keeptrusts takes `--policy-config` more than once and does not say how they combine; this rule is ours, stated in the
docs: the last `policies.chain` wins whole, like every list.
"""

from __future__ import annotations

from collections.abc import Sequence

import yaml


def merged(nodes: Sequence[yaml.Node]) -> yaml.Node:
    """One node of several, first to last. Faults found in it still know their own file and line."""
    first, *rest = nodes
    for node in rest:
        first = _over(first, node)
    return first


def _over(low: yaml.Node, high: yaml.Node) -> yaml.Node:
    if not (isinstance(low, yaml.MappingNode) and isinstance(high, yaml.MappingNode)):
        return high
    pairs = list(low.value)
    places = {key.value: place for place, (key, _) in enumerate(pairs) if isinstance(key, yaml.ScalarNode)}
    for key, value in high.value:
        # popped, so that a key that stands twice in one file is appended and found by the binder
        place = places.pop(key.value, None) if isinstance(key, yaml.ScalarNode) else None
        if place is None:
            pairs.append((key, value))
        else:
            pairs[place] = (key, _over(pairs[place][1], value))
    return yaml.MappingNode(high.tag, pairs, high.start_mark, high.end_mark)
