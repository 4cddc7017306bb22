"""From a Case to the messages every engine and every variant gets alike."""

from medeval.cases.schema import Case
from medeval.engines.contract import Message


def messages_for(case: Case) -> tuple[Message, ...]:
    """The case's history, then its prompt with the images on that last user turn."""
    history = tuple(Message(turn.role, turn.text) for turn in case.history)
    return (*history, Message("user", case.prompt, tuple(case.images)))
