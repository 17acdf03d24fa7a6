"""Which hosts are reached without the proxy."""

import urllib.request

import pytest

from embedded_aws.proxies import exempt_from_proxies, exports

AWS = "s3.eu-west-3.amazonaws.com"


@pytest.fixture
def proxied(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """An environment with a proxy for everything."""
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    return monkeypatch


@pytest.mark.parametrize("host", ["127.0.0.1:5000", "localhost:5000", "172.17.0.1:5000"])
def test_the_embedded_aws_is_reached_without_the_proxy(proxied, host):
    assert not urllib.request.proxy_bypass(host)
    exempt_from_proxies("172.17.0.1")
    assert urllib.request.proxy_bypass(host)


def test_aws_is_reached_through_the_proxy(proxied):
    exempt_from_proxies("127.0.0.1")
    assert not urllib.request.proxy_bypass(AWS)
    assert urllib.request.getproxies()["https"] == "http://127.0.0.1:9"


@pytest.mark.parametrize("name", ["NO_PROXY", "no_proxy"])
def test_exemptions_of_the_user_stay(proxied, name):
    proxied.setenv(name, "intranet.example.org, .example.net")
    exempt_from_proxies("127.0.0.1")
    for host in ("intranet.example.org", "a.example.net", "127.0.0.1"):
        assert urllib.request.proxy_bypass(host), host
    assert not urllib.request.proxy_bypass(AWS)


def test_different_exemptions_stay_different():
    environment = {"NO_PROXY": "a", "no_proxy": "b"}
    exempt_from_proxies("127.0.0.1", environment)
    exempt_from_proxies("127.0.0.1", environment)
    loopback = "localhost,127.0.0.1,::1"
    assert environment == {"NO_PROXY": f"a,{loopback}", "no_proxy": f"b,{loopback}"}


def test_the_exemption_of_every_host_stays(proxied):
    proxied.setenv("no_proxy", "*")
    exempt_from_proxies("127.0.0.1")
    assert urllib.request.proxy_bypass(AWS)


def test_another_shell_is_told_of_the_exemptions_if_there_is_a_proxy():
    environment = {"no_proxy": "a b"}
    exempt_from_proxies("127.0.0.1", environment)
    assert exports(environment) == []
    assert exports(environment | {"https_proxy": "http://proxy.example.org:3128"}) == [
        "export NO_PROXY='a b,localhost,127.0.0.1,::1'",
        "export no_proxy='a b,localhost,127.0.0.1,::1'",
    ]
