"""Does reasoning that is sent back reach the model, and is a prompt that grows read once?

A conversation is made up, with a reasoning that the model is told it had, and looked for in the
prompt, in the first of these ways that the server allows:

- the token ids of the prompt (`return_token_ids`) against the server's own `/tokenize`;
- the same ids against a harmony library's tokens of the text, where one is installed;
- the count of the prompt's tokens with the reasoning, and without it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import ServerError, ServerStatus
from toolrun.extras import has
from toolrun.models.auto import keeping
from toolrun.models.dialects import BOTH
from toolrun.models.doctor import patient as p
from toolrun.models.doctor.report import Finding
from toolrun.models.proof import find_analysis, tokenize

if TYPE_CHECKING:
    from collections.abc import Sequence

    from toolrun.models.doctor.patient import Json, Patient

COUNTED = "prompt_tokens with the reasoning and without it"
_TOLD = ("vllm", "litellm", "generic")
"""Kinds of servers that are asked for token ids; others may refuse the field."""
_FEW = 16
_SURE = 30
"""Tokens by which a prompt grows at least where it has the reasoning, which has 57."""
_SAME = 8
"""Tokens by which two prompts may differ for their numbers alone."""
_REFUSED = (400, 422)
_SENTENCES = 150
"""Of a prompt that fills several blocks of a cache: vLLM's have 16 tokens, 128 on CPUs."""


async def reasoning_taken_back(server: Patient) -> Finding:
    """Whether reasoning that goes out over Chat Completions is in the prompt."""
    fields = server.dialect.reasoning_out
    finding = await _by_ids(server, fields) or await _by_count(server, fields)
    if finding.verdict != "red":
        return finding
    for other in BOTH:
        if other not in fields and (await _by_count(server, (other,))).verdict == "green":
            return Finding(
                "yellow",
                f"dropped from `{'` and `'.join(fields)}`, and taken from `{other}`",
                "name the server's dialect: --dialect llama.cpp has that field",
                finding.proof,
            )
    return _dropped(server, finding)


async def _by_ids(server: Patient, fields: Sequence[str]) -> Finding | None:
    """What the token ids of the prompt show; None where there are none, or nothing to compare."""
    if server.dialect.kind not in _TOLD:
        return None
    try:
        reply = await server.chat(
            p.conversation(*fields), most=_FEW, tools=[p.TOOL], return_token_ids=True
        )
    except ServerStatus as error:
        if error.status in _REFUSED:
            return None
        raise
    prompt = reply.get("prompt_token_ids")
    if not isinstance(prompt, list) or (known := await _tokens(server)) is None:
        return None
    wanted, source = known
    proof = f"prompt_token_ids against {source}"
    if find_analysis(prompt, wanted) >= 0:
        saw = f"its {len(wanted)} tokens stand in the prompt of {len(prompt)}, in their channel"
        return Finding("green", saw, proof=proof)
    if _stands(prompt, wanted):
        return Finding(
            "yellow", "it is in the prompt, outside the channel of reasoning", proof=proof
        )
    return Finding("red", f"none of its {len(wanted)} tokens is in the prompt", proof=proof)


async def _tokens(server: Patient) -> tuple[Sequence[int], str] | None:
    """The tokens of the reasoning, and who says so."""
    try:
        return await tokenize(server.door, server.model, p.REASONING), "the server's /tokenize"
    except ServerError:
        if not has("openai_harmony"):
            return None
    from toolrun.models.harmony import vocabulary

    return vocabulary.load().encode(p.REASONING), "harmony's tokens of the text"


async def _by_count(server: Patient, fields: Sequence[str]) -> Finding:
    """What the number of the prompt's tokens shows."""
    full = await server.chat(p.conversation(*fields), most=_FEW, tools=[p.TOOL])
    bare = await server.chat(p.conversation(), most=_FEW, tools=[p.TOOL])
    return _counted(*(p.number(reply, "usage", "prompt_tokens") for reply in (full, bare)))


