"""Where a user's URL may lead: public addresses only, in whatever form a private one is written."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modemd.errors import InvalidField
from modemd.webhooks import target
from modemd.webhooks.address import PRIVATE, callable_, own

PUBLIC = ["93.184.216.34", "8.8.8.8", "2606:2800:220:1:248:1893:25c8:1946", "::ffff:8.8.8.8", "64:ff9b::808:808"]
INTERNAL = [
    *("127.0.0.1", "127.8.9.10", "10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1"),
    *("::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a00:1"),
]
NEVER = [
    *("0.0.0.0", "0.1.2.3", "169.254.169.254", "224.0.0.1", "239.1.1.1", "240.0.0.1", "255.255.255.255"),
    *("192.0.2.1", "198.18.0.1", "203.0.113.9", "192.0.0.170", "100.100.100.200", "168.63.129.16"),
    *("::", "fe80::1", "fe80::1%eth0", "ff02::1", "2001:db8::1", "2002:7f00:1::1", "2002:808:808::1"),
    *("2001:0:4136:e378:8000:63bf:3fff:fdd2", "64:ff9b:1::a00:1", "fd00:ec2::254", "::ffff:169.254.169.254"),
    *("::127.0.0.1", "64:ff9b::a9fe:a9fe", "4000::1", "::ffff:0:127.0.0.1"),
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_may_be_called(address: str) -> None:
    assert callable_(address, allow_private=False)
    assert callable_(address, allow_private=True)


@pytest.mark.parametrize("address", INTERNAL)
def test_private_ones_only_where_the_operator_allows_it(address: str) -> None:
    assert not callable_(address, allow_private=False)
    assert callable_(address, allow_private=True)


@pytest.mark.parametrize("address", NEVER)
def test_some_are_never_called(address: str) -> None:
    assert not callable_(address, allow_private=False)
    assert not callable_(address, allow_private=True)


@given(st.ip_addresses(v=4), st.sampled_from(["{}", "::ffff:{}", "64:ff9b::{}"]))
def test_an_ipv4_address_is_judged_alike_in_whatever_form(inner: ipaddress.IPv4Address, form: str) -> None:
    judged = callable_(form.format(inner), allow_private=False)
    assert judged == callable_(str(inner), allow_private=False)
    assert not (judged and (not inner.is_global or inner.is_multicast))


@given(st.sampled_from(PRIVATE), st.data())
def test_nothing_of_a_private_network_may_be_called(network: ipaddress.IPv4Network, data: st.DataObject) -> None:
    inside = data.draw(st.integers(int(network.network_address), int(network.broadcast_address)))
    assert not callable_(str(type(network.network_address)(inside)), allow_private=False)


def test_an_address_of_this_machine_is_known_without_a_packet() -> None:
    assert own("127.0.0.1")
    assert not own("192.0.2.7")


@pytest.mark.parametrize(
    "url",
    [
        *(
            "",
            "receiver.test",
            "//receiver.test",
            "ftp://receiver.test/",
            "file:///etc/passwd",
            "gopher://receiver.test/",
        ),
        *(
            "javascript:alert(1)",
            "https://",
            "https:///path",
            "https://user@receiver.test/",
            "https://u:p@receiver.test",
        ),
        *(
            "https://receiver.test:22/",
            "https://receiver.test:25",
            "https://receiver.test:0/",
            "https://receiver.test:99999/",
        ),
        *(
            "https://receiver.test:6667/",
            "https://receiver.test:x/",
            "https://receiver.test/#fragment",
            "http://receiver.test/",
        ),
        *(
            "https://exa mple.org/",
            "https://receiver.test/\r\nHost: evil",
            "https://receiver.test\\@evil/",
            "https://-x.org/",
        ),
        *("https://żółw.example/", "https://[fe80::1%25eth0]/", "https://[::1", "https://[1.2.3.4]/", "https://a..b/"),
        *("https://receiver.test@evil.example/", "https://ex%61mple.org/", "https://" + "a" * 64 + ".org/"),
        "https://receiver.test/" + "x" * 2048,
    ],
)
def test_a_url_that_is_not_plainly_one_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(InvalidField) as caught:
        target.read(url)
    assert caught.value.field == "url"
    assert len(url) < 9 or url not in f"{caught.value.detail} {caught.value.cure}"


@pytest.mark.parametrize(
    ("url", "host", "port", "path", "authority"),
    [
        ("https://receiver.test", "receiver.test", 443, "/", "receiver.test"),
        ("HTTPS://Receiver.TEST:443/a?b=%20c", "receiver.test", 443, "/a?b=%20c", "receiver.test"),
        ("https://receiver.test:8443/x", "receiver.test", 8443, "/x", "receiver.test:8443"),
        ("https://[2606:2800:220::1]:8443?q", "2606:2800:220::1", 8443, "/?q", "[2606:2800:220::1]:8443"),
        ("https://93.184.216.34/", "93.184.216.34", 443, "/", "93.184.216.34"),
    ],
)
def test_the_parts_of_a_url(url: str, host: str, port: int, path: str, authority: str) -> None:
    found = target.read(url)
    assert (found.host, found.port, found.path, found.authority) == (host, port, path, authority)


def test_plain_http_is_for_private_addresses() -> None:
    assert target.read("http://receiver.internal:8080/", allow_private=True).origin == "http://receiver.internal:8080"
    with pytest.raises(InvalidField, match="https"):
        target.read("http://receiver.test/")


@given(st.text(max_size=60))
def test_no_text_makes_the_reader_stumble(text: str) -> None:
    for url in (text, f"https://{text}", f"https://receiver.test{text}"):
        try:
            found = target.read(url)
        except InvalidField:
            continue
        assert found.path.startswith("/")
        assert set(found.host) <= set("abcdefghijklmnopqrstuvwxyz0123456789.-_:")
