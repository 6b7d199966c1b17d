"""Kafka: its jars, its Java, the broker at hand, and the clients that everybody shares."""
