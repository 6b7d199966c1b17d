"""The peers, a process each. They import nothing of the bus but the two that say so."""
