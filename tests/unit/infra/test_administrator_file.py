"""The file that names an existing cluster: whole, private, and nothing of it given away."""

from __future__ import annotations

from pathlib import Path

import pytest

from infra.bus import open_bus, prepare_bus
from infra.home import Endpoints, Home
from infra.kafka.administrator_file import read_administrator
from infra.kafka.clients import Access
from schemas.errors import InvalidInput, SharebusError, Unavailable
from tests.integration.administrator_properties import write_administrator

SECRET = "a-password-of-an-administrator"
ADMINISTRATOR = Access("kafka-1:9092,[::1]:9093", "ops", SECRET)
TLS = {"security_protocol": "sasl_ssl", "ssl_ca_location": "ca.pem", "sasl_mechanism": "plain"}


def written(folder: Path, **changed: str | None) -> Path:
    """Return a file with these keys changed; the files that TLS needs are there."""
    for name in ("ca.pem", "own.pem", "own.key"):
        (folder / name).touch()
    return write_administrator(folder / "administrator.properties", ADMINISTRATOR, **changed)


def test_the_administrator_and_the_users_connect_differently(tmp_path: Path) -> None:
    """Users that the bus makes are SCRAM users; they share the way there and nothing secret."""
    own = {"ssl_certificate_location": "own.pem", "ssl_key_location": "own.key"}
    cluster = read_administrator(written(tmp_path, **TLS, **own, ssl_key_password=SECRET))
    config = cluster.administrator.config()
    assert (config["sasl.username"], config["sasl.mechanism"]) == ("ops", "PLAIN")
    assert config["bootstrap.servers"] == "kafka-1:9092,[::1]:9093"
    assert config["ssl.key.location"] == str(tmp_path / "own.key")
    assert dict(cluster.connection) == {
        "security.protocol": "SASL_SSL",
        "sasl.mechanism": "SCRAM-SHA-512",
        "ssl.ca.location": str(tmp_path / "ca.pem"),
    }
    assert SECRET not in f"{cluster!r} {cluster.connection}"


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        *(
            ({key: None}, f"{key.replace('_', '.')} is missing")
            for key in (
                "bootstrap_servers", "security_protocol", "sasl_mechanism", "sasl_username",
                "sasl_password",
            )
        ),
        ({"plugin_library_paths": SECRET}, "plugin.library.paths can't be set"),
        ({"security_protocol": "SSL"}, "security.protocol has to be one of"),
        ({"sasl_mechanism": "OAUTHBEARER"}, "sasl.mechanism has to be one of"),
        ({"bootstrap_servers": "kafka-1"}, "bootstrap.servers has to be"),
        ({"ssl_ca_location": "nowhere.pem"}, "ssl.ca.location names a file that is not there"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_named(
    tmp_path: Path, changed: dict[str, str | None], told: str
) -> None:
    """The key is told, and never a value."""
    file = written(tmp_path, **changed)
    with pytest.raises(InvalidInput, match=told) as failure:
        read_administrator(file)
    assert failure.value.where == str(file)
    assert SECRET not in str(failure.value)


def test_a_file_that_is_missing_or_open_to_others_is_refused(tmp_path: Path) -> None:
    """It makes whoever reads it the cluster's administrator."""
    with pytest.raises(InvalidInput, match="No such file"):
        read_administrator(tmp_path / "nowhere.properties")
    file = written(tmp_path)
    file.chmod(0o640)
    with pytest.raises(InvalidInput, match="others can read"):
        read_administrator(file)


def test_a_cluster_that_does_not_answer_is_told_and_leaves_no_bus(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is made before the cluster has said who it is."""
    monkeypatch.setattr("infra.kafka.existing_cluster.ANSWERS_WITHIN_S", 1.0)
    home = settings_for(tmp_path, written(tmp_path, bootstrap_servers="127.0.0.1:1"))
    with pytest.raises(Unavailable, match="no Kafka cluster answers") as failure:
        prepare_bus(home, "x" * 22)
    assert failure.value.where == "127.0.0.1:1"
    with pytest.raises(SharebusError):
        open_bus(home)


def test_a_bus_stays_on_the_cluster_that_has_its_records(tmp_path: Path) -> None:
    """Without the setting it would begin anew, and count what it had counted before."""
    home = Home(tmp_path)
    home.save_endpoints(Endpoints("c" * 22, 0, 0, 1, 2, brokers_elsewhere=3))
    with pytest.raises(InvalidInput, match="another Kafka cluster"):
        prepare_bus(home, "x" * 22)


def settings_for(folder: Path, file: Path) -> Home:
    """Return a home whose settings name the file."""
    home = Home(folder / "home")
    home.folder("")
    (home.path / "settings.toml").write_text(f'kafka_properties = "{file}"\n', "utf-8")
    return home
