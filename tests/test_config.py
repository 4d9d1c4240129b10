"""What can be configured, where from, and how a mistake is told."""

import errno
import os
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from modemd import config
from modemd.config import SECTIONS
from modemd.config.sections import WITHOUT_EFFECT
from modemd.errors import ConfigError
from modemd.state_dir import locate, prepare

ROOT = Path(__file__).parent.parent
PASSWORD = "hunter2hunter2"


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("STATE_DIRECTORY", "MODEMD_STATE_DIR"):
        monkeypatch.delenv(name, raising=False)


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "modemd.toml"
    path.write_text(text)
    return path


def test_without_a_file_everything_has_its_default(tmp_path: Path) -> None:
    settings = config.load(tmp_path)
    assert settings.server.listen == "127.0.0.1:8160"
    assert settings.database_url == f"sqlite://{tmp_path}/modemd.db"
    assert settings.modems.ports == ()
    assert settings.numbers.region == "PL"
    assert not settings.doors.kannel


def test_the_file_in_the_state_directory_is_read_when_none_is_named(tmp_path: Path) -> None:
    write(tmp_path, '[numbers]\nregion = "DE"\n')
    assert config.load(tmp_path).numbers.region == "DE"


def test_the_command_line_beats_the_environment_beats_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, '[server]\nlisten = "127.0.0.1:1"\n[queue]\nstop_grace = 1\nvalid_for = 100\n')
    monkeypatch.setenv("MODEMD_SERVER__LISTEN", "127.0.0.1:2")
    monkeypatch.setenv("MODEMD_QUEUE__STOP_GRACE", "2")
    settings = config.load(tmp_path, path, options={"server": {"listen": "127.0.0.1:3"}})
    assert (settings.server.port, settings.queue.stop_grace, settings.queue.valid_for) == (3, 2.0, 100)


@pytest.mark.parametrize("value", ["/dev/a, socket://b:1", '["/dev/a", "socket://b:1"]'])
def test_a_list_in_the_environment_is_comma_separated_or_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, value: str
) -> None:
    monkeypatch.setenv("MODEMD_MODEMS__PORTS", value)
    assert config.load(tmp_path).modems.ports == ("/dev/a", "socket://b:1")


def test_every_key_is_also_an_environment_variable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = {"listen": "[::1]:1", "url": "sqlite:////x", "level": "DEBUG", "region": "DE", "countries": "DE,FR"}
    samples |= {"mirrors": "/media/usb,/srv/keys"}
    numbers = {"modems": "2", "valid_for": "99", "stop_grace": "3", "pin": "0012", "certificate": "/c", "key": "/k"}
    numbers |= dict.fromkeys(SECTIONS["limits"].model_fields, "4") | {"time_zone": "UTC"}
    numbers |= dict.fromkeys(("head_timeout", "body_timeout", "timeout", "retry", "attempts"), "7")
    numbers |= dict.fromkeys(SECTIONS["retention"].model_fields, "9")
    numbers |= {"requests_per_minute": "5", "strangers_per_minute": "6", "trusted_proxies": "10.0.0.0/8,::1"}
    numbers |= {"trial": "5", "currency": "EUR", "decimals": "2", "prices": '{"+48": 9}', "price": "20", "vat": "23"}
    numbers |= {"balance_code": "*100#", "balance_pattern": r"(\d+)", "low_credit": "2.50"}
    numbers |= {"baud": "9600", "root": "/host", "dialects": "/d.toml"}
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            if not field.exclude:
                monkeypatch.setenv(f"MODEMD_{section}__{key}".upper(), (samples | numbers).get(key, "true"))
    monkeypatch.setenv("MODEMD_SIMULATE__MODEMS", "2")
    settings = config.load(tmp_path)
    for section, model in SECTIONS.items():
        unset = {key for key, field in model.model_fields.items() if not field.exclude}
        assert getattr(settings, section).model_fields_set >= unset, section


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('[server]\nlisten_on = "x"\n', "[server] listen_on"),
        ("[sever]\nlisten = 1\n", "'sever'"),
        ("colour = 1\n", "'colour'"),
        ('state_dir = "/x"\n', "'state_dir'"),
        ('[sim."89480"]\npin = "1234"\n', "[sim] 89480"),
        ('[sim."8948000000000000000"]\npuk = "12345678"\n', '[sim."8948000000000000000"] puk'),
    ],
)
def test_an_unknown_key_is_refused_by_name(tmp_path: Path, text: str, name: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, path)
    assert name in caught.value.detail
    assert caught.value.code == "unknown_key"
    assert caught.value.cure


