"""Inspection: looks at what was accepted and finds what should not be (confluent-kafka)."""
