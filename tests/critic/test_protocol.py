"""A protocol is a value: another one is judged, kept, batched and read back by code that has never heard of it."""

from __future__ import annotations

import copy
import json
import pickle
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from aiohttp import web

from persona_metrics.critic import Missing, Protocol, Reason, Verdict, judge
from persona_metrics.critic.protocol import Messages, Opinion, register
from persona_metrics.critic.store import Store
from persona_metrics.critic.tally import Tally
from persona_metrics.errors import PersonaError
from persona_metrics.scoring import batchfile
from tests.critic.helpers import expected, judged, judgements, pointing_at, values
from tests.fakes.server import Server

OLD = Path(__file__).parents[1] / "data" / "store_0_1.sqlite"
"""Twelve judgements with three votes each, written by version 0.1 against a host that does not exist."""


def test_a_store_of_the_first_version_is_read_and_nothing_in_it_is_asked_again(tmp_path: Path) -> None:
    store = tmp_path / "s.sqlite"
    shutil.copy(OLD, store)
    with Server() as server:
        chosen = pointing_at(
            server, critic_base_url="http://critic.invalid/v1", critic_votes=3, critic_store=str(store)
        )
        asked = [replace(judgement, template=1) for judgement in judgements(12)]
        verdicts = judge(asked, chosen, progress=False)
    assert values(verdicts) == expected(asked)
    assert all(vote.stored and vote.opinion is not None for verdict in verdicts for vote in verdict.votes)
    with Store(str(store)) as kept:
        assert [row["verdicts"] for row in kept.stats()] == [36]


@dataclass(frozen=True)
class Colour:
    """One word of a critic."""

    colour: str
    why: str

    @property
    def outcome(self) -> str:
        """The word."""
        return self.colour


def _parse(reply: str) -> Opinion | None:
    try:
        data = json.loads(reply)
    except ValueError:
        return None
    return Colour(**data) if isinstance(data, dict) and set(data) == {"colour", "why"} else None


@dataclass(frozen=True)
class Painted:
    """A judgement that has no answer and no persona."""

    question: str

    @property
    def protocol(self) -> Protocol:
        """Colours."""
        return COLOURS

    def messages(self) -> Messages:
        """Return one question."""
        return [{"role": "system", "content": "Name a colour."}, {"role": "user", "content": self.question}]


COLOURS = register(
    Protocol(
        name="colours",
        template="critic/debate.jinja",
        schema={
            "type": "object",
            "properties": {"colour": {"type": "string", "enum": ["red", "blue"]}, "why": {"type": "string"}},
            "required": ["colour", "why"],
            "additionalProperties": False,
        },
        parse=_parse,
        restore=Colour,
        outcome_field="colour",
        sections=(("why", "Why"),),
        probe=lambda: Painted("probe"),
    )
)


class Painter(Server):
    """Says red to even questions, blue to others, green to nobody."""

    async def _answer(self, request: web.Request, body: dict[str, object]) -> web.StreamResponse:
        self.log.append((request.path, body, dict(request.headers)))
        said = str(body["messages"][-1]["content"])  # type: ignore[index]
        colour = "red" if int(said) % 2 == 0 else "blue"
        if said == "7":
            colour = ["red", "blue"][int(str(body["seed"])) % 2]
        text = json.dumps({"colour": colour, "why": "because"})
        return web.json_response({"choices": [{"message": {"content": text}, "finish_reason": "stop"}]})


