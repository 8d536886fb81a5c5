"""What the agent of a shop may do. The sandbox imports this file: it holds the tools alone."""

from dataclasses import dataclass, field

from toolrun import CallContext, tool


@dataclass
class Order:
    """One order."""

    what: str
    price: float
    days: int
    """Since it was delivered."""


@dataclass
class Shop:
    """What would be a database, and a bank."""

    orders: dict[int, Order]
    refunds: dict[int, float] = field(default_factory=dict)


@tool(trusted=True)
def find_order(number: int, call: CallContext) -> Order:
    """Look up an order of the customer."""
    shop: Shop = call.context
    if number not in shop.orders:
        raise LookupError(f"there is no order {number}")
    return shop.orders[number]


@tool
def refundable(price: float, days: int) -> float:
    """Work out which part of a price is paid back, so many days after the delivery."""
    if days <= 14:
        return price
    return round(price / 2, 2) if days <= 30 else 0.0


@tool(trusted=True, approve=True)
def refund(order: int, amount: float, call: CallContext) -> str:
    """Pay an amount back."""
    shop: Shop = call.context
    shop.refunds[order] = amount
    return f"{amount:.2f} EUR are on their way"
