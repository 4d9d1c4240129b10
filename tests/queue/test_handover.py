"""The handover file: what a killed daemon had given to modems, as the next one reads it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from modemd.errors import StorageError
from modemd.queue import handover
from modemd.queue.handover import Handover, Left
from modemd.queue.matching import UNKNOWN
from modemd.queue.rows import Handed
from modemd.values import Outcome, Verdict

PORT = handover.mark("/dev/ttyUSB0")
BOOT = "9e3b0c1a-0000-4000-8000-000000000000"


def read(folder: Path) -> Left:
    found = handover.read(folder / "handover", BOOT)
    assert found is not None
    return found


def test_it_keeps_the_last_segment_of_each_sim(tmp_path: Path) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    file.note("sim0", 1, 1, handover.mark("/dev/ttyUSB0"))
    file.note("sim1", 2, 1, handover.mark("/dev/ttyUSB1"))
    file.note("sim0", 1, 2, handover.mark("/dev/ttyUSB0"))
    left = read(tmp_path)
    assert left.ports == {(1, 2): handover.mark("/dev/ttyUSB0"), (2, 1): handover.mark("/dev/ttyUSB1")}
    assert left.owed == left.ports.keys()
    assert left.accepted == {}


@pytest.mark.parametrize(
    ("outcome", "accepted", "left"),
    [
        (Outcome(Verdict.ACCEPTED, 17), {(1, 2): 17}, {(1, 2)}),
        (Outcome(Verdict.ACCEPTED, 0), {(1, 2): 0}, {(1, 2)}),
        (Outcome(Verdict.ACCEPTED), {(1, 2): UNKNOWN}, {(1, 2)}),
        (Outcome(Verdict.REFUSED, code="cms-38"), {}, set()),
        (Outcome(Verdict.UNCERTAIN, code="timeout"), {}, {(1, 2)}),
    ],
)
def test_it_keeps_what_the_modem_has_answered(
    tmp_path: Path, outcome: Outcome, accepted: dict[tuple[int, int], int], left: set[tuple[int, int]]
) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    file.note("sim0", 1, 2, PORT)
    file.answered("sim0", 1, 2, outcome)
    found = read(tmp_path)
    assert (found.accepted, set(found.ports), found.owed) == (accepted, left, frozenset())


def test_an_outcome_of_what_was_never_handed_over_leaves_the_slot_as_it_is(tmp_path: Path) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    file.answered("sim0", 1, 1, Outcome(Verdict.UNSENT))
    file.note("sim0", 1, 2, PORT)
    file.answered("sim0", 1, 3, Outcome(Verdict.UNSENT, code="abandoned"))
    assert read(tmp_path).owed == {(1, 2)}


def test_what_a_stop_cut_off_is_still_owed_its_answer(tmp_path: Path) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    file.note("sim0", 1, 2, PORT)
    file.answered("sim0", 1, 2, Outcome(Verdict.UNCERTAIN, code="stopped"))
    assert read(tmp_path).owed == {(1, 2)}


def test_a_file_of_another_form_says_nothing(tmp_path: Path) -> None:
    (tmp_path / "handover").write_bytes(BOOT.encode().ljust(64, b"\0") + bytes(24))
    assert handover.read(tmp_path / "handover", BOOT) is None


def test_what_an_earlier_daemon_handed_over_is_kept_with_its_port_and_its_moment(tmp_path: Path) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    file.keep(Handed(7, 3, "sim0", at=12_345_678), handover.mark("/dev/ttyUSB0"))
    assert file.owes("/dev/ttyUSB0") == 12_345_678
    assert file.owes("/dev/ttyUSB1") is None
    assert read(tmp_path).ports == {(7, 3): handover.mark("/dev/ttyUSB0")}
    assert read(tmp_path).owed == frozenset(), "this daemon will have said something else by then"


def test_it_says_nothing_about_another_boot(tmp_path: Path) -> None:
    Handover(tmp_path / "handover", BOOT).note("sim0", 1, 1, PORT)
    assert handover.read(tmp_path / "handover", BOOT.replace("9", "8")) is None
    assert handover.read(tmp_path / "handover", "") is None
    assert handover.read(tmp_path / "missing", BOOT) is None


def test_a_new_daemon_begins_it_anew(tmp_path: Path) -> None:
    Handover(tmp_path / "handover", BOOT).note("sim0", 1, 1, PORT)
    Handover(tmp_path / "handover", BOOT)
    assert read(tmp_path).ports == {}


def test_what_a_process_noted_outlives_its_sigkill(tmp_path: Path) -> None:
    path = tmp_path / "handover"
    program = (
        "import os, pathlib, signal; from modemd.queue.handover import Handover;"
        f"file = Handover(pathlib.Path({str(path)!r}), {BOOT!r}); file.note('sim0', 7, 3, b'12345678');"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == -signal.SIGKILL
    assert read(tmp_path).ports == {(7, 3): b"12345678"}


def test_a_note_that_cannot_be_written_is_a_storage_error(tmp_path: Path) -> None:
    file = Handover(tmp_path / "handover", BOOT)
    os.dup2(os.open("/dev/full", os.O_WRONLY), file._file)
    with pytest.raises(StorageError):
        file.note("sim0", 1, 1, PORT)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux names its boots")
def test_this_boot_has_one_name() -> None:
    assert handover.this_boot() == handover.this_boot() != ""
