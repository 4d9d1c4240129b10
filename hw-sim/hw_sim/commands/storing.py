"""Commands about stored messages: +CPMS, +CMGR, +CMGL, +CMGD, +CMGW, +CMSS (TS 27.005 3.2.2, 3.4, 4)."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from hw_sim import tpdu
from hw_sim.commands.general import whole
from hw_sim.commands.registry import Kind, Needs, on
from hw_sim.commands.sending import put_on_air, read_pdu
from hw_sim.results import CmsError, Refused
from hw_sim.storage import Record, RecordState, Storage
from hw_sim.text_mode import describe_record, read_recipient, submit_of_text

if TYPE_CHECKING:
    from hw_sim.modem import Modem

TEXT_STATES = ("REC UNREAD", "REC READ", "STO UNSENT", "STO SENT", "ALL")
ALL = 4
"""The <stat> of +CMGL that is no state of a record."""


@on("+CPMS", Kind.SET, Needs.SMS)
def set_storages(modem: Modem, arguments: list[str]) -> list[str]:
    traits, names = modem.traits, modem.settings.cpms
    if len(arguments) not in traits.cpms_arguments:
        raise Refused
    for place, name in enumerate(arguments):
        if name not in traits.cpms[min(place, len(traits.cpms) - 1)]:
            raise CmsError(302)
    names[: len(arguments)] = arguments
    if traits.cpms_bare_ok:
        return []
    return ["+CPMS: " + ",".join("{},{}".format(*modem.memory.count(name)) for name in names[: len(traits.cpms)])]


@on("+CPMS", Kind.READ, Needs.SMS)
def read_storages(modem: Modem, _: list[str]) -> list[str]:
    names = modem.settings.cpms[: len(modem.traits.cpms)]
    return ["+CPMS: " + ",".join('"{}",{},{}'.format(name, *modem.memory.count(name)) for name in names)]


@on("+CPMS", Kind.TEST)
def offer_storages(modem: Modem, _: list[str]) -> list[str]:
    lists = ("(" + ",".join(f'"{name}"' for name in names) + ")" for names in modem.traits.cpms)
    return ["+CPMS: " + ",".join(lists)]


def reading_store(modem: Modem) -> Storage:
    """The storage that +CMGR, +CMGL and +CMGD work on."""
    return modem.memory.store(modem.settings.cpms[0])


@on("+CMGR", Kind.SET, Needs.SMS)
def read_message(modem: Modem, arguments: list[str]) -> list[str]:
    record = _record(modem, arguments)
    if record.state is RecordState.FREE:
        if modem.traits.free_record_is_ff and modem.settings.cmgf == 0:
            return ["+CMGR: 0,,0\r\n" + "F" * 20]
        return []
    line = f"+CMGR: {describe_record(record, modem.settings)}"
    _mark_read(record)
    return [line]


def _record(modem: Modem, arguments: list[str]) -> Record:
    record = reading_store(modem).get(whole(arguments))
    if record is None:
        raise CmsError(321)
    return record


def _mark_read(record: Record) -> None:
    if record.state is RecordState.UNREAD:
        record.state = RecordState.READ


@on("+CMGL", Kind.DO, Needs.SMS)
@on("+CMGL", Kind.SET, Needs.SMS)
def list_messages(modem: Modem, arguments: list[str]) -> list[str]:
    wanted = _wanted_state(modem, arguments[0] if arguments else "")
    lines = []
    for index, record in reading_store(modem).taken():
        if wanted in (ALL, record.state.value):
            lines.append(f"+CMGL: {index},{describe_record(record, modem.settings, listed=True)}")
            _mark_read(record)
    return lines


def _wanted_state(modem: Modem, argument: str) -> int:
    if modem.settings.cmgf == 0:
        if argument in ("", "0", "1", "2", "3", "4"):
            return int(argument or "0")
    elif argument.upper() in ("", *TEXT_STATES):
        return TEXT_STATES.index(argument.upper() or "REC UNREAD")
    raise CmsError(305 if modem.settings.cmgf else 302)


@on("+CMGL", Kind.TEST)
def offer_list(modem: Modem, _: list[str]) -> list[str]:
    states = ",".join(f'"{state}"' for state in TEXT_STATES) if modem.settings.cmgf else "0-4"
    return [f"+CMGL: ({states})"]


@on("+CMGD", Kind.SET, Needs.SMS)
def delete(modem: Modem, arguments: list[str]) -> list[str]:
    """Delete one record, or by <delflag> the read (1), those and the sent (2), those and the unsent (3), all (4)."""
    store = reading_store(modem)
    flag = whole(arguments, 1, 0)
    if flag == 0:
        if not store.delete(whole(arguments)):
            raise CmsError(321)
    else:
        doomed = {RecordState.READ, RecordState.SENT, RecordState.UNSENT, RecordState.UNREAD}
        if flag < 4:
            doomed -= {RecordState.UNREAD} if flag == 3 else {RecordState.UNREAD, RecordState.UNSENT}
            doomed -= {RecordState.SENT} if flag == 1 else set()
        for index, record in list(store.taken()):
            if record.state in doomed:
                store.delete(index)
    modem.network.memory_available(modem)
    return []


@on("+CMGD", Kind.TEST, Needs.SMS)
def offer_delete(modem: Modem, _: list[str]) -> list[str]:
    return ["+CMGD: ({}),(0-4)".format(",".join(str(index) for index, _ in reading_store(modem).taken()))]


@on("+CMGW", Kind.SET, Needs.SMS)
def write_message(modem: Modem, arguments: list[str]) -> None:
    modem.dialogue.ask(partial(_entered, modem, arguments))


def _entered(modem: Modem, arguments: list[str], entered: bytes) -> None:
    try:
        record = (
            _pdu_record(modem, arguments, entered)
            if modem.settings.cmgf == 0
            else _text_record(modem, arguments, entered)
        )
        index = modem.memory.store(modem.settings.cpms[1]).add(record)
        if index is None:
            raise CmsError(322)
    except CmsError as refusal:
        modem.dialogue.refuse(refusal)
    else:
        modem.dialogue.finish([f"+CMGW: {index}"])


def _pdu_record(modem: Modem, arguments: list[str], entered: bytes) -> Record:
    smsc, octets = read_pdu(entered, whole(arguments))
    state = RecordState(whole(arguments, 1, RecordState.UNSENT if octets[0] & 3 == 1 else RecordState.UNREAD))
    return Record(state, octets, smsc or modem.smsc)


def _text_record(modem: Modem, arguments: list[str], entered: bytes) -> Record:
    number = read_recipient(arguments, modem.settings.cscs)
    return Record(RecordState.UNSENT, submit_of_text(number, entered, modem.settings), modem.smsc)


@on("+CMSS", Kind.SET, Needs.SMS)
def send_stored(modem: Modem, arguments: list[str]) -> None:
    record = modem.memory.store(modem.settings.cpms[1]).get(whole(arguments))
    if record is None or record.state is RecordState.FREE:
        raise CmsError(321)
    try:
        submit = tpdu.read_submit(record.tpdu)
    except tpdu.BadTpdu:
        raise CmsError(304) from None
    record.state = RecordState.SENT
    put_on_air(modem, submit, modem.transmitter.link_is_up(), record.smsc, "+CMSS")
