"""What was granted holds when the call returns, at a broker that takes its time to show it."""

from __future__ import annotations

from concurrent.futures import Future
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AclBinding, AclBindingFilter, AdminClient

from infra.kafka import access_control
from infra.kafka.access_control import grant, of_department, of_grant, put_user
from schemas.errors import Unavailable

PERMISSIONS = [*of_department("health"), *of_grant("g1", "view.a.b.0123456789abcdef")]


class Slow:
    """The part of an admin client that is used; shows one thing more each time that it is asked."""

    def __init__(self, hides: int = 0) -> None:
        self.asked = 0
        self._hides = hides
        self._acls: list[AclBinding] = []

    def create_acls(self, bindings: list[AclBinding]) -> dict[AclBinding, Future[None]]:
        """Take ACLs."""
        self._acls = bindings
        return {binding: _done(None) for binding in bindings}

    def describe_acls(self, which: AclBindingFilter) -> Future[list[AclBinding]]:
        """Show what is visible by now of a principal's ACLs."""
        self.asked += 1
        self._hides -= 1
        visible = self._acls[: len(self._acls) - max(self._hides, 0)]
        return _done([acl for acl in visible if acl.principal == which.principal])

    def alter_user_scram_credentials(self, _: object) -> dict[str, Future[None]]:
        """Take a user."""
        return {"grant.g1": _done(None)}

    def describe_user_scram_credentials(self, users: list[str]) -> dict[str, Future[None]]:
        """Show a user, when it is time."""
        self.asked += 1
        self._hides -= 1
        answer: Future[None] = _done(None)
        if self._hides >= 0:
            answer = Future()
            answer.set_exception(KafkaException(KafkaError(KafkaError.RESOURCE_NOT_FOUND)))
        return dict.fromkeys(users, answer)


def _done(result: Any) -> Future[Any]:
    future: Future[Any] = Future()
    future.set_result(result)
    return future


def shown(slow: Slow) -> AdminClient:
    """Return it as what it stands for."""
    return cast(AdminClient, slow)


def test_a_grant_waits_until_every_permission_shows() -> None:
    """A report says that a subscriber may read; by then it must be true."""
    slow = Slow(hides=len(PERMISSIONS))
    grant(shown(slow), PERMISSIONS)
    seen = {
        acl
        for principal in ("department.health", "grant.g1")
        for acl in access_control.permissions_of(shown(slow), principal)
    }
    assert slow.asked > len(PERMISSIONS)
    assert seen == {permission.binding() for permission in PERMISSIONS}


def test_a_user_is_there_when_the_call_returns() -> None:
    """Whoever gets a credential can log in with it."""
    slow = Slow(hides=3)
    put_user(shown(slow), "grant.g1", "a-password-of-a-grant")
    assert slow.asked == 4


def test_a_broker_that_shows_it_at_once_is_asked_once() -> None:
    """The wait costs one question where there is nothing to wait for."""
    granting, putting = Slow(), Slow()
    grant(shown(granting), of_department("health"))
    put_user(shown(putting), "grant.g1", "a-password-of-a-grant")
    assert (granting.asked, putting.asked) == (1, 1)


def test_a_permission_that_never_shows_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for ever, and who failed to appear is named."""
    monkeypatch.setattr(access_control, "CALL_TIMEOUT_S", 0.1)
    with pytest.raises(Unavailable, match=r"ACLs of department\.health"):
        grant(shown(Slow(hides=10**6)), of_department("health"))
