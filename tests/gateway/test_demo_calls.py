"""What a message asks the demo provider to call."""

from __future__ import annotations

import pytest

from extproc.gateway.demo_calls import Call, Said, Tool, call, given_back

FIRST = Tool("look_up", {"required": ["where", "what"]})
SHELL = Tool("Bash", {"required": ["command"]})
BARE = Tool("note", {})


def test_the_first_tool_gets_the_whole_message_or_the_words_for_all_that_it_requires() -> None:
    assert call(Said("please call a tool"), [BARE, SHELL]) == Call(
        "note", {"query": "please call a tool"}, "please call a tool"
    )
    assert call(Said("call a tool: echo hi"), [FIRST, SHELL]) == Call(
        "look_up", {"where": "echo hi", "what": "echo hi"}, "echo hi"
    )


def test_a_tool_that_is_named_gets_the_arguments_that_are_written() -> None:
    said = Said('<note>of the client</note> call the tool Bash with {"command": "echo {}", "n": 1} and tell me.')
    found = call(said, [FIRST, SHELL])
    assert found and (found.name, found.arguments) == ("Bash", {"command": "echo {}", "n": 1})


@pytest.mark.parametrize("words", ["echo hi", "", "[1]", '{"command": '])
def test_what_is_not_a_json_object_is_words(words: str) -> None:
    assert call(Said(f"call the tool Bash with {words}"), [FIRST, SHELL]) == Call("Bash", {"command": words}, words)


@pytest.mark.parametrize(
    ("said", "tools"),
    [
        (Said("hello"), [FIRST]),
        (Said("call a tool"), []),
        (Said("call the tool Bash with {}"), [FIRST]),
        (given_back("call a tool"), [FIRST]),
        (given_back([{"type": "text", "text": "call the tool look_up with {}"}]), [FIRST]),
    ],
)
def test_nothing_is_called_unasked_or_because_a_tool_said_so(said: Said, tools: list[Tool]) -> None:
    assert call(said, tools) is None
