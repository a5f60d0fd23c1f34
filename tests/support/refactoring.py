"""What is refactored in end-to-end tests, what Claude replies, and what comes of it."""

from __future__ import annotations

from support.workshop import EXAMPLE, lines

TOTAL = lines(6, 10)
NEW_TOTAL = '''\
def total(prices):
    """The sum of all prices."""
    return sum(prices)
'''
AFTER = EXAMPLE.replace(
    """\
def total(prices):
    result = 0
    for price in prices:
        result = result + price
    return result
""",
    NEW_TOTAL,
)
REPLY = f"<replacement>\n{NEW_TOTAL}</replacement>"

#: Two changes far from each other.
MANY = "".join(f"value_{number} = {number}\n" for number in range(12))
MANY_NEW = MANY.replace("value_1 =", "first =").replace("value_11 =", "last =")
