"""HPACK's Huffman code (RFC 7541, appendix B), read a byte at a time.

The code is canonical: codes of one length follow each other in the order of their symbols, so lengths say it all.
"""

from __future__ import annotations

_LENGTHS = """
 13 23 28*7 24 30 28*2 30 28*8 30 28*9 6 10*2 12 13 6 8 11 10*2 8 11 8 6*3 5*3 6*7 7 8 15 6 12 10 13 6 7*22 8 7 8 13
19 13 14 6 15 5 6 5 6 5 6*3 5 7*2 6*3 5 6 7 6 5*2 6 7*5 15 11 14 13 28 20 22 20*2 22*3 23 22 23*5 24 23 24*2 22 23 24
23*4 21 22 23 22 23*2 24 22 21 20 22*2 23*2 21 23 22*2 24 21 22 23*2 21*2 22 21 23 22 23*2 20 22*3 23 22*2 23 26*2 20
19 22 23 22 25 26*3 27*2 26 24 25 19 21 26 27*2 26 27 24 21*2 26*2 28 27*3 20 24 20 21 22 21*2 23 22*2 25*2 24*2 26 23
26 27 26*2 27*5 28 27*5 26 30
"""
"""Bits of the symbols 0 to 255, and of the end of a string, which may never stand in one."""

_END = 256


class HuffmanError(ValueError):
    """Not a string in this code, or one whose padding is not the code's."""


def decode(data: bytes) -> bytes:
    """The string that is coded here. Raises HuffmanError."""
    node, said = 0, []
    for byte in data:
        step = _STEPS.get(node << 8 | byte)
        if step is None:
            step = _STEPS[node << 8 | byte] = _walked(node, byte)
        node, symbols = step
        said.append(symbols)
    if node not in _PADDED:
        raise HuffmanError("the padding is longer than 7 bits, or not ones")
    return b"".join(said)


def _walked(node: int, byte: int) -> tuple[int, bytes]:
    """Where the eight bits of a byte lead from a node, and the symbols on the way."""
    symbols = bytearray()
    for shift in range(7, -1, -1):
        node = _TREE[node][byte >> shift & 1]
        if node < 0:
            if ~node == _END:
                raise HuffmanError("the end of the string within it")
            symbols.append(~node)
            node = 0
    return node, bytes(symbols)


def _lengths() -> list[int]:
    pairs = (each.partition("*") for each in _LENGTHS.split())
    return [int(bits) for bits, _, times in pairs for _ in range(int(times or 1))]


def _tree() -> list[list[int]]:
    """Nodes as the places that a 0 and a 1 lead to; a negative one is a symbol's complement. Node 0 is the root."""
    tree = [[0, 0]]
    code = length = 0
    for bits, symbol in sorted((bits, symbol) for symbol, bits in enumerate(_lengths())):
        code <<= bits - length
        length = bits
        node = 0
        for shift in range(bits - 1, 0, -1):
            place = code >> shift & 1
            if not tree[node][place]:
                tree[node][place] = len(tree)
                tree.append([0, 0])
            node = tree[node][place]
        tree[node][code & 1] = ~symbol
        code += 1
    return tree


def _padded() -> frozenset[int]:
    """Where a string may end: at most seven ones after its last symbol."""
    node, found = 0, [0]
    for _ in range(7):
        node = _TREE[node][1]
        found.append(node)
    return frozenset(found)


_TREE = _tree()
_PADDED = _padded()
_STEPS: dict[int, tuple[int, bytes]] = {}
"""Filled as strings need them; at most one for each node and byte, 65,536."""
