"""TLS for the clients that are not librdkafka, from librdkafka's own property names."""

from __future__ import annotations

import ssl

from infra.kafka.clients import Access
from schemas.errors import InvalidInput


def tls_context(access: Access) -> ssl.SSLContext | None:
    """Return the TLS settings of a principal's way to the broker; None where there is no TLS.

    Raises:
        InvalidInput: a file of a certificate or key can't be used.
    """
    settings = access.connection
    if not settings["security.protocol"].upper().endswith("SSL"):
        return None
    try:
        context = ssl.create_default_context(
            cafile=settings.get("ssl.ca.location"), cadata=settings.get("ssl.ca.pem")
        )
        certificate = settings.get("ssl.certificate.location")
        if certificate:
            context.load_cert_chain(
                certificate, settings.get("ssl.key.location"), settings.get("ssl.key.password")
            )
    except OSError as error:  # SSLError is one
        raise InvalidInput(
            f"the TLS files of the Kafka properties can't be used: {type(error).__name__}",
            where=str(settings.get("ssl.ca.location", "")),
            remedy="Check ssl.ca.location, ssl.certificate.location and ssl.key.location",
        ) from error
    if settings.get("ssl.endpoint.identification.algorithm") == "none":
        context.check_hostname = False
    if settings.get("enable.ssl.certificate.verification") == "false":
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
