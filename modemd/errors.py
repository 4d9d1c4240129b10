"""Every exception modemd raises on purpose, in one tree.

    ModemdError                     what went wrong, and the cure
    ├── UsageError                  the operator or the caller asked for something that cannot be (exit 2, HTTP 4xx)
    │   ├── InvalidField            one field of the input is wrong: which, why, cure
    │   ├── NotFound                no such thing (for this account)
    │   ├── Conflict                it exists, but not in a state that allows this
    │   ├── Unauthorised            no valid credential
    │   ├── Forbidden               a valid credential that may not do this
    │   ├── PaymentRequired         the allowance is used up
    │   ├── UnsupportedMedia        a body in another format than the call reads
    │   └── TooMany                 too often, or too much at once; later it can be
    ├── ConfigError                 the configuration file or an environment variable is wrong
    ├── DaemonError                 the daemon cannot start, or is not there
    │   ├── NotRunning              nobody listens on the control socket (exit 3)
    │   └── AlreadyRunning          another daemon holds the state directory
    ├── StorageError                the database refused; nothing was written
    │   ├── StorageFull             the disk is full
    │   ├── NotADatabase            the file is something else
    │   ├── StorageBusy             somebody else holds the write lock for too long
    │   ├── StorageUnwritable       the file, its directory or the server does not let us write
    │   ├── StorageUnreachable      the PostgreSQL server does not answer
    │   ├── ReadTooLong             a read was ended because it would have held its snapshot for too long
    │   ├── ConstraintFailed        a constraint of the schema refused a row
    │   └── SchemaError             the schema is newer than this modemd, or a migration failed
    ├── VaultError                  sealed data, or the keys to it
    │   ├── KeyStoreError           the key store is missing, damaged, or cannot be written
    │   └── Unreadable              one sealed value cannot be opened: its key is gone, or it was altered
    ├── AtError                     one command was answered with an error
    │   ├── CommandFailed           a final result code other than OK
    │   ├── CommandTimeout          no final result code before the deadline
    │   ├── PortLost                the port went away, or was closed
    │   ├── ModemLost               the modem restarted, hangs, or is out of step
    │   └── Unsent                  a message met an error before its Ctrl-Z: nothing was sent
    ├── PortUnusable                a port cannot be opened: missing, held by a program, no permission
    ├── BringUpError                a named step of a modem's bring-up failed
    └── PduError                    octets that are no valid TPDU, or a value that no TPDU can carry

No message of these exceptions carries a number, a text, an e-mail, a password or a key.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from modemd.values import Outcome


class ModemdError(Exception):
    """Something went wrong that a person can do something about.

    ``code`` is stable and machine-readable, ``cure`` says what to do next; neither holds personal data.
    """

    code = "error"

    def __init__(self, detail: str, *, cure: str = "", code: str | None = None) -> None:
        super().__init__(detail)
        self.detail = detail
        self.cure = cure
        if code is not None:
            self.code = code

    def __str__(self) -> str:
        return f"{self.detail}: {self.cure}" if self.cure else self.detail


class UsageError(ModemdError):
    """What was asked for cannot be."""

    code = "usage"


class InvalidField(UsageError):
    """One field of the input is wrong; ``field`` names it as the caller spelled it."""

    code = "invalid_field"

    def __init__(self, field: str, detail: str, *, cure: str = "", code: str | None = None) -> None:
        super().__init__(detail, cure=cure, code=code)
        self.field = field


class NotFound(UsageError):
    """There is no such thing, or not for this account."""

    code = "not_found"


class Conflict(UsageError):
    """The thing exists, but not in a state that allows this."""

    code = "conflict"


class Unauthorised(UsageError):
    """No valid credential was given; if it was not looked at, it can be tried again after ``retry_after`` seconds."""

    code = "unauthorised"

    def __init__(
        self, detail: str, *, cure: str = "", code: str | None = None, retry_after: float | None = None
    ) -> None:
        super().__init__(detail, cure=cure, code=code)
        self.retry_after = retry_after


class Forbidden(UsageError):
    """The credential is valid but may not do this."""

    code = "forbidden"


class PaymentRequired(UsageError):
    """The allowance is used up."""

    code = "payment_required"


class UnsupportedMedia(UsageError):
    """The body is announced in a format that the call does not read."""

    code = "unsupported_media"


class TooMany(UsageError):
    """Too often, or too much at once; after ``retry_after`` seconds it can be tried again."""

    code = "too_many"

    def __init__(self, detail: str, *, retry_after: float, cure: str = "", code: str | None = None) -> None:
        super().__init__(detail, cure=cure or f"try again in {max(1, round(retry_after))} s", code=code)
        self.retry_after = retry_after


class ConfigError(ModemdError):
    """The configuration cannot be used."""

    code = "config"


class DaemonError(ModemdError):
    """The daemon cannot start or cannot be reached."""

    code = "daemon"


class NotRunning(DaemonError):
    """Nobody answers on the control socket of this state directory."""

    code = "not_running"


class AlreadyRunning(DaemonError):
    """Another daemon holds this state directory."""

    code = "already_running"


class StorageError(ModemdError):
    """The database refused; the transaction it belonged to left no trace."""

    code = "storage"


class StorageFull(StorageError):
    """The disk, or the operator's quota on it, is full."""

    code = "storage_full"


