"""Which ways beside Chat Completions does a server have?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toolrun.errors import ServerError, ServerStatus
from toolrun.models.doctor import patient as p
from toolrun.models.doctor.memory_checks import responses_body
from toolrun.models.doctor.report import Finding

if TYPE_CHECKING:
    from toolrun.models.doctor.patient import Patient

HELLO = (200006, 1428, 200008, 13225, 200007, 200006, 173781)
"""`<|start|>user<|message|>Hello<|end|><|start|>assistant` in o200k_harmony."""
STORE_FLAG = "VLLM_ENABLE_RESPONSES_API_STORE=1"


async def responses(server: Patient) -> Finding:
    """Whether the server has the Responses API, and whether it tells reasoning there."""
    reply = await server.post("/responses", responses_body(p.items(reasoning=False)[:1], most=384))
    output = reply.get("output")
    kinds = [str(item.get("type")) for item in output] if isinstance(output, list) else []
    saw = f"it gave {', '.join(kinds) or 'nothing'}"
    if not kinds:
        return Finding("yellow", saw, "run it again")
    if "function_call" not in kinds:
        return Finding("yellow", f"{saw}: the model did not call", "run it again")
    return Finding("green", saw)


async def responses_store(server: Patient) -> Finding:
    """Whether a response that is to be stored can be had again."""
    reply = await server.post(
        "/responses", responses_body(p.items(reasoning=False)[:1], most=16, store=True)
    )
    path = f"{server.door.base_url}/responses/{reply.get('id')}"
    page = await server.door.look(path, p.PAGE_SECONDS)
    if page.status == 200:  # noqa: PLR2004 - HTTP's
        return Finding("green", "what is stored is there; toolrun does not need it")
    return Finding(
        "yellow",
        "off: what was stored is not there. toolrun sends the whole conversation",
        f"{STORE_FLAG} turns vLLM's on, if other clients need previous_response_id",
    )


async def tokens_in_and_out(server: Patient) -> Finding:
    """Whether `/v1/completions` takes token ids and gives those that were sampled."""
    body = {"prompt": list(HELLO), "max_tokens": 8, "return_token_ids": True}
    body |= {"skip_special_tokens": False, "stop_token_ids": [200002, 200012]}
    without = 'via="harmony" does not work here'
    try:
        reply = await server.post("/completions", body)
    except ServerStatus as error:
        return Finding("yellow", f"not taken ({error.status}): {without}")
    except ServerError as error:
        return Finding("yellow", f"not taken ({error}): {without}")
    choice = p.first_choice(reply)
    if not choice.get("token_ids"):
        return Finding(
            "yellow", f"no token ids come back: {without}", "vLLM gives them from 0.10.2"
        )
    echoed = choice.get("prompt_token_ids", reply.get("prompt_token_ids"))
    if echoed is not None and echoed != list(HELLO):
        return Finding("yellow", f"the prompt was changed on the way: {without}")
    sampled = len(choice["token_ids"])
    return Finding("green", f"{len(HELLO)} ids in as they are, {sampled} out", proof="token ids")
