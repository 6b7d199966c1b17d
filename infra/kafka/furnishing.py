"""Makes the broker hold what is desired; what is there already stays, so that it can be repeated.

Taking away is left to those who know the order in which it is safe.
"""

from __future__ import annotations

from collections.abc import Callable

from infra.kafka import access_control, topics
from infra.kafka.clients import Access
from infra.kafka.desired import Desired
from infra.kafka.quotas import NO_QUOTA, put_quota, quotas


def furnish(
    access: Access, desired: Desired, password: Callable[[str], str], brokers: int = 1
) -> None:
    """Create topics, users with their quotas, and permissions; each is shown when this returns.

    A user can do something only with its permissions, which come last: so its quota is in force
    before its first request.

    Args:
        access: of a principal that may do all this.
        desired: what has to be there.
        password: gives each principal's.
        brokers: of the cluster.

    Raises:
        InvalidInput: a topic exists with another partition count.
        Unavailable: the broker refused or did not answer; what was done stays done.
    """
    admin = access.admin()
    if desired.topics:
        topics.create(admin, desired.topics.values(), brokers=brokers)
    known = quotas(access) if desired.users else {}
    for principal, quota in desired.users.items():
        access_control.put_user(admin, principal, password(principal))
        if known.get(principal, NO_QUOTA) != quota:
            put_quota(access, principal, quota)
    access_control.grant(admin, desired.permissions)