def _counted(full: int, bare: int) -> Finding:
    if not (full and bare):
        saw = "cannot be told: the server does not count the prompt's tokens"
        return Finding("yellow", saw, proof=COUNTED)
    more = full - bare
    saw = f"the prompt has {full} tokens with it, {bare} without"
    if more >= _SURE:
        return Finding("green", saw, proof=COUNTED)
    if more <= _SAME:
        return Finding("red", saw, proof=COUNTED)
    return Finding("yellow", f"{saw}: a part of it may be lost", proof=COUNTED)


def _dropped(server: Patient, finding: Finding) -> Finding:
    """The finding with what helps."""
    saw = f"dropped: {finding.saw}"
    if better := next(keeping(server.dialect), None):
        fix = f'nothing to do: via="auto" samples {server.dialect.name} by {better}'
        return Finding("yellow", saw, fix, finding.proof)
    match server.dialect.kind:
        case "vllm":
            fix = 'via="harmony" (pip install "toolrun[harmony]"), or vLLM 0.22 or later'
        case "litellm":
            fix = (
                "set forward_reasoning_content: true for the model in LiteLLM's configuration, or "
                "give the base URL of the server behind it"
            )
        case _:
            fix = 'via="harmony", if /v1/completions takes token ids (below); else another server'
    return Finding("red", saw, fix, finding.proof)


async def responses_taken_back(server: Patient) -> Finding:
    """Whether a reasoning item that goes out over Responses is in the prompt."""
    counts = []
    for reasoning in (True, False):
        reply = await server.post(
            "/responses", responses_body(p.items(reasoning=reasoning), most=_FEW)
        )
        counts.append(p.number(reply, "usage", "input_tokens"))
    finding = _counted(*counts)
    proof = COUNTED.replace("prompt_tokens", "input_tokens")
    if finding.verdict == "red":
        return Finding("yellow", f"dropped: {finding.saw}", 'do not use via="responses"', proof)
    return Finding(finding.verdict, finding.saw, proof=proof)


def responses_body(items: list[Json], *, most: int, store: bool = False) -> Json:
    """The body of a request to Responses."""
    tool = {"type": "function", "strict": None, **p.TOOL["function"]}
    body: Json = {"input": items, "instructions": p.INSTRUCTIONS, "tools": [tool]}
    return body | {"max_output_tokens": most, "store": store, "reasoning": {"effort": "low"}}


async def prefix_cache(server: Patient) -> Finding:
    """Whether a prompt that was read before is read again."""
    messages = p.question(" ".join(f"{number} is a number." for number in range(_SENTENCES)))
    before = await _hits(server)
    replies = [await server.chat(messages, most=_FEW) for _ in range(2)]
    cached = p.number(replies[1], "usage", "prompt_tokens_details", "cached_tokens")
    total = p.number(replies[1], "usage", "prompt_tokens")
    if cached:
        return Finding("green", f"{cached} of {total} tokens came from the cache", proof="usage")
    after = await _hits(server)
    if before is None or after is None:
        fix = "vLLM tells of it with --enable-prompt-tokens-details"
        return Finding("yellow", "the server does not tell", fix)
    if after > before:
        saw = f"{after - before:.0f} tokens came from the cache, others' requests included"
        return Finding("green", saw, proof="vllm:prefix_cache_hits")
    return Finding(
        "yellow", "no token came from the cache", "start vLLM without --no-enable-prefix-caching"
    )


async def _hits(server: Patient) -> float | None:
    """How many tokens came from the cache, by vLLM's own count."""
    try:
        page = await server.door.look(f"{server.door.root}/metrics", p.PAGE_SECONDS)
    except ServerError:
        return None
    lines = page.body.decode("utf-8", "replace").splitlines()
    values = [line.rpartition(" ")[2] for line in lines if line.startswith(_HITS)]
    try:
        return sum(map(float, values)) if values else None
    except ValueError:
        return None


_HITS = ("vllm:prefix_cache_hits_total", "vllm:prefix_cache_hits{")


def _stands(prompt: Sequence[int], wanted: Sequence[int]) -> bool:
    """Whether tokens stand somewhere in a prompt; the last one may have joined what follows."""
    inner = list(wanted[:-1])
    return any(list(prompt[at : at + len(inner)]) == inner for at in range(len(prompt)))
