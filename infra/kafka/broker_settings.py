"""What the brokers of a cluster are set to, each asked for itself."""

from __future__ import annotations

from typing import Final

from confluent_kafka.admin import ConfigResource, ResourceType

from infra.kafka.clients import Access, translated

CALL_TIMEOUT_S: Final = 30.0


def set_at(access: Access, name: str) -> dict[str, str]:
    """Return what a setting is at each broker, by the broker's id.

    A broker that does not tell, as some hosted ones, is left out.

    Args:
        access: needs DESCRIBE_CONFIGS on the cluster.
        name: such as `connections.max.idle.ms`.

    Raises:
        Unavailable: a broker did not answer, or does not let the principal ask.
    """
    admin = access.admin()
    found = {}
    with translated(f"a broker did not say what {name} is"):
        for node in admin.list_topics(timeout=CALL_TIMEOUT_S).brokers:
            resource = ConfigResource(ResourceType.BROKER, str(node))
            told = admin.describe_configs([resource])[resource].result(CALL_TIMEOUT_S).get(name)
            if told is not None and told.value is not None:
                found[str(node)] = str(told.value)
    return found
