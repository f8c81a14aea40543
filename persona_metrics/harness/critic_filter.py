"""The filter that lm-eval finds as ``persona_critic``: a task's replies in, what the critic makes of them out."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from lm_eval.api.filter import Filter
from lm_eval.api.registry import register_filter

from .. import settings
from ..runs.read import Result
from .exits import user_errors
from .judging import judge_replies

if TYPE_CHECKING:
    from .task import PersonaTask


@register_filter("persona_critic")
class PersonaCritic(Filter):  # type: ignore[misc]
    """Judges all replies of a task in one concurrent batch.

    In our tasks the task hands over its settings. In a YAML of one's own (documents with ``question`` and
    ``persona``) keyword arguments of the filter are settings, over those of the environment.
    """

    def __init__(self, task: PersonaTask | None = None, **kwargs: Any) -> None:
        super().__init__()
        self.task = task
        self.overrides = kwargs

    def apply(self, resps: Any, docs: Any) -> list[list[Any]]:
        """Return one list of results an instance, in the order of ``resps``."""
        replies = [list(group) for group in resps]
        with user_errors(everywhere=True):
            if self.task is not None:
                if self.task._predict_only:
                    return replies
                judged = self.task.judge_replies(replies, list(docs))
            else:
                judged = judge_replies(replies, list(docs), settings.load(self.overrides, where="persona_critic"))
        return [[Result(result) for result in group] for group in judged]


def bind(factory: Any, task: PersonaTask) -> Any:
    """Return a filter's factory, told of its task where the filter is ours."""
    made = factory.func if isinstance(factory, partial) else factory
    return partial(factory, task=task) if made is PersonaCritic else factory
