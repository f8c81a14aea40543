"""Takes a model's reasoning off its reply: tags, channels, and what is left of them. Knows no prompt mode and no JSON.

The forms are those that open models write and that servers without a reasoning parser hand on: ``<think>`` and its kin
(DeepSeek, Qwen, Seed, GLM), ``[THINK]`` (Magistral), ``◁think▷`` (Kimi), ``<|channel|>analysis`` (harmony, gpt-oss), the
channels of Gemma, and the marks of Cohere, OpenThoughts and Apertus.
"""

from __future__ import annotations

import re

_NAMES = r"(?:seed:|mm:|longcat_)?(?:think(?:ing)?|thoughts?|reasoning|reflection|analysis|scratchpad)"
OPEN = re.compile(
    rf"<\s*({_NAMES})\b[^<>\n]{{0,80}}(?<!/)>|(\[THINK\])|(◁\s*think\s*▷)|(<\|begin_of_thought\|>)"
    r"|(<\|START_THINKING\|>)|(<\|inner_prefix\|>)|(<\|channel>\s*thought\b)",
    re.I,
)
"""Where thinking begins; the group that matched is the mark's kind, the same in ``CLOSE``."""
CLOSE = re.compile(
    rf"<\s*/\s*({_NAMES})\s*>|(\[/THINK\])|(◁\s*/\s*think\s*▷)|(<\|end_of_thought\|>)|(<\|END_THINKING\|>)"
    r"|(<\|inner_suffix\|>)|(<channel\|>)",
    re.I,
)
_LOOK = re.compile(
    rf"^[ \t]*(?P<fence>```+|~~~+)|(?<!`)(?P<inline>`{{1,3}})(?!`)[^`\n]+(?P=inline)|{OPEN.pattern}|{CLOSE.pattern}",
    re.M | re.I,
)
_QUOTED = "`\"'“”‘’«»"
_SENTENCE_END = ".!?…)]}。！？"
_OBJECT = re.compile(r"^\s*(?:\{|\[(?!/?THINK\]))", re.M | re.I)

_CHANNEL = re.compile(
    r"(?:<\|channel\|>|\A\s*(?=\w+<\|message\|>))\s*(\w+)[^<]{0,80}(?:<\|constrain\|>[^<]{0,40})?<\|message\|>"
    r"(.*?)(?=<\|(?:end|return|call|start|channel)\|>|\Z)",
    re.S,
)
_HARMONY = re.compile(
    r"\A\s*(?:<\|start\|>\s*assistant\s*)?(?:<\|channel\|>|(?:analysis|commentary|final)<\|message\|>)"
    r"|(?<![`\"'])<\|channel\|>\s*final\b[^<]{0,80}<\|message\|>"
)
# Without its special tokens, as servers that skip them hand it on.
_BARE_HARMONY = re.compile(r"\A\s*analysis(?=\S).*assistantfinal", re.S)
_FENCES = re.compile(r"^[ \t]*(?:```|~~~)", re.M)
_MARK = r"<\|(?:START_RESPONSE|END_RESPONSE|begin_of_solution|end_of_solution|return|end)\|>"
_MARKS = re.compile(rf"\A\s*(?:{_MARK})+|(?:{_MARK})+\s*\Z")


def marked(text: str) -> bool:
    """Return whether a text holds a character that marks begin with; a search for marks takes much longer."""
    return "<" in text or "[" in text or "◁" in text


def without_thoughts(reply: str, *, data: bool = False) -> tuple[str, bool]:
    """Return what the model says beside its reasoning, and whether the reply ended inside that.

    Blocks go wherever one begins a line or follows a sentence; so does all that stands before an end tag whose start was
    part of the prompt. A tag in code, in quotation marks or in the middle of a sentence is what the answer talks about, and
    stays. With ``data`` only what stands before a JSON object is looked at: inside it a tag is part of a text.
    """
    harmony = _HARMONY.search(reply) if "<" in reply else None
    if harmony and len(_FENCES.findall(reply, 0, harmony.start())) % 2 == 0:
        said = [text for name, text in _CHANNEL.findall(reply) if name.lower() == "final"]
        return (said[-1], False) if said else ("", True)
    if (bare := _BARE_HARMONY.match(reply)) is not None:
        return reply[bare.end() :], False
    if not marked(reply) or not (OPEN.search(reply) or CLOSE.search(reply)):
        return reply, False
    return _scan(reply, data)


