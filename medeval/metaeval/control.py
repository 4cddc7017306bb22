"""The control: another patient with other figures, true in question, checklist and answer alike.

A metric that finds wrong figures by how unusual they look would fault this answer too, though nothing in it is wrong.
"""

from medeval.cases.schema import AnyOf, Statement
from medeval.metaeval.items import Item, seeded
from medeval.metaeval.operators import NumberChange, amounts

CHANGES = {"other_swap": NumberChange(), "other_small": NumberChange(1.1), "other_double": NumberChange(2)}
"""How the figure differs: digits swapped, a tenth more, twice as much."""


def other_patient(item: Item, name: str) -> Item | None:
    """The item with one figure changed wherever it stands; None where question and checklist hold none of the answer's.

    Figures that the facts hold are left alone: what they mean would change with them.
    """
    shared = {(a.number, a.unit) for text in (item.case.prompt, *item.checklist) for a in amounts(text)}
    facts = " ".join(item.case.facts.values())
    mine = sorted({(a.number, a.unit) for a in amounts(item.answer)} & shared)
    usable = [(n, u) for n, u in mine if n not in facts and CHANGES[name].apply(n)]
    if not usable:
        return None
    number, unit = seeded(item.case.id, "other").choice(usable)
    new = CHANGES[name].apply(number)

    def other(text: str) -> str:
        for amount in sorted(amounts(text), key=lambda a: a.start, reverse=True):
            if (amount.number, amount.unit) == (number, unit):
                text = text[: amount.start] + new + text[amount.number_end :]
        return text

    def point(statement: Statement) -> Statement:
        return AnyOf(any=[other(o) for o in statement.any]) if isinstance(statement, AnyOf) else other(statement)

    expect = item.case.expect.model_copy(update={"must_have": [point(s) for s in item.case.expect.must_have]})
    update = {"id": f"{item.case.id}-{name}", "prompt": other(item.case.prompt), "expect": expect}
    return Item(item.case.model_copy(update=update), other(item.answer), item.cluster, item.dataset)
