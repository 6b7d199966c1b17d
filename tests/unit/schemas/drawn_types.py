"""More types than `drawn_plain` draws: recursive ones, and every other logical type."""

from __future__ import annotations

import uuid
from typing import Any

from schemas.policy.avro_types import bytes_needed
from schemas.policy.decoding import varint
from tests.unit.schemas.drawn_plain import Drawing, text

AGAIN = "again"
"""The field in which a recursive record holds itself."""


class WideDrawing(Drawing):
    """Draws schemas of every type, and the bytes of their values."""

    deep = 0

    def _type(self, depth: int) -> Any:
        chance = self.rng.random()
        if chance < 0.6 or (chance < 0.75 and not depth):
            return super()._type(depth)
        if chance < 0.75:
            return self._around(self._record(depth))
        logical = [
            {"type": "string", "logicalType": "uuid"},
            {"type": "string", "logicalType": "unheard-of"},
            {"type": "long", "logicalType": "local-timestamp-millis"},
            {"type": "long", "logicalType": "local-timestamp-micros"},
            {"type": "long", "logicalType": "time-micros"},
            {"type": "bytes", "logicalType": "decimal", "precision": 19, "scale": 3},
            {"type": "bytes", "logicalType": "decimal", "precision": 200},
        ]
        drawn = self.rng.randrange(len(logical) + (3 if depth else 2))
        if drawn < len(logical):
            return logical[drawn]
        if drawn < len(logical) + 2:
            return self._fixed_decimal()
        return self._recursive(depth)

    def _record(self, depth: int) -> dict[str, Any]:
        """Draw a record with something in it."""
        count = self.rng.randrange(1, 5)
        fields = [{"name": f"f{i}", "type": self._type(depth - 1)} for i in range(count)]
        made = {"type": "record", "name": f"Named{len(self.named)}", "fields": fields}
        self.named.append(made)
        return made

    def _around(self, record: dict[str, Any]) -> Any:
        """Draw what a record lies in."""
        return self.rng.choice(
            [
                record,
                ["null", record],
                {"type": "array", "items": record},
                {"type": "map", "values": ["null", record]},
            ]
        )

    def _union(self, depth: int) -> list[Any]:
        """Never an int beside a long: nobody who reads the value could tell which it was."""
        union = super()._union(depth)
        kinds = [it if isinstance(it, str) else it["type"] for it in union]
        return [
            it
            for it, kind in zip(union, kinds, strict=True)
            if kind != "long" or "int" not in kinds
        ]

    def _fixed_decimal(self) -> dict[str, Any]:
        precision, size = self.rng.choice([(1, 1), (4, 2), (18, 9), (38, 16)])
        made = {"type": "fixed", "name": f"Named{len(self.named)}", "size": size}
        made |= {"logicalType": "decimal", "precision": precision, "scale": precision // 3}
        self.named.append(made)
        return made

    def _recursive(self, depth: int) -> dict[str, Any]:
        fields = [
            {"name": f"f{i}", "type": self._type(depth - 1)} for i in range(self.rng.randrange(3))
        ]
        name = f"Named{len(self.named)}"
        inner = self.rng.choice(
            [["null", name], {"type": "array", "items": name}, {"type": "map", "values": name}]
        )
        fields.insert(self.rng.randrange(len(fields) + 1), {"name": AGAIN, "type": inner})
        made = {"type": "record", "name": name, "fields": fields}
        self.named.append(made)
        return made

    def _value(self, avro: Any, mark: str) -> bytes:
        if isinstance(avro, str):
            avro = {made["name"]: made for made in self.named}.get(avro, avro)
        if isinstance(avro, dict):
            logical = avro.get("logicalType", "")
            if logical == "uuid":
                return self._uuid()
            if (avro["type"], logical) == ("fixed", "decimal"):
                return self._digits(avro["precision"]).to_bytes(avro["size"], "big", signed=True)
            if avro["type"] == "record" and any(it["name"] == AGAIN for it in avro["fields"]):
                return self._node(avro, mark)
        return super()._value(avro, mark)

    def _node(self, avro: dict[str, Any], mark: str) -> bytes:
        self.deep += 1
        # An end is the same byte for a union's null, an array and a map.
        out = b"".join(
            b"\0"
            if field["name"] == AGAIN and self.deep > self.rng.randrange(4)
            else self._value(field["type"], mark)
            for field in avro["fields"]
        )
        self.deep -= 1
        return out

    def _uuid(self) -> bytes:
        written = str(uuid.UUID(int=self.rng.getrandbits(128)))
        if self._slips():
            written = self.rng.choice(["", written[1:], f"{{{written}}}", written.replace("-", "")])
        return text(self.rng.choice([written, written.upper()]))

    def _decimal(self, precision: int) -> bytes:
        if precision <= 18:
            return super()._decimal(precision)
        digits = self._digits(precision)
        most = bytes_needed(10**precision - 1)
        size = self.rng.randrange(bytes_needed(digits), most + 1) + self._slips() * most
        return varint(size) + digits.to_bytes(size, "big", signed=True)

    def _digits(self, precision: int) -> int:
        most: int = 10**precision - 1
        digits = self.rng.choice([0, 1, -1, most, -most, self.rng.randint(-most, most)])
        return digits + 1 if self._slips() else digits
