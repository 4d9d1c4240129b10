"""Something of an erased account lies open in a file: the operator is told where, not what, and the cure ends it."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx
import pytest
from conftest import StartDaemon
from hw_sim.pytest_plugin import StartBank
from journey import Daemon, as_json, cli, until

from modemd.at.pdu import segments
from modemd.cli import daemon as control
from modemd.values import Sms

EMAIL, PHONE, ANNA, TEXT = "wilhelmina.zgrzyt@example.org", "+48600200300", "+48600777123", "kwiecisty jarmark w sobote"


@pytest.fixture
def gateway(hw_sim_bank: StartBank, daemon: StartDaemon, tmp_path: Path) -> Daemon:
    """A daemon with a mirror of its keys and a configuration in which the operator himself has noted a number."""
    mirror = tmp_path / "usb"
    mirror.mkdir()
    config = tmp_path / "state" / "mine" / "gateway.toml"
    config.parent.mkdir(parents=True)
    config.write_text(f'# my own is {PHONE}\n[keys]\nmirrors = ["{mirror}"]\n[logs]\nfile = true\n')
    modemd = daemon(hw_sim_bank("--air", "0.05", modems=2), "--config", str(config))
    modemd.start()
    modemd.ready(2)
    modemd.open_account(EMAIL, PHONE)
    modemd.settled(modemd.send([ANNA, "+48600777456"], TEXT))
    return modemd


def receipt(modemd: Daemon, erasure: str) -> dict[str, Any]:
    """As everybody sees it."""
    return dict(httpx.get(f"{modemd.url}/v1/erasures/{erasure}").raise_for_status().json())


def test_what_lies_open_is_named_by_its_file_until_it_is_gone(gateway: Daemon, tmp_path: Path) -> None:
    pdu = segments(Sms(ANNA, TEXT), reference=1)[0].pdu
    planted = {
        gateway.state_dir / "modemd.2026-11-21_00-00-00_000000.log": f"TRACE > {pdu}\r\n".encode(),
        gateway.state_dir / "core.4711": b"\x00" * 5000 + TEXT.encode("utf-16-le") + b"\x00" * 5000,
        tmp_path / "state.keys" / "notes": base64.b64encode(b"x" + EMAIL.encode()),
        tmp_path / "usb" / "numbers.csv": f"number\n{PHONE[1:]}\n".encode(),
    }
    for path, content in planted.items():
        path.write_bytes(content)
    *_, told = control.stream(gateway.state_dir, "accounts.delete", who=PHONE)
    found = receipt(gateway, told["id"])
    assert found.items() <= told.items()
    assert (found["state"], found["waiting_for"], found["completed_at"]) == ("pending", [], None)
    assert sorted(found["found"]) == sorted(map(str, planted))
    alarms = gateway.status()["alarms"]
    assert [path for path in planted if not any(f"in the clear in {path}: remove it" in one for one in alarms)] == []
    assert "modemd_erasures_found 4.0" in httpx.get(f"{gateway.url}/metrics").text

    for path in planted:
        path.unlink()
    proof = cli("erasures", "verify", told["id"], "--json", state_dir=gateway.state_dir)
    assert (proof.code, as_json(proof.out)["found"], as_json(proof.out)["state"]) == (0, [], "complete")
    assert "alarms" not in gateway.status()
    assert "modemd_erasures_found 0.0" in httpx.get(f"{gateway.url}/metrics").text
    assert receipt(gateway, told["id"])["searched_at"] > found["searched_at"]


def test_killed_between_the_key_and_the_search_it_completes_and_says_that_it_did_not_search(gateway: Daemon) -> None:
    erasure = next(control.stream(gateway.state_dir, "accounts.delete", who=PHONE))["id"]
    until(lambda: f"erasure={erasure} step=delete" in gateway.log, every=0.0005)
    gateway.kill()
    gateway.start()
    found = until(lambda: (one := receipt(gateway, erasure))["state"] == "complete" and one)
    assert (found["searched_at"], found["found"]) == (None, [])
    assert f"erasure.not_searched erasure={erasure}" in gateway.log
    listed = cli("erasures", "verify", erasure, state_dir=gateway.state_dir)
    assert listed.code == 0
    assert "files were not searched at its end" in listed.out
