"""Dialects are data: ours and the operator's, checked when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from modemd.at.dialect import GENERIC, load
from modemd.errors import ConfigError


@pytest.mark.parametrize(
    ("identity", "name"),
    [
        ("huawei E173 11.126.85.00.00", "huawei-e173"),
        ("huawei E1752 11.126.13.00.00", "huawei"),
        ("huawei E3372 21.180.01.00.00", "huawei-balong"),
        ("ZTE CORPORATION MF190 BD_MF190V1.0.0B02", "zte"),
        ("SIMCOM_Ltd SIMCOM_SIM800L R14.18", "simcom-gsm"),
        ("SIMCOM INCORPORATED SIMCOM_SIM8200EA-M2", "simcom"),
        ("SIMCOM INCORPORATED SIMCOM_SIM7600G-H LE20B04SIM7600G22", "simcom"),
        ("Quectel EC25 EC25EFAR06A03M4G", "quectel"),
        ("Telit HE910-D", "telit"),
        ("WAVECOM MODEM MULTIBAND  900E  1800", "wavecom"),
        ("Cinterion PHS8", "cinterion"),
        ("SIEMENS M20 R1", "siemens-m20"),
        ("Nokia 6310i", "nokia-pieces"),
        ("Acme M1 1.0", "generic"),
    ],
)
def test_each_family_finds_its_row(identity: str, name: str) -> None:
    assert load().of(identity).name == name


def test_the_answer_to_ctrl_z_is_awaited_for_three_minutes_but_where_a_manual_bounds_it() -> None:
    limits = {row.name: row.submit_s for row in load().rows if row.submit_s != GENERIC.submit_s}
    assert (GENERIC.submit_s, limits) == (180.0, {"simcom-gsm": 75.0})


def test_an_operators_row_goes_before_ours(tmp_path: Path) -> None:
    own = tmp_path / "dialects.toml"
    own.write_text('[mine]\nmatch = "quectel ec25"\nsubmit_s = 240\nnotify = [[1, 1, 0, 0, 0]]\n')
    row = load(own).of("Quectel EC25 R1")
    assert (row.name, row.submit_s, row.notify) == ("mine", 240.0, ((1, 1, 0, 0, 0),))
    assert row.prompt_s == GENERIC.prompt_s
    assert load(own).of("Quectel EG25 R1").name == "quectel"


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[mine]\nsubmit = 3\n", "no key submit"),
        ('[mine]\nsubmit_s = "3"\n', "submit_s is no float"),
        ('[mine]\nmatch = "("\n', "match"),
        ("[mine]\nsetup = 3\n", "setup is no list"),
        ("mine = 3\n", "is no table"),
        ("[mine\n", "is no TOML"),
    ],
)
def test_a_row_that_is_wrong_is_refused_by_name(tmp_path: Path, text: str, named: str) -> None:
    own = tmp_path / "dialects.toml"
    own.write_text(text)
    with pytest.raises(ConfigError) as refused:
        load(own)
    assert named in str(refused.value)
    assert refused.value.cure


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml"):
        load(tmp_path / "none.toml")
