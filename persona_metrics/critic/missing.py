"""Why a verdict is missing: a reason out of a closed list, with a detail. Knows no protocol and no network."""

from __future__ import annotations

from enum import Enum


class Reason(Enum):
    """What kept a verdict from being had; the value is what a reader sees."""

    HTTP = "HTTP"
    """The endpoint answered with an error status, which is the ``code``."""
    QUOTA = "quota"
    """An error status that says that the account has nothing left to spend."""
    ERROR = "error"
    """An error in a body or a batch's line; the ``code`` is the endpoint's word for it."""
    CONNECTION = "connection failed"
    SLOW = "no reply in time"
    UNREADABLE = "unreadable reply"
    REFUSED = "the critic refused"
    CUT = "cut at the token limit"
    EMPTY = "empty reply"
    UNFIT = "not one object of the schema"
    TIE = "tie"
    """The votes are there and cancel each other out: an outcome, not a failure."""
    NOT_IN_BATCH = "not in the batch's results"
    ELSEWHERE = "judged by another process"
    NOT_ASKED = "not asked"
    UNKNOWN = "unknown"


_WITH_STATUS = (Reason.HTTP, Reason.QUOTA)


class Missing(str):
    """A reason with its detail; as a text it is what samples files and messages say, ``HTTP 429: slow down``."""

    reason: Reason
    detail: str
    code: str

    def __new__(cls, reason: Reason, detail: str = "", code: str = "") -> Missing:
        """Make it; ``code`` is a status or an endpoint's own word, where the reason has one."""
        kind = f"HTTP {code}" if reason in _WITH_STATUS else code if reason is Reason.ERROR and code else reason.value
        made = super().__new__(cls, f"{kind}: {detail}" if detail else kind)
        made.reason, made.detail, made.code = reason, detail, code
        return made

    def __getnewargs__(self) -> tuple[Reason, str, str]:  # type: ignore[override]
        return self.reason, self.detail, self.code

    @property
    def kind(self) -> str:
        """The part that many judgements can share: ``HTTP 500``, ``connection failed``, ``empty reply``."""
        return str(Missing(self.reason, "", self.code))

    @classmethod
    def read(cls, text: str) -> Missing:
        """Return what a samples file says, as it was when it was written."""
        if not text:
            return cls(Reason.UNKNOWN)
        kind, _, detail = text.partition(": ")
        if kind.startswith("HTTP "):
            made = cls(Reason.HTTP, detail, kind.removeprefix("HTTP "))
        else:
            known = next((r for r in Reason if r.value == kind and r not in _WITH_STATUS), None)
            made = cls(Reason.ERROR, detail, kind) if known is None else cls(known, detail)
        return made if made == text else cls(Reason.ERROR, "", text)


def missing_from(text: object) -> Missing | None:
    """Return the reason that a samples file gives, None where it gives none."""
    return Missing.read(text) if isinstance(text, str) else None
