"""Subscriber side and readers: subscription, delivery methods, usage."""
