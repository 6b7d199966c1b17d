"""The broker at hand: real Kafka (KRaft, combined), one node or three, secured from the start.

Clients meet SCRAM-SHA-512 and the StandardAuthorizer; the controller's listener has PLAIN with a
secret of its own, because on an open one anybody adds ACLs. Everything listens on loopback only.
This file prepares the node's directory, says how to start it, and tells when it is ready;
starting, restarting and ending the process is left to `infra.processes`.
"""

from __future__ import annotations

import base64
import re
import shutil
import subprocess
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from infra.home import write_private
from infra.kafka import jars, java, topics
from schemas.errors import InvalidInput, Unavailable

ADMIN = "admin"
CONTROLLER = "controller"
_LOGGING = Path(__file__).with_name("broker.log4j2.xml")
_SECRET = re.compile(r"[A-Za-z0-9_-]{16,}")
_FORMAT_LIMIT_S = 120

# Few partitions: a node with 50 + 50 of them starts slower, and each is a file to recover.
_PROPERTIES = """\
process.roles=broker,controller
node.id={node}
controller.quorum.voters={voters}
log.dirs={data}

listeners=CLIENT://127.0.0.1:{client_port},CONTROLLER://127.0.0.1:{controller_port}
advertised.listeners=CLIENT://127.0.0.1:{client_port}
listener.security.protocol.map=CLIENT:SASL_PLAINTEXT,CONTROLLER:SASL_PLAINTEXT
inter.broker.listener.name=CLIENT
controller.listener.names=CONTROLLER
sasl.enabled.mechanisms=SCRAM-SHA-512
sasl.mechanism.inter.broker.protocol=SCRAM-SHA-512
sasl.mechanism.controller.protocol=PLAIN
listener.name.client.scram-sha-512.sasl.jaas.config={scram} username="{admin}" \
password="{admin_password}";
listener.name.controller.sasl.enabled.mechanisms=PLAIN
listener.name.controller.plain.sasl.jaas.config={plain} username="{controller}" \
password="{controller_password}" user_{controller}="{controller_password}";

authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer
allow.everyone.if.no.acl.found=false
super.users=User:{admin};User:{controller}

auto.create.topics.enable=false
unclean.leader.election.enable=false
default.replication.factor={replication}
min.insync.replicas={in_sync}
offsets.topic.num.partitions=8
offsets.topic.replication.factor={replication}
offsets.retention.minutes=527040
transaction.state.log.num.partitions=4
transaction.state.log.replication.factor={replication}
transaction.state.log.min.isr={in_sync}
share.coordinator.state.topic.num.partitions=1
share.coordinator.state.topic.replication.factor={replication}
share.coordinator.state.topic.min.isr={in_sync}

# Bounds a parked fetch, which outlives its principal's ACLs; so long the quota of a cut stays.
connections.max.idle.ms=10000
# A killed producer blocks the readers of its partitions until its transaction is timed out.
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
transaction.max.timeout.ms=60000
group.initial.rebalance.delay.ms=0
# After kill -9 the node can register again only when its former self has timed out: with the
# default of 9 s a restart took 15 s.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
# Of three nodes that all end, the last has no quorum left to ask, and waited 20 s to be killed.
controlled.shutdown.enable={controlled}

# The default of 128 MB is a quarter of this node's heap.
log.cleaner.dedupe.buffer.size=33554432
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class BrokerSettings:
    """What one node needs to know; the same settings give the same node again.

    Args:
        directory: everything of the node lies under it; made with mode 0700.
        client_port: where clients connect on 127.0.0.1.
        controller_ports: where the nodes' controllers talk to each other on 127.0.0.1, of every
            node in the order of their ids.
        node: which of them this is, from 1.
        admin_password: of the principal `admin`, which may do everything; 16 or more of
            `A-Za-z0-9_-`. It is fixed when the storage is formatted.
        controller_password: of the controller's listener; the same alphabet.
        cluster_id: from `new_cluster_id`.
        heap_mb: the Java heap, in MiB.
        jars: the directory of Kafka's jars.
        java: the executable.
    """

    directory: Path
    client_port: int
    controller_ports: tuple[int, ...]
    node: int = 1
    admin_password: str = field(repr=False)
    controller_password: str = field(repr=False)
    cluster_id: str
    heap_mb: int = 512
    jars: Path
    java: Path

    @property
    def bootstrap(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.client_port}"

    @property
    def data(self) -> Path:
        """Kafka's own storage."""
        return self.directory / "data"

    @property
    def log(self) -> Path:
        """The log to look into when the node doesn't come up."""
        return self.directory / "logs" / "server.log"

    @property
    def argument_file(self) -> Path:
        """The Java `@file` that `prepare` writes and `command` names."""
        return self.directory / "java.args"


def process_name(node: int, nodes: int) -> str:
    """Return the name of a node's process."""
    return f"broker-{node}" if nodes > 1 else "broker"


def new_cluster_id() -> str:
    """Give a random cluster id in Kafka's format: 22 characters that don't start with a dash."""
    while True:
        text = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # Kafka's tools would take a leading dash for an option.
        if not text.startswith("-"):
            return text


