"""Final results other than OK, raised by the handler of a command (TS 27.007 9.2, TS 27.005 3.2.5)."""

from __future__ import annotations

from collections.abc import Mapping

CME_WORDS: Mapping[int, str] = {
    3: "operation not allowed", 4: "operation not supported", 10: "SIM not inserted", 11: "SIM PIN required",
    12: "SIM PUK required", 13: "SIM failure", 14: "SIM busy", 16: "incorrect password", 20: "memory full",
    21: "invalid index", 30: "no network service", 50: "Incorrect parameters", 100: "unknown",
}  # fmt: skip
CMS_WORDS: Mapping[int, str] = {
    300: "ME failure", 301: "SMS service of ME reserved", 302: "operation not allowed",
    303: "operation not supported", 304: "invalid PDU mode parameter",
    305: "invalid text mode parameter", 310: "SIM not inserted", 311: "SIM PIN required", 314: "SIM busy",
    316: "SIM PUK required", 321: "invalid memory index", 322: "memory full", 330: "SMSC address unknown",
    331: "no network service", 332: "network timeout", 340: "no +CNMA acknowledgement expected", 500: "unknown error",
}  # fmt: skip


class Refused(Exception):
    """The command ends with ``ERROR`` or what this modem says in its place."""

    def line(self, cmee: int) -> str:
        """Give the final result line under a +CMEE setting."""
        del cmee
        return "ERROR"


class NotKnown(Refused):
    """There is no such command; some modems have words of their own for that."""


class CmeError(Refused):
    """``+CME ERROR: n``; hidden as ``ERROR`` while +CMEE is 0."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CME {code}")
        self.code = code

    def line(self, cmee: int) -> str:
        if cmee == 0:
            return "ERROR"
        return f"+CME ERROR: {CME_WORDS.get(self.code, self.code) if cmee == 2 else self.code}"


class CmsError(Refused):
    """``+CMS ERROR: n``; a number whatever +CMEE says, words where it is 2."""

    def __init__(self, code: int) -> None:
        super().__init__(f"CMS {code}")
        self.code = code

    def line(self, cmee: int) -> str:
        return f"+CMS ERROR: {CMS_WORDS.get(self.code, self.code) if cmee == 2 else self.code}"
