"""Every fault over real HTTP, at 0, 10, 50 and 100%, alone and mixed: what recovers is exact, the rest is accounted for."""

from __future__ import annotations

import pytest

from persona_metrics.critic import Verdict
from persona_metrics.errors import PersonaError
from tests.critic.helpers import expected, judged, judgements, values
from tests.fakes.server import FAULTS, Server

SECRET = "sk-not-to-be-seen"
REASONS = {
    "429": "HTTP 429",
    "503": "HTTP 503",
    "500": "HTTP 500",
    "408": "HTTP 408",
    "drop": "connection failed",
    "hang": "no reply in time",
    "null": "empty reply",
    "empty": "empty reply",
    "garbage": "not one object of the schema",
    "truncated": "cut at the token limit",
    "refusal": "the critic refused",
}
ASKED = judgements(60)


def run(faults: dict[str, float], count: int = 60, attempts: int = 25) -> list[Verdict]:
    """Judge ``count`` answers against a server with these faults; nothing stops the run but its end."""
    timeout = 0.3 if "hang" in faults else 20
    with Server(faults=faults, retry_after="0.002", key=SECRET) as server:
        return judged(
            server,
            ASKED[:count],
            critic_api_key=SECRET,
            critic_attempts=attempts,
            critic_timeout=timeout,
            critic_concurrency=64,
            critic_max_failures=1,
        )


def test_every_fault_of_the_server_is_tested() -> None:
    assert set(REASONS) == set(FAULTS)


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5])
@pytest.mark.parametrize("fault", FAULTS)
def test_what_recovers_equals_the_run_without_faults(
    fault: str, rate: float, capfd: pytest.CaptureFixture[str]
) -> None:
    verdicts = run({fault: rate})
    once = fault in ("refusal", "truncated")  # a refusal is final, a cut reply gets one more chance
    missing = [i for i, v in enumerate(verdicts) if v.personalized is None]
    assert {verdicts[i].missing.partition(":")[0] for i in missing} <= {REASONS[fault]}  # type: ignore[union-attr]
    assert (len(missing) > 0) == (once and rate > 0.1) or fault == "refusal"
    assert all(v == e for v, e in zip(values(verdicts), expected(ASKED), strict=True) if v is not None)
    assert len(verdicts) == len(ASKED)
    printed = capfd.readouterr()
    assert SECRET not in printed.out + printed.err + repr(verdicts)
    if missing:
        assert f"{len(missing)} of 60 verdicts missing: {REASONS[fault]}" in printed.err
    else:
        assert "missing" not in printed.err


@pytest.mark.parametrize("fault", FAULTS)
def test_where_everything_fails_every_judgement_is_missing_with_its_reason(fault: str) -> None:
    verdicts = run({fault: 1.0}, count=10, attempts=2)
    assert [(v.personalized, (v.missing or "").partition(":")[0]) for v in verdicts] == [(None, REASONS[fault])] * 10


@pytest.mark.parametrize("fault", FAULTS)
def test_where_everything_fails_the_run_stops_after_twenty(fault: str) -> None:
    with pytest.raises(PersonaError, match=f"first 20 judgements all failed: {REASONS[fault]}") as caught:
        run({fault: 1.0}, attempts=1)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_all_faults_mixed_recover_too(rate: float) -> None:
    mixed = {fault: rate / (len(FAULTS) - 1) for fault in FAULTS if fault != "refusal"}
    assert values(run(mixed)) == expected(ASKED)


def test_all_faults_mixed_and_nothing_else_account_for_every_judgement() -> None:
    verdicts = run({fault: 1 / len(FAULTS) for fault in FAULTS}, attempts=2)
    assert len(verdicts) == 60
    assert all((v.personalized is None) and v.missing for v in verdicts)
    assert {(v.missing or "").partition(":")[0] for v in verdicts} <= set(REASONS.values())