def test_another_protocol_is_judged_kept_and_read_back() -> None:
    asked = [Painted(str(i)) for i in range(8)]
    with Painter() as server:
        verdicts = judge(asked, pointing_at(server, critic_votes=2), progress=False)
        calls = len(server.log)
        again = judge(asked, pointing_at(server, critic_votes=2), progress=False)
        assert len(server.log) == calls == 16
    assert [v.outcome for v in verdicts] == [v.outcome for v in again] == [*["red", "blue"] * 3, "red", None]
    assert verdicts[-1].missing == "tie"
    assert [v.personalized for v in verdicts] == [None] * 8
    sent = server.log[0][1]["response_format"]["json_schema"]
    assert (sent["name"], sent["schema"]) == ("colours", COLOURS.schema)
    data = json.loads(json.dumps(verdicts[0].to_dict()))
    assert (data["protocol"], data["colour"]) == ("colours", "red")
    assert data["votes"][0]["colours"] == {"colour": "red", "why": "because"}
    assert Verdict.from_dict(data) == verdicts[0]
    assert [Verdict.from_dict(v.to_dict()) for v in verdicts] == verdicts


def test_another_protocol_goes_through_batch_files(tmp_path: Path) -> None:
    asked = [Painted(str(i)) for i in range(4)]
    with Server() as server:
        chosen = pointing_at(server)
    votes = batchfile.wanted(asked, chosen)
    with Store(chosen.critic_store) as store:
        [path] = batchfile.write(tmp_path / "r.jsonl", votes, chosen, batchfile.Dialects(chosen))
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        message = {"content": json.dumps({"colour": "blue", "why": "x"})}
        done = [
            {
                "custom_id": row["custom_id"],
                "response": {"status_code": 200, "body": {"choices": [{"message": message}]}},
            }
            for row in rows
        ]
        (tmp_path / "d.jsonl").write_text("\n".join(map(json.dumps, done)))
        found = batchfile.collect([tmp_path / "d.jsonl"], votes, chosen, store, batchfile.Dialects(chosen))
        assert (found.stored, found.reasons) == (4, {})
        assert [v.outcome for v in batchfile.offline(chosen, store, {})(asked)] == ["blue"] * 4


def test_a_protocol_that_this_version_lacks_is_one_line() -> None:
    with pytest.raises(PersonaError, match="protocol 'duel'"):
        Verdict.from_dict({"protocol": "duel", "votes": []})


def test_samples_of_a_debate_keep_their_shape() -> None:
    with Server() as server:
        [verdict] = judged(server, judgements(1))
    data = verdict.to_dict()
    assert list(data) == ["personalized", "missing", "agreement", "votes"]
    assert list(data["votes"][0]) == [
        "critic",
        "endpoint",
        "number",
        "debate",
        "missing",
        "attempts",
        "prompt_tokens",
        "completion_tokens",
        "latency",
        "served_model",
        "stored",
    ]


# -- reasons -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "text", "kind"),
    [
        (Missing(Reason.HTTP, "slow down", "429"), "HTTP 429: slow down", "HTTP 429"),
        (Missing(Reason.EMPTY), "empty reply", "empty reply"),
        (Missing(Reason.REFUSED, "no: never"), "the critic refused: no: never", "the critic refused"),
        (Missing(Reason.ERROR, "try later", "server_error"), "server_error: try later", "server_error"),
        (Missing(Reason.ERROR, "try later"), "error: try later", "error"),
        (Missing(Reason.QUOTA, "spent", "429"), "HTTP 429: spent", "HTTP 429"),
    ],
)
def test_a_reason_reads_as_it_always_did_and_survives_as_plain_data(missing: Missing, text: str, kind: str) -> None:
    assert (missing, missing.kind) == (text, kind)
    assert Missing.read(text) == missing
    for same in (copy.deepcopy(missing), pickle.loads(pickle.dumps(missing)), copy.copy(missing)):
        assert (same, same.reason, same.detail, same.code) == (missing, missing.reason, missing.detail, missing.code)


def test_a_detail_with_colons_does_not_become_a_reason_of_its_own() -> None:
    tally = Tally(9, 1.0)
    for detail in ("a: b", "c: d, question 'x'"):
        tally.add(judgements(1)[0], Verdict(None, Missing(Reason.REFUSED, detail), None, ()))
    assert tally.reasons == {"the critic refused": 2}
    assert tally.lines() == [
        "2 of 9 verdicts missing: the critic refused (for example: a: b, question 'What about 0?')"
    ]
