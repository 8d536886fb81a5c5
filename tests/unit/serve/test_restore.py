"""Does reasoning go back where it was, and nowhere else?"""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from toolrun.serve.memory import Recent, Step, new_call_id
from toolrun.serve.restore import Restored, restored
from toolrun.values import ToolCall

ONE, TWO, OTHER = (f"call_{digit * 32}" for digit in "123")
FIELDS = ("reasoning", "reasoning_content")


async def memory() -> Recent:
    kept = Recent()
    await kept.remember("me", Step("First.", "I look.", (ToolCall(ONE, "f", '{"a":1}'),)))
    await kept.remember("me", Step("Second.", None, (ToolCall(TWO, "g", "{}"),)))
    await kept.remember("you", Step("Secret.", None, (ToolCall(OTHER, "g", "{}"),)))
    return kept


async def put_back(*messages: dict[str, Any], fields: tuple[str, ...] = ("reasoning",)) -> Restored:
    kept = await memory()

    async def recall(call_id: str) -> Step | None:
        return await kept.recall("me", call_id)

    return await restored(messages, recall, fields)


def user(text: str = "Go.") -> dict[str, Any]:
    return {"role": "user", "content": text}


def call(*ids: str, **more: Any) -> dict[str, Any]:
    calls = [{"id": each, "type": "function", "function": {"name": "f"}} for each in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **more}


def result(call_id: str) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": "20"}


async def test_each_step_of_the_turn_gets_its_own() -> None:
    sent = [user(), call(ONE), result(ONE), call(TWO), result(TWO)]
    put = await put_back(*sent, fields=FIELDS)
    assert put.messages[1] == {**sent[1], "reasoning": "First.", "reasoning_content": "First."}
    assert put.messages[3]["reasoning"] == "Second."
    assert (put.found, put.missed) == (2, 0)
    assert "reasoning" not in sent[1]


async def test_what_the_client_edits_and_drops_does_not_matter() -> None:
    put = await put_back(user(), call(ONE, content="Rewritten.", name="x"), result(ONE))
    assert put.messages[1]["reasoning"] == "First."
    assert put.messages[1]["content"] == "Rewritten."


async def test_what_the_client_kept_is_left_alone() -> None:
    for field in FIELDS:
        sent = call(ONE, **{field: "My own."})
        put = await put_back(user(), sent, result(ONE))
        assert put.messages[1] == sent


async def test_no_step_before_the_last_user_message_gets_any() -> None:
    sent = [user(), call(ONE), result(ONE), user("And?"), call(TWO), result(TWO)]
    put = await put_back(*sent)
    assert put.messages[1] == sent[1]
    assert put.messages[4]["reasoning"] == "Second."


async def test_no_step_is_put_back_twice_however_often_it_is_named() -> None:
    sent = [user(), *(call(ONE, ONE, TWO) for _ in range(1000)), result(ONE)]
    put = await put_back(*sent)
    assert [each.get("reasoning") for each in put.messages[1:-1]] == [
        "First.\n\nSecond.",
        *[None] * 999,
    ]
    assert (put.found, put.missed) == (1, 0)

    flat = [{"role": "assistant", "content": f"Calling {ONE} {ONE}"}, user("Observation:\n20")]
    put = await put_back(user(), *flat, *flat)
    assert [bool(each.get("tool_calls")) for each in put.messages] == [False, True, *[False] * 3]
    assert put.messages[3:] == flat


async def test_another_keys_reasoning_stays_its_own() -> None:
    put = await put_back(user(), call(OTHER), result(OTHER))
    assert put == Restored([user(), call(OTHER), result(OTHER)], 0, 1)


async def test_two_steps_that_a_client_made_one_of_get_both() -> None:
    put = await put_back(user(), call(ONE, TWO), result(ONE), result(TWO))
    assert put.messages[1]["reasoning"] == "First.\n\nSecond."


async def test_calls_and_results_that_became_texts_become_calls_and_results_again() -> None:
    said = f"Calling tools:\n[{{'id': '{ONE}', 'type': 'function'}}]"
    put = await put_back(
        user(),
        {"role": "assistant", "content": [{"type": "text", "text": said}]},
        user("Observation:\n20"),
        {"role": "assistant", "content": said.replace(ONE, TWO)},
        user(f"Call id: {TWO}\nError:\nno"),
    )
    assert [each["role"] for each in put.messages] == ["user", *("assistant", "tool") * 2]
    first, second = put.messages[1], put.messages[3]
    assert first["tool_calls"][0]["function"] == {"name": "f", "arguments": '{"a":1}'}
    assert (first["content"], first["reasoning"]) == ("I look.", "First.")
    assert put.messages[2] == {"role": "tool", "tool_call_id": ONE, "name": "f", "content": "20"}
    assert second["reasoning"] == "Second."
    assert put.messages[4]["content"].startswith("Call id:")


async def test_what_the_user_says_after_a_result_is_the_users() -> None:
    said = {"role": "assistant", "content": f"Calling tools:\n[{{'id': '{ONE}'}}]"}
    put = await put_back(user(), said, user("Observation:\n20\nNew task:\nAnother."))
    assert put.messages[2]["content"] == "20"
    assert put.messages[3] == user("New task:\nAnother.")
    assert "reasoning" not in put.messages[1]


async def test_texts_that_name_no_call_of_ours_stay_as_they_are() -> None:
    theirs = [user(), {"role": "assistant", "content": f"See {OTHER}."}, user("Observation:\nhm")]
    ours = [user(), {"role": "assistant", "content": f"See {ONE}."}, user("What is that?")]
    assert (await put_back(*theirs)).messages == theirs
    assert (await put_back(*ours)).messages == ours


JSON = st.recursive(
    st.none() | st.integers() | st.sampled_from([ONE, "Observation:\n", "user", "assistant", "id"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["role", "content", "tool_calls", "id", "type", "text"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.sampled_from(["role", "content", "tool_calls"]), JSON)))
async def test_no_messages_are_too_odd(messages: list[dict[str, Any]]) -> None:
    put = await put_back(*messages)
    assert "Secret." not in str(put.messages)
    assert len(put.messages) >= len(messages)


async def test_an_id_that_was_never_given_finds_nothing() -> None:
    put = await put_back(user(), call(new_call_id()))
    assert (put.found, put.missed) == (0, 1)
