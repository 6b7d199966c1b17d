"""A real broker whose clients' listener speaks TLS, with a certificate authority of its own."""

from __future__ import annotations

import datetime
import ipaddress
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from infra.clock import system_clock
from infra.kafka import broker
from infra.kafka.clients import Access
from tests.integration.infra.running_broker import RunningBroker, new_settings

_DAY = datetime.timedelta(days=1)


@dataclass
class TlsBroker(RunningBroker):
    """One node that is reached by TLS only; its authority's certificate is in `authority`."""

    @property
    def authority(self) -> Path:
        """The certificate that clients have to trust."""
        return self.settings.directory / "authority.pem"

    @property
    def admin(self) -> Access:
        """The way in for the principal that may do everything."""
        connection = {
            "security.protocol": "SASL_SSL",
            "sasl.mechanism": "SCRAM-SHA-512",
            "ssl.ca.location": str(self.authority),
        }
        return Access(
            self.settings.bootstrap, broker.ADMIN, self.settings.admin_password, connection
        )

    def start(self) -> None:
        """Start the node and wait until it is ready."""
        broker.prepare(self.settings)
        store = self.settings.directory / "store.pem"
        _make_certificates(self.authority, store)
        file = self.settings.directory / "server.properties"
        text = file.read_text("utf-8").replace("CLIENT:SASL_PLAINTEXT", "CLIENT:SASL_SSL")
        files = {"keystore": store, "truststore": self.authority}
        stores = "".join(
            f"ssl.{kind}.type=PEM\nssl.{kind}.location={path}\n" for kind, path in files.items()
        )
        file.write_text(text + stores + self.further, "utf-8")
        self.process = subprocess.Popen(broker.command(self.settings))
        self.wait_ready(self.admin, self.settings.cluster_id)


@contextmanager
def running_tls_broker(directory: Path, further: str = "") -> Iterator[TlsBroker]:
    """Run a broker over a directory, and end it afterwards in any case."""
    running = TlsBroker(new_settings(directory), further)
    try:
        running.start()
        yield running
    finally:
        if hasattr(running, "process"):
            running.kill()


def _make_certificates(authority: Path, store: Path) -> None:
    signer, key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    issuer, subject = _name("a test's authority"), _name("a test's broker")
    root = (
        _certificate(issuer, issuer, signer, signer)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_for_signing(), critical=True)
    )
    own = (
        _certificate(subject, issuer, key, signer)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]),
            critical=False,
        )
    )
    authority.write_bytes(root.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    store.write_bytes(private + own.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM))
    store.chmod(0o600)


def _certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
) -> x509.CertificateBuilder:
    now = system_clock()
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - _DAY)
        .not_valid_after(now + _DAY)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.public_key()), critical=False
        )
    )


def _for_signing() -> x509.KeyUsage:
    may = ("key_cert_sign", "crl_sign")
    every = (
        "digital_signature",
        "content_commitment",
        "key_encipherment",
        "data_encipherment",
        "key_agreement",
        "key_cert_sign",
        "crl_sign",
        "encipher_only",
        "decipher_only",
    )
    return x509.KeyUsage(**{use: use in may for use in every})


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])
