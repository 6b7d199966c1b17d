"""Reads the view of the grant in this folder with confluent-kafka alone; prints a line a record.

python read_view.py             goes on where this grant's group stands; ends with Ctrl-C
python read_view.py 100         ends after 100 records
python read_view.py --group X   in another group, which begins at the start when it is new
"""

import argparse
import json
import sys
from pathlib import Path

from confluent_kafka import Consumer, KafkaError
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext

NOT_LIBRDKAFKA = ("sasl.jaas.config", "ssl.truststore.type", "ssl.truststore.location",
                  "schema.registry.url", "basic.auth.credentials.source", "basic.auth.user.info",
                  "sharebus.grant", "sharebus.topic")  # fmt: skip
REFUSED = {KafkaError._AUTHENTICATION, KafkaError.TOPIC_AUTHORIZATION_FAILED,
           KafkaError.GROUP_AUTHORIZATION_FAILED}  # fmt: skip


def is_refusal(error: KafkaError) -> bool:
    """Tell whether the broker says no; a connection that broke at login has the same code."""
    return error.code() in REFUSED and "Local: " not in error.str()


def main() -> None:
    """Read; at least once: the offset is committed after the line was printed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", nargs="?", type=int, default=-1)
    parser.add_argument("--group", default="default")
    given = parser.parse_args()
    folder = Path(__file__).parent
    text = (folder / "client.properties").read_text("utf-8")
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)
    topic = settings["sharebus.topic"]
    group = f"grant-{settings['sharebus.grant']}.{given.group}"
    registry = {"url": settings["schema.registry.url"]}
    if "basic.auth.user.info" in settings:
        registry["basic.auth.user.info"] = settings["basic.auth.user.info"]
    decode = AvroDeserializer(SchemaRegistryClient(registry))
    context = SerializationContext(topic, MessageField.VALUE)
    config = {name: value for name, value in settings.items() if name not in NOT_LIBRDKAFKA}
    authority = folder / settings.get("ssl.ca.location", "")
    if authority.is_file():  # named relatively, it lies beside this program
        config["ssl.ca.location"] = str(authority)
    refusals: list[KafkaError] = []
    told: set[int] = set()

    def on_error(error: KafkaError) -> None:
        if is_refusal(error):
            refusals.append(error)
        elif not refusals and error.code() not in told:
            told.add(error.code())
            sys.stderr.write(f"tries again: {error}\n")

    consumer = Consumer(
        {
            **config,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "log_level": 0,
            "error_cb": on_error,
        }
    )
    consumer.subscribe([topic])
    left, ended, waits = given.count, set[int | None](), False
    try:
        while left:
            message = consumer.poll(1)
            if refusals:
                raise SystemExit("The broker refuses the credential: the grant ended, or a newer "
                                 "client.properties was handed over.")  # fmt: skip
            if message is None:
                continue
            error = message.error()
            if error and error.code() == KafkaError._PARTITION_EOF:
                ended.add(message.partition())
                at_end = len(ended) == len(consumer.assignment())
                if at_end and left == given.count and not waits:
                    waits = True
                    sys.stderr.write(f"{group} has read all there is, and waits for more; "
                                     "to read from the start: --group NAME\n")  # fmt: skip
                continue
            if error:
                raise SystemExit(str(error))
            key, value = message.key(), message.value()
            # A message without a value says that the key's row is no more.
            items = None if value is None else decode(value, context)
            line = {"key": (key or b"").decode(), "items": items}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            consumer.commit(message=message)
            left -= 1
    except KeyboardInterrupt:
        pass
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