def _scan(reply: str, data: bool) -> tuple[str, bool]:
    kept: list[str] = []
    position = start = mentioned = 0
    removed = False
    ended = len(reply.rstrip())
    unclosed: set[str] = set()
    json_at = _object(reply, 0) if data else len(reply)
    while (found := _LOOK.search(reply, position)) is not None and found.start() < json_at:
        position = found.end()
        if found["fence"] is not None:
            position = _past_fence(reply, found, unclosed)
        elif found["inline"] is not None:
            continue
        elif OPEN.fullmatch(found[0]):
            if not _begins(reply, found, start):
                mentioned += not _is_quoted(reply, found)
                continue
            closed = _end_of(reply, found)
            if closed is None:
                before = "".join([*kept, reply[start : found.start()]])
                # What came before is the answer, unless that is nothing: then all there was went into thinking.
                return before, not before.strip()
            kept.append(reply[start : found.start()])
            start = position = closed
            removed = True
        elif _is_quoted(reply, found):
            continue
        elif mentioned:
            mentioned -= 1
        elif _ends(reply, found, start):
            if removed and found.end() >= ended:
                kept.append(reply[start : found.start()])
            else:
                kept.clear()
            start, removed = found.end(), True
        if json_at < start:
            json_at = _object(reply, start)
    kept.append(reply[start:])
    text = "".join(kept)
    return (_MARKS.sub("", text) if removed else text), False


def _object(reply: str, start: int) -> int:
    found = _OBJECT.search(reply, start)
    # `^` also matches where the search starts only if a line starts there; after an end tag an object may follow at once.
    at_once = re.compile(r"\s*(?:\{|\[(?!/?THINK\]))", re.I).match(reply, start)
    return at_once.start() if at_once else found.start() if found else len(reply)


def _past_fence(reply: str, found: re.Match[str], unclosed: set[str]) -> int:
    fence = found["fence"]
    closing = re.compile(rf"^[ \t]*{re.escape(fence)}[ \t]*$", re.M)
    end = None if fence in unclosed else closing.search(reply, found.end())
    if end is None:
        # A fence that nothing closes hides nothing: reasoning is often cut inside code.
        unclosed.add(fence)
        return found.end()
    return end.end()


def _is_quoted(reply: str, found: re.Match[str]) -> bool:
    before, after = reply[max(found.start() - 1, 0) : found.start()], reply[found.end() : found.end() + 1]
    return bool(before) and before in _QUOTED and bool(after) and after in _QUOTED


def _line_before(reply: str, found: re.Match[str], start: int) -> str:
    return reply[max(start, found.start() - 200) : found.start()].rpartition("\n")[2]


def _begins(reply: str, found: re.Match[str], start: int) -> bool:
    """Whether an opening tag begins a block: at the start, at a line's start, or after the end of a sentence."""
    line = _line_before(reply, found, start)
    return not line.strip() or (line.rstrip() != line and line.rstrip()[-1] in _SENTENCE_END)


def _ends(reply: str, found: re.Match[str], start: int) -> bool:
    """Whether a lone end tag ends reasoning: at an edge of a line, right behind a word, or after a sentence."""
    line, after = _line_before(reply, found, start), reply[found.end() : found.end() + 1]
    if not line.strip() or after in ("", "\n", "\r"):
        return True
    return line.rstrip() == line or line.rstrip()[-1] in _SENTENCE_END


def _end_of(reply: str, opened: re.Match[str]) -> int | None:
    """Return where the block ends that ``opened`` begins: behind the first end tag of its kind that is not quoted."""
    quoted: list[int] = []
    kind = _kind(OPEN.fullmatch(opened[0]))
    for found in CLOSE.finditer(reply, opened.end()):
        if _kind(found) != kind:
            continue
        if not _is_quoted(reply, found):
            return found.end()
        quoted.append(found.end())
        if len(quoted) > 50:
            break
    return quoted[0] if quoted else None


def _kind(match: re.Match[str] | None) -> int | None:
    # <think> may be closed by </thinking>; [THINK] may not.
    return None if match is None else match.lastindex
