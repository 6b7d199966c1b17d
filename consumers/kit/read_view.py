"""Reads the view of the grant in this folder with confluent-kafka alone; prints a line a record.

python read_view.py [COUNT]    ends after COUNT records; without it, with Ctrl-C.
"""

import json
import sys
from pathlib import Path

from confluent_kafka import Consumer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroDeserializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main() -> None:
    """Read; at least once: the offset is committed after the line was printed."""
    text = Path(__file__).with_name("client.properties").read_text("utf-8")
    lines = [line for line in text.splitlines() if "=" in line and not line.startswith("#")]
    settings = dict(line.split("=", 1) for line in lines)
    topic = settings["sharebus.topic"]
    registry = SchemaRegistryClient({"url": settings["schema.registry.url"]})
    decode = AvroDeserializer(registry)
    context = SerializationContext(topic, MessageField.VALUE)
    ours = ("sasl.jaas.config", "schema.registry.url", "sharebus.grant", "sharebus.topic")
    config: dict[str, str | int | float | bool] = {
        name: value for name, value in settings.items() if name not in ours
    }
    consumer = Consumer({**config, "enable.auto.commit": False})
    consumer.subscribe([topic])
    left = int(sys.argv[1]) if len(sys.argv) > 1 else -1
    try:
        while left:
            message = consumer.poll(1)
            if message is None:
                continue
            if message.error():
                raise SystemExit(str(message.error()))
            key, value = message.key(), message.value()
            # A message without a value says that the key's row is no more.
            items = None if value is None else decode(value, context)
            line = {"key": (key or b"").decode(), "items": items}
            sys.stdout.write(json.dumps(line, ensure_ascii=False, default=str) + "\n")
            consumer.commit(message=message)
            left -= 1
    finally:
        consumer.close()


if __name__ == "__main__":
    main()