@pytest.mark.parametrize("name", ["MODEMD_SEVER__LISTEN", "MODEMD_SERVER__LISTEN_ON", "MODEMD_SERVER"])
def test_an_unknown_variable_is_refused_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "x")
    with pytest.raises(ConfigError, match=name) as caught:
        config.load(tmp_path)
    assert caught.value.cure


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("[queue]\nvalid_for = 1\n", "[queue] valid_for"),
        ('[keys]\nmirrors = ["usb"]\n', "[keys] mirrors"),
        ('[queue]\nvalid_for = "soon"\n', "[queue] valid_for"),
        ('[server]\nlisten = "8160"\n', "[server] listen"),
        ('[server]\nlisten = "a:b:99999"\n', "[server] listen"),
        ('[sim]\npin = "12a4"\n', "[sim] pin"),
        ("[sim]\npin = 1234\n", "[sim] pin"),
        ('[numbers]\nregion = "Poland"\n', "[numbers] region"),
        ('[tls]\ncertificate = "/c.pem"\n', "[tls]"),
        ('[logs]\nlevel = "LOUD"\n', "[logs] level"),
        ('[limits]\ntime_zone = "Mars/Olympus"\n', "[limits] time_zone"),
        ("[limits]\nper_day = -1\n", "[limits] per_day"),
        ('[limits."a_0000000000001"]\nper_day = -1\n', '[limits."a_0000000000001"] per_day'),
        ('[sim."8948000000000000000"]\nhome = ["601"]\n', '[sim."8948000000000000000"] home'),
        ('[sim."260010000000001"]\naccounts = ["me"]\n', '[sim."260010000000001"] accounts'),
        ('[billing.prices]\n"+48" = -1\n', "[billing] prices.+48"),
        ('[registration]\ncountries = ["PL", "XX"]\n', "[registration] countries in"),
        ('[sim.cards."8948000000000000000"]\npin = "1234"\n', "[sim] in"),
    ],
)
def test_a_wrong_value_is_told_by_its_key_and_never_repeated(tmp_path: Path, text: str, name: str) -> None:
    path = write(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, path)
    assert name in caught.value.detail
    assert caught.value.cure
    for secret in ("12a4", "1234"):
        assert secret not in str(caught.value).replace("8948", "")


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("[sim]\npin = 1234\n", "text, in quotes"),
        ('[doors]\nkannel = "perhaps"\n', "true or false"),
        ('[queue]\nvalid_for = "soon"\n', "a whole number"),
        ('[queue]\nstop_grace = "soon"\n', "a number"),
        ("[queue]\nvalid_for = 99999999999\n", "it has to be less than or equal to 38102400"),
        ('[logs]\nlevel = "debug"\n', "it has to be 'DEBUG', 'INFO', 'WARNING' or 'ERROR'"),
        ("[keys]\nmirrors = 1\n", "a list"),
        ("tls = 1\n", "a table"),
        ('[modems]\nports = [""]\n', "socket://host:port"),
        ('[modems]\nports = ["/dev/ttyUSB0", "socket://serial-server"]\n', "socket://host:port"),
        ('[modems]\nports = ["socket://10.0.0.1:99999"]\n', "socket://host:port"),
        ('[modems]\nports = ["tcp://10.0.0.1:7000"]\n', "socket://host:port"),
        ('[numbers]\nregion = "pl"\n', "PL"),
        ('[numbers]\nregion = "XX"\n', "PL"),
        ('[billing]\ncurrency = "zl"\n', "PLN"),
        ('[sim]\nbalance_code = "hello"\n', "*100#"),
        ('[sim."260010000000001"]\naccounts = ["me"]\n', "modemd accounts list"),
        ('[sim."89480"]\npin = "1234"\n', "tables named by an ICCID"),
        (
            '[sim."8948000000000000000"]\npuk = "12345678"\n',
            'keys of [sim."8948000000000000000"] are pin, weight, home',
        ),
    ],
)
def test_the_cure_says_what_a_key_takes(tmp_path: Path, text: str, cure: str) -> None:
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path, write(tmp_path, text))
    assert cure in caught.value.cure