class NotADatabase(StorageError):
    """The file exists and is not a database, or is damaged."""

    code = "not_a_database"


class StorageBusy(StorageError):
    """Somebody else has held the write lock longer than we wait."""

    code = "storage_busy"


class StorageUnwritable(StorageError):
    """The file, its directory or the server does not let us write."""

    code = "storage_unwritable"


class StorageUnreachable(StorageError):
    """The database server does not answer."""

    code = "storage_unreachable"


class ReadTooLong(StorageError):
    """A read was ended because it would have held its snapshot for too long."""

    code = "read_too_long"


class ConstraintFailed(StorageError):
    """A constraint of the schema refused a row; ``code`` is ``unique``, ``foreign_key``, ``not_null`` or ``check``."""

    code = "constraint"


class SchemaError(StorageError):
    """The schema in the database does not fit this version of modemd."""

    code = "schema"


class VaultError(ModemdError):
    """Sealed data, or the keys to it, cannot be used."""

    code = "vault"


class KeyStoreError(VaultError):
    """The key store is missing, damaged, or cannot be written; without it nothing sealed can be read."""

    code = "key_store"


class Unreadable(VaultError):
    """One sealed value cannot be opened: the account's key is gone, or the value is not what was sealed here."""

    code = "unreadable"


class AtError(ModemdError):
    """One AT command did not end in OK."""

    code = "at"


class CommandFailed(AtError):
    """The modem answered with a final result code other than OK.

    ``family`` is ``cms``, ``cme`` or ``error`` (no number given); ``number`` is the code of that family
    (TS 27.005 3.2.5, TS 27.007 9.2), None for a bare ERROR.
    """

    def __init__(self, family: str, number: int | None, *, command: str = "") -> None:
        self.family = family
        self.number = number
        self.command = command
        code = family if number is None else f"{family}-{number}"
        super().__init__(f"{command or 'the command'} was answered with {code}", code=code)


class CommandTimeout(AtError):
    """No final result code came before the deadline."""

    code = "timeout"


class PortLost(AtError):
    """The port went away in the middle, or was closed under the dialogue."""

    code = "port_lost"


class ModemLost(AtError):
    """The modem restarted, stopped answering, or is out of step with us; it has to be brought up again."""

    code = "modem_lost"


class Unsent(AtError):
    """A message met an error before its Ctrl-Z: it may be tried again at no risk; ``outcome`` says what was met."""

    code = "unsent"

    def __init__(self, outcome: Outcome) -> None:
        super().__init__(outcome.detail or f"not sent: {outcome.code}", code=outcome.code)
        self.outcome = outcome


class PortUnusable(ModemdError):
    """A port cannot be opened; the cure says why and what to do."""

    code = "port_unusable"


class BringUpError(ModemdError):
    """A named step of a modem's bring-up failed; ``step`` is its name."""

    code = "bring_up"

    def __init__(self, step: str, detail: str, *, cure: str = "", code: str | None = None) -> None:
        super().__init__(f"{step}: {detail}", cure=cure, code=code)
        self.step = step


class PduError(ModemdError):
    """A TPDU cannot be read or written; ``field`` names the element, ``octet`` its offset in the TPDU."""

    code = "pdu"

    def __init__(self, field: str, octet: int, detail: str) -> None:
        super().__init__(f"{field} at octet {octet}: {detail}")
        self.field = field
        self.octet = octet
