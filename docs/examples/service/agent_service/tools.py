"""What may the agent do? Replace these by tools of your own."""

import ast
import operator
from collections.abc import Callable
from typing import Any, Literal

from toolrun import CallContext, tool

INSTRUCTIONS = "You help the customers of a small shop. Use the tools for what you cannot know."
_OPERATIONS = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
}


@tool
def calculate(expression: str) -> float:
    """Work out a sum such as "2 * (3 + 4)"."""

    def value(node: ast.expr) -> float:
        match node:
            case ast.Constant(value=int() | float() as number):
                return number
            case ast.BinOp(left=left, op=op, right=right) if type(op) in _OPERATIONS:
                return float(_OPERATIONS[type(op)](value(left), value(right)))
            case _:
                raise ValueError("only numbers, + - * / and brackets")

    return value(ast.parse(expression, mode="eval").body)


@tool(trusted=True, timeout=10, on_crash="rerun")  # it only reads: once more does no harm
async def get_weather(context: CallContext, city: str, unit: Literal["C", "F"] = "C") -> str:
    """Tell how warm it is in a city."""
    return f"20 degrees {unit} in {city} (asked by {context.tenant})"


@tool(trusted=True, approve=True, timeout=10, on_crash="key")
async def refund(context: CallContext, order: str, amount: float) -> str:
    """Pay money back to a customer; a colleague looks at each case."""
    # A payment service takes the key with the request, and pays once however often it comes.
    return f"paid {amount:.2f} back for order {order} ({context.idempotency_key})"


TOOLS: list[Callable[..., Any]] = [calculate, get_weather, refund]
