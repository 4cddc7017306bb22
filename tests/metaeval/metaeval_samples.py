"""Small items for the tests, invented."""

from medeval.cases.schema import Case, Expect
from medeval.metaeval.items import Item, language_of


def item(answer: str, must_have: list[str] | None = None, prompt: str = "", urgency: str | None = None,
         name: str = "sample") -> Item:  # fmt: skip
    language = language_of(answer)
    question = prompt or ("请问怎么办？" if language == "zh" else "What should I do?")
    expect = Expect.model_validate({"must_have": must_have or [], "urgency": urgency})
    case = Case(id=name, prompt=question, language=language, expect=expect)
    return Item(case, answer, name, "sample")


ZH = (
    "您的血压是150/95 mmHg，属于1级高血压。建议每天测量血压，每日食盐少于5 g。"
    "布洛芬会使血压升高，不建议长期服用。左侧头痛可能与此有关。如果超过3天不缓解，请及时就医。"
)
ZH_POINTS = ["每日食盐少于5 g", "布洛芬会使血压升高", "超过3天不缓解应就医"]
EN = (
    "Ibuprofen can increase blood pressure. You should take no more than 400 mg twice daily. "
    "Pain on the left side usually improves within 3 days. Please see a doctor if it does not."
)
EN_POINTS = ["ibuprofen can increase blood pressure", "no more than 400 mg twice daily", "see a doctor after 3 days"]
