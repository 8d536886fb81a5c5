"""What may a test have the model say? Scripts by name: texts in harmony, one for each step.

A text is what the model samples after `<|start|>assistant`. A step is picked by the number of tool
results and user messages after the user message that holds the marker `[[script:NAME]]`; past the
last step, the last one is said again. A step of several texts is a step that is said differently
each time that the very same prompt is sampled again, which is how a retry meets a server that has
recovered.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Step: TypeAlias = str | tuple[str, ...]
Script: TypeAlias = tuple[Step, ...]

MARKER: Final = re.compile(r"\[\[script:([\w.-]+)\]\]")


def marker(name: str) -> str:
    """What to put into a user message so that the model follows a script.

    Raises:
        ValueError: there is no script of that name.
    """
    if name not in SCRIPTS:
        raise ValueError(f"there is no script {name!r}, but {', '.join(SCRIPTS)}")
    return f"[[script:{name}]]"


def analysis(text: str) -> str:
    """Reasoning, and the header's beginning of what follows it."""
    return f"<|channel|>analysis<|message|>{text}<|end|><|start|>assistant"


def preamble(text: str) -> str:
    """Words for the user before a call, and the header's beginning of what follows them."""
    return f"<|channel|>commentary<|message|>{text}<|end|><|start|>assistant"


def call(name: str, arguments: str) -> str:
    """A call as gpt-oss samples it; the arguments are sent as they are, JSON or not."""
    header = f"<|channel|>commentary to=functions.{name} <|constrain|>json"
    return f"{header}<|message|>{arguments}<|call|>"


def final(text: str) -> str:
    """The answer."""
    return f"<|channel|>final<|message|>{text}<|return|>"


def final_json(text: str) -> str:
    """An answer in JSON, as vLLM's grammar wants it where a request has a `response_format`."""
    return f"<|channel|>final <|constrain|>json<|message|>{text}<|return|>"


def _count(path: str) -> str:
    return call("word_count", json.dumps({"path": path}, separators=(",", ":")))


_WEATHER_PARIS: Final = call("get_weather", '{"city":"Paris","unit":"C"}')
_MALFORMED: Final = (  # after <|end|> a <|start|> is missing
    "<|channel|>analysis<|message|>Hmm.<|end|><|channel|>final<|message|>Oops.<|return|>"
)
_LONG: Final = " ".join(f"{number} words and no end in sight." for number in range(1, 121))

SCRIPTS: Final[Mapping[str, Script]] = {
    # Without tools
    "final": (analysis("The user greets me.") + final("Hello there, friend!"),),
    "final-without-reasoning": (final("Hello."),),
    "long": (analysis("This will take a while.") + final(_LONG),),
    "long-reasoning": (analysis(_LONG) + final("Done."),),
    # Calls that are right
    "demo": (
        analysis("The user wants a number. I should count the words with word_count.")
        + _count("essay.txt"),
        analysis("The tool has counted. I pass its number on.")
        + final("I have counted the words of essay.txt: the tool's number is above."),
    ),
    "one-call": (
        analysis("I need the weather in Paris: get_weather knows.") + _WEATHER_PARIS,
        analysis("The tool says how warm it is.") + final("It is 20 degrees in Paris."),
    ),
    "count": (
        analysis("I have to count the words of notes.txt.") + _count("notes.txt"),
        analysis("Counted.") + final("I have counted the words of notes.txt."),
    ),
    "three-steps": (
        analysis("First the weather in Paris.") + _WEATHER_PARIS,
        analysis("Then in Rome, in Fahrenheit.")
        + call("get_weather", '{"city": "Rome", "unit": "F"}'),
        analysis("And the words of a file.") + _count("a.txt"),
        analysis("Three results are enough.") + final("Paris, Rome and a.txt are done."),
    ),
    "five-steps": (
        *(
            analysis(f"Step {number}: the words of file {number}, naïve café included.")
            + _count(f"{number}.txt")
            for number in range(1, 6)
        ),
        analysis("All five files are counted.") + final("All five files are counted."),
    ),
    "preamble": (
        analysis("I tell the user before I look.")
        + preamble("I will look it up.")
        + _WEATHER_PARIS,
        analysis("Now I know.") + final("It is 20 degrees in Paris."),
    ),
    "call-without-reasoning": (_WEATHER_PARIS, final("It is 20 degrees in Paris.")),
    "call-then-long": (
        analysis("I need the weather first.") + _WEATHER_PARIS,
        analysis("Now the long answer.") + final(_LONG),
    ),
    "calls-forever": (analysis("Once more.") + _WEATHER_PARIS,),
    # Calls that are wrong, then right
    "invalid-json": (
        analysis("I call the tool.") + call("get_weather", '{"city":"Paris",'),
        analysis("My arguments were broken, again then.") + _WEATHER_PARIS,
        analysis("Now it worked.") + final("It is 20 degrees in Paris."),
    ),
    "wrong-arguments": (
        analysis("I call the tool.") + call("get_weather", '{"city":7,"unit":"K"}'),
        analysis("The schema says otherwise, again then.") + _WEATHER_PARIS,
        analysis("Now it worked.") + final("It is 20 degrees in Paris."),
    ),
    "undeclared-tool": (
        analysis("There may be a tool for this.") + call("launch_rocket", '{"target":"moon"}'),
        analysis("There is none.") + final("I can't launch rockets."),
    ),
    # Output that is malformed
    "analysis-only": ("<|channel|>analysis<|message|>I only think.<|return|>",),
    "malformed-header": (_MALFORMED,),
    "malformed-then-right": (
        (
            _MALFORMED,
            analysis("I call the tool.") + _WEATHER_PARIS,
        ),
        analysis("Now it worked.") + final("It is 20 degrees in Paris."),
    ),
    "recipient-in-role": (
        analysis("I call the tool.").removesuffix("<|start|>assistant")
        + "<|start|>assistant to=functions.get_weather<|channel|>commentary <|constrain|>json"
        '<|message|>{"city":"Paris","unit":"C"}<|call|>',
        analysis("The tool says how warm it is.") + final("It is 20 degrees in Paris."),
    ),
    "leaked-name": (
        analysis("I call the tool.").removesuffix("<|start|>assistant")
        + "<|start|>assistant to=functions.get_weather<|channel|>commentary<|channel|>commentary"
        '<|constrain|>json<|message|>{"city":"Paris","unit":"C"}<|call|>',
        analysis("The tool says how warm it is.") + final("It is 20 degrees in Paris."),
    ),
}