def prepare(settings: BrokerSettings, progress: jars.Progress | None = None) -> None:
    """Check the jars, write the node's configuration, and format its storage once.

    To be called before every start. A jar that is missing or wrong is fetched again. Formatting
    happens beside the final place and is renamed into it, so that a start that was killed half-way
    leaves nothing half-formatted. Files with secrets have mode 0600 in a directory of mode 0700.

    Args:
        settings: of the node.
        progress: told about jars that are fetched.

    Raises:
        DownloadFailed: a jar is missing or wrong, and could not be fetched.
        InvalidInput: a secret or the directory's name has characters that Kafka's configuration
            can't carry, or the storage belongs to another cluster.
        Unavailable: the directory can't be written, or Kafka's tool could not format the storage.
    """
    _check(settings)
    formatted = _is_formatted(settings)
    class_path = jars.fetch(settings.jars, progress)
    try:
        settings.directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        settings.directory.chmod(0o700)
        settings.log.parent.mkdir(exist_ok=True)
    except OSError as error:
        raise Unavailable(
            f"the broker's directory can't be written: {error.strerror}",
            where=str(settings.directory),
            remedy="Make it writable, or set SHAREBUS_HOME to a directory that is",
        ) from error
    properties = settings.directory / "server.properties"
    write_private(properties, _properties(settings, settings.data))
    _write_arguments(settings, settings.argument_file, class_path, "kafka.Kafka", str(properties))
    if not formatted:
        _format(settings, class_path)


def command(settings: BrokerSettings) -> list[str]:
    """Give the argument list that runs the prepared node; no secret is in it.

    Meant for `os.execv`, so that the process id is Java's own. SIGTERM ends it in an orderly way,
    with exit status 143.
    """
    return java.from_argument_file(settings.java, settings.argument_file)


def _check(settings: BrokerSettings) -> None:
    if not all(map(_SECRET.fullmatch, (settings.admin_password, settings.controller_password))):
        raise InvalidInput("the broker's secrets must be 16 or more characters of A-Za-z0-9_-")
    if "," in str(settings.directory) or ":" in str(settings.jars):
        raise InvalidInput(
            "Kafka can't keep its data under a path with a comma, nor its jars under one with a "
            "colon",
            where=f"{settings.directory} and {settings.jars}",
            remedy="Choose other directories with SHAREBUS_HOME and SHAREBUS_JARS",
        )


def _properties(settings: BrokerSettings, data: Path) -> str:
    module = "org.apache.kafka.common.security"
    return _PROPERTIES.format(
        data=_escaped(data),
        client_port=settings.client_port,
        controller_port=settings.controller_ports[settings.node - 1],
        node=settings.node,
        voters=",".join(
            f"{node}@127.0.0.1:{port}" for node, port in enumerate(settings.controller_ports, 1)
        ),
        controlled=str(len(settings.controller_ports) == 1).lower(),
        replication=topics.replication_of(len(settings.controller_ports)),
        in_sync=topics.in_sync_of(len(settings.controller_ports)),
        admin=ADMIN,
        controller=CONTROLLER,
        admin_password=settings.admin_password,
        controller_password=settings.controller_password,
        scram=f"{module}.scram.ScramLoginModule required",
        plain=f"{module}.plain.PlainLoginModule required",
    )


def _escaped(path: Path) -> str:
    # Java reads a properties file as Latin-1; the rest goes in as UTF-16 units, \uXXXX.
    def units(character: re.Match[str]) -> str:
        return re.sub("(....)", r"\\u\1", character[0].encode("utf-16-be").hex())

    return re.sub(r"[^ -\[\]-~]", units, str(path))


def _write_arguments(
    settings: BrokerSettings, file: Path, class_path: Sequence[Path], *program: str
) -> None:
    java.write_argument_file(
        file,
        [
            *java.options(settings.java, settings.heap_mb, _LOGGING),
            f"-Dsharebus.logs={settings.log.parent}",
            "-XX:+ExitOnOutOfMemoryError",
            f"-XX:ErrorFile={settings.log.parent}/java-crash.%p.log",
            *java.on_class_path(class_path),
            *program,
        ],
    )


def _is_formatted(settings: BrokerSettings) -> bool:
    meta = settings.data / "meta.properties"
    if not meta.is_file():
        return False
    if f"cluster.id={settings.cluster_id}" not in meta.read_text(encoding="utf-8").splitlines():
        raise InvalidInput(
            "the broker's storage belongs to another cluster than this bus",
            where=str(settings.data),
            remedy="Give the bus the home it was made with, or move that directory away",
        )
    return True


def _format(settings: BrokerSettings, class_path: Sequence[Path]) -> None:
    fresh = settings.directory / "data.unfinished"
    shutil.rmtree(fresh, ignore_errors=True)
    properties = settings.directory / "format.properties"
    arguments = settings.directory / "format.args"
    write_private(properties, _properties(settings, fresh))
    # The whole command line is in the file, because it holds the password.
    scram = f"SCRAM-SHA-512=[name={ADMIN},password={settings.admin_password}]"
    program = ("kafka.tools.StorageTool", "format", "--config", str(properties))
    options = ("--cluster-id", settings.cluster_id, "--add-scram", scram)
    _write_arguments(settings, arguments, class_path, *program, *options)
    try:
        # It prints the SCRAM keys, so that its output is for nobody.
        status = subprocess.run(
            java.from_argument_file(settings.java, arguments),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=_FORMAT_LIMIT_S,
            check=False,
        ).returncode
        if status == 0:
            fresh.replace(settings.data)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise _unformatted(settings, type(error).__name__) from error
    finally:
        arguments.unlink(missing_ok=True)
        properties.unlink(missing_ok=True)
    if status != 0:
        raise _unformatted(settings, f"exit status {status}")


def _unformatted(settings: BrokerSettings, reason: str) -> Unavailable:
    return Unavailable(
        f"Kafka's storage could not be formatted: {reason}",
        where=str(settings.log),
        remedy=f"Check the free disk space and that `{settings.java} -version` runs, then start "
        "the bus again",
    )
