"""Tools in words, for endpoints that take none: some local servers are started without them.

The contract of an answer holds without its tool, too: whoever reads the reply takes the input of
a call from a JSON block as well.  Looking around does not: that takes a call that is answered,
and a model which is told of tools that nobody answers waits for them or makes their results up.
Pure: a prompt in, a prompt out.
"""

from __future__ import annotations

import dataclasses
import json

from kibitz.claude.values import Block, Prompt, Tool

NOTHING_TO_LOOK_WITH = (
    "No tool can be called here: work with what you have been given, and say so where that is not "
    "enough."
)


def without_tools(prompt: Prompt) -> Prompt:
    """`prompt` with words in the place of its tools; one in which a call was made stays as it is.

    The words come at the end, where they do not change the prefix that others share, and only if
    a tool may be called: how to answer without the tool whose call is the answer, and that there
    is nothing to look around with.
    """
    parts = [part for message in prompt.messages for part in message.content]
    if not all(isinstance(part, Block) for part in parts):
        return prompt
    words: list[str] = []
    if prompt.tool_choice != "none":
        if any(tool.is_answered for tool in prompt.tools):
            words.append(NOTHING_TO_LOOK_WITH)
        words += [_in_words(tool) for tool in prompt.tools if tool.name == prompt.answer_tool]
    *before, last = prompt.messages
    if words:
        last = dataclasses.replace(last, content=(*last.content, Block("\n\n".join(words))))
    return dataclasses.replace(prompt, messages=(*before, last), tools=(), tool_choice="auto")


def _in_words(tool: Tool) -> str:
    schema = json.dumps(tool.input_schema, ensure_ascii=False, separators=(",", ":"))
    return (
        f"The tool `{tool.name}` cannot be called here. Where you would call it, write its input "
        f"instead: one JSON object in a ```json fence, of this schema:\n{schema}"
    )
