"""Starts, restarts and stops argument lists; `notify` is how a process says that it is ready."""