@pytest.mark.parametrize(
    ("name", "value", "cure"),
    [
        ("MODEMD_REGISTRATION__COUNTRIES", "PL,de", "PL"),
        ("MODEMD_KEYS__MIRRORS", '["/a"', "comma-separated, or JSON"),
        ("MODEMD_BILLING__PRICES", "9", "a table"),
        ("MODEMD_BILLING__PRICES", "nine", '{"+48": 9}'),
        ("MODEMD_BILLING__PRICES", '{"+48": "x"}', "a whole number"),
        ("MODEMD_SIM__8948000000000000000__PIN", "12", "four to eight digits"),
        ("MODEMD_LIMITS__A_0000000000001__PER_DAY", "-1", "greater than or equal to 0"),
    ],
)
def test_what_is_wrong_in_a_variable_is_told_by_its_name_with_the_cure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, value: str, cure: str
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(ConfigError, match=name) as caught:
        config.load(tmp_path)
    assert cure in caught.value.cure


def test_a_wrong_value_in_the_environment_is_told_by_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MODEMD_QUEUE__VALID_FOR", "soon")
    with pytest.raises(ConfigError, match="MODEMD_QUEUE__VALID_FOR"):
        config.load(tmp_path)


@pytest.mark.parametrize("content", [b"[server\n", b"\xff\xfe", b'a = "\n'])
def test_a_file_that_is_no_toml_is_told_by_its_path(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=r"broken\.toml"):
        config.load(tmp_path, path)


@pytest.mark.parametrize("port", ["socket://10.0.0.1:7000", "socket://serial-server:1", "socket://[::1]:65535"])
def test_a_modem_may_be_behind_a_serial_server(tmp_path: Path, port: str) -> None:
    assert config.load(tmp_path, options={"modems": {"ports": (port,)}}).modems.ports == (port,)


def test_a_state_directory_that_is_closed_is_told_by_its_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(_: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(Path, "exists", closed)  # root, whom tests may be run by, is let in everywhere
    with pytest.raises(ConfigError, match=re.escape(f"{tmp_path} cannot be used (Permission denied)")):
        config.load(tmp_path)


def test_a_named_file_that_is_missing_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"nowhere\.toml"):
        config.load(tmp_path, tmp_path / "nowhere.toml")


def test_a_pin_is_that_of_the_sim_else_the_common_one(tmp_path: Path) -> None:
    path = write(tmp_path, '[sim]\npin = "1111"\n[sim."8948000000000000000"]\npin = "0022"\n')
    sim = config.load(tmp_path, path).sim
    pins = [sim.pin_of(iccid) for iccid in ("8948000000000000000", "8948000000000000001", None)]
    assert [pin.get_secret_value() for pin in pins if pin] == ["0022", "1111", "1111"]


def test_secrets_show_in_no_representation(tmp_path: Path) -> None:
    path = write(tmp_path, f'[database]\nurl = "postgresql://u:{PASSWORD}@h/d"\n[sim]\npin = "7531"\n')
    settings = config.load(tmp_path, path)
    for shown in (repr(settings), str(settings), settings.model_dump_json()):
        assert PASSWORD not in shown
        assert "7531" not in shown
    assert PASSWORD in settings.database_url


@pytest.mark.parametrize("listen", ["0.0.0.0:8160", "[::]:8160", "192.168.1.2:80", "example.org:80"])
def test_listening_beyond_loopback_needs_tls(tmp_path: Path, listen: str) -> None:
    with pytest.raises(ConfigError, match="TLS") as caught:
        config.load(tmp_path, options={"server": {"listen": listen}})
    assert "[tls]" in caught.value.cure
    tls = {"certificate": tmp_path / "c.pem", "key": tmp_path / "k.pem"}
    assert config.load(tmp_path, options={"server": {"listen": listen}, "tls": tls}).server.listen == listen


@pytest.mark.parametrize("listen", ["127.0.0.1:0", "127.9.9.9:80", "[::1]:8160", "localhost:8160"])
def test_loopback_needs_no_tls(tmp_path: Path, listen: str) -> None:
    assert config.load(tmp_path, options={"server": {"listen": listen}}).server.loopback


