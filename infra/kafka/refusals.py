"""Whether a broker refused a credential, or a connection only broke while it logged in.

librdkafka calls both `_AUTHENTICATION`: a broker that is killed after SaslHandshake was sent
("... mechanism handshake failed: Local: Broker transport failure"), and one that says no
("SASL authentication error: Authentication failed during authentication ..."). Whoever takes the
first for the second tells a subscriber that its grant has ended when a broker restarts.
"""

from __future__ import annotations

from typing import Final

from confluent_kafka import KafkaError

_OF_THE_CLIENT: Final = "Local: "
"""How librdkafka begins the texts of the errors that no broker said."""


def is_refusal(error: KafkaError) -> bool:
    """Tell whether a broker did not take the credential.

    Args:
        error: as `error_cb` was given it. That of a failed request does not say what its
            connection failed of, and is no refusal here.
    """
    return error.code() == KafkaError._AUTHENTICATION and _OF_THE_CLIENT not in error.str()
