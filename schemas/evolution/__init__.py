"""May a schema follow the earlier versions of its subject? Pure, and safe on hostile schemas.

`judging` is the question and chooses the rules; `resolution` holds Avro's own (what FULL_TRANSITIVE
means), `change_events` the bus's, `findings` the closed list of reasons. `schema_tree` reads a
schema of any kind, other than a change event's, too.
"""

from schemas.evolution.findings import Direction, Finding, Reason, Verdict
from schemas.evolution.judging import Rules, judge, rules_of

__all__ = ["Direction", "Finding", "Reason", "Rules", "Verdict", "judge", "rules_of"]