def test_settings_are_frozen(tmp_path: Path) -> None:
    settings = config.load(tmp_path)
    with pytest.raises(ValidationError):
        settings.server = settings.server
    with pytest.raises(ValidationError):
        settings.server.listen = "127.0.0.1:1"


def test_modems_are_discovered_unless_they_are_simulated_or_it_is_said(tmp_path: Path) -> None:
    assert config.load(tmp_path).discovers
    assert not config.load(tmp_path, options={"simulate": {"modems": 4}}).discovers
    assert config.load(tmp_path, options={"simulate": {"modems": 4}, "modems": {"discover": True}}).discovers
    assert not config.load(tmp_path, options={"modems": {"discover": False}}).discovers


def test_a_key_without_effect_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modemd.config.settings.WITHOUT_EFFECT", frozenset({"doors.kannel"}))
    path = write(tmp_path, "[doors]\nkannel = true\n[queue]\nstop_grace = 1\n")
    assert config.load(tmp_path, path).without_effect == ["doors.kannel"]
    assert config.load(tmp_path / "other").without_effect == []


def test_every_key_is_acted_on_or_said_to_be_without_effect() -> None:
    through = {
        **{"server.listen": "host", "database.url": "database_url", "modems.discover": "discovers"},
        **{f"sim.{key}": "sim.credit_of" for key in ("balance_code", "balance_pattern", "low_credit")},
        **{"sim.pin": "pin_of", "logs.file": "log_file", "server.trusted_proxies": "server.proxies"},
        **{"tls.certificate": "certificate", "tls.key": "certificate"},
        **{f"doors.{name}": "doors.open" for name in ("promosms", "kannel", "capcom6")},
        **{f"limits.{key}": "limits.of_sim" for key in ("per_minute", "per_hour", "per_day", "per_month", "gap")},
        **{"limits.recipients_per_month": "limits.of_sim"},
        **{f"limits.account_{key}": "limits.of_account" for key in ("per_day", "per_month")},
    }
    sources = [path for path in (ROOT / "modemd").rglob("*.py") if path.parent.name != "config"]
    used = set(re.findall(r"settings\.(\w+(?:\.\w+)?)", "\n".join(path.read_text() for path in sources)))
    attributes = {name for pair in used for name in (pair, *pair.split("."))}
    for section, model in SECTIONS.items():
        for key, field in model.model_fields.items():
            name = f"{section}.{key}"
            if not field.exclude:
                assert (through.get(name, name) in attributes) is (name not in WITHOUT_EFFECT), name


def test_the_state_directory_is_the_option_then_systemds_then_ours_then_the_platforms(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert locate(environ={}).name == "modemd"
    monkeypatch.setenv("MODEMD_STATE_DIR", "/ours")
    assert locate() == Path("/ours")
    monkeypatch.setenv("STATE_DIRECTORY", "/systemd:/second")
    assert locate() == Path("/systemd")
    assert locate("/option") == Path("/option")


def test_the_state_directory_is_closed_to_others(tmp_path: Path) -> None:
    fresh, open_one = tmp_path / "a" / "b", tmp_path / "open"
    open_one.mkdir(mode=0o755)
    for place in (fresh, open_one):
        assert prepare(place).stat().st_mode & 0o777 == 0o700


def test_a_state_directory_that_is_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match="--state-dir"):
            prepare(place)


def test_prices_stand_in_a_table_of_their_own_or_as_json(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write(tmp_path, '[billing]\nprice = 40\n[billing.prices]\n"+48" = 9\n"+49" = 35\n')
    assert config.load(tmp_path, path).billing.prices == {"+48": 9, "+49": 35}
    monkeypatch.setenv("MODEMD_BILLING__PRICES", '{"+1": 20}')
    assert config.load(tmp_path, path).billing.prices == {"+1": 20}


@pytest.mark.parametrize("prices", ['{"48": 9}', '{"+48": -1}', '{"+48": 0.5}', "9", "{", '{"+48 600": 9}'])
def test_a_price_that_is_none_is_refused_by_its_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prices: str
) -> None:
    monkeypatch.setenv("MODEMD_BILLING__PRICES", prices)
    with pytest.raises(ConfigError) as caught:
        config.load(tmp_path)
    assert "prices" in caught.value.detail.lower()
    assert caught.value.cure
