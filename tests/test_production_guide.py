"""What the guide to production and its files name exists, from variables to alerts; and the tools take the files."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from django.core.management import get_commands, load_command_class
from django.urls import reverse

from tests.processes import ROOT
from tests.test_documentation import GUIDES, text, variables_read
from workflows.conf import Conf

DEPLOY = ROOT / "docs" / "deploy"
GUIDE = text(GUIDES / "production.md")
FILES = {path.name: text(path) for path in DEPLOY.iterdir()}
EVERYTHING = "\n".join([GUIDE, *FILES.values()])
# Of compose, PostgreSQL's image, OpenTelemetry and systemd.
_OF_OTHERS = {"POSTGRES_PASSWORD", "POSTGRES_USER", "POSTGRES_DB", "HOST", "OTEL_SERVICE_NAME", "OTEL_TRACES_SAMPLER"}


def test_every_file_is_named_by_the_guide() -> None:
    assert set(re.findall(r"\.\./deploy/([\w.@-]+)", GUIDE)) == set(FILES)


def test_every_variable_that_is_set_is_one_that_is_read() -> None:
    environment = set(re.findall(r"^([A-Z_]+)=", FILES["telltale.env"], re.MULTILINE))
    compose = set(re.findall(r"^    ([A-Z_]+):", FILES["compose.yaml"], re.MULTILINE))
    assert {"DATABASE_URL", "SECRET_KEY", "MONITORING_TOKEN"} <= environment & compose
    assert (environment | compose) - _OF_OTHERS <= variables_read()
    named = set(re.findall(r"`([A-Z]+_[A-Z_]+)(?:=[^`]*)?`", GUIDE))
    assert len(named) > 5
    assert named - _OF_OTHERS <= variables_read() | {name.upper() for name in Conf.__dataclass_fields__}


def test_every_command_exists() -> None:
    named = set(re.findall(r"manage\.py (\w+)", EVERYTHING))
    assert {"migrate", "collectstatic", "check", "workflow"} <= named <= set(get_commands())
    verbs = set(re.findall(r"manage\.py workflow (\w+)", EVERYTHING))
    usage = load_command_class("workflows", "workflow").create_parser("manage.py", "workflow").format_help()
    assert verbs
    for verb in verbs:
        assert re.search(rf"\b{verb}\b", usage), verb
    for target in re.findall(r"make (\w+)", GUIDE):
        assert f"\n{target}:" in text(ROOT / "Makefile")


def test_the_guide_says_what_to_do_at_every_alert_and_at_no_other() -> None:
    alerts = set(re.findall(r"alert: (\w+)", FILES["alerts.yaml"]))
    assert alerts == set(re.findall(r"`(Telltale\w+)`", GUIDE))
    assert len(alerts) > 5


def test_limits_of_the_proxy_fit_those_of_the_product() -> None:
    nginx = FILES["nginx.conf"]
    assert "client_header_timeout" in nginx  # daphne has none
    for path in ("/readyz", "/metrics"):
        assert re.search(rf"location = {path}\s+\{{ return 404; }}", nginx)
    for stream in re.findall(r"location (?:~ \S+|/) \{(.*?)\n    }", nginx, re.DOTALL):
        for header in ("Host $host", "X-Forwarded-Proto $scheme"):
            assert f"proxy_set_header {header};" in stream
        (seconds,) = re.findall(r"proxy_read_timeout (\d+)s", stream)
        assert int(seconds) > 60  # three heartbeats


def test_the_proxys_log_has_no_token_of_a_widget() -> None:
    nginx = FILES["nginx.conf"]
    assert nginx.count("access_log ") == len(re.findall(r"access_log +\S+ telltale;", nginx)) == nginx.count("listen ")
    (written,) = re.findall(r"log_format telltale (.*?);\n", nginx, re.DOTALL)
    assert not set(re.findall(r"\$(\w+)", written)) & {
        "request",
        "request_uri",
        "uri",
        "args",
        "query_string",
        "http_referer",
    }
    (rules,) = re.findall(r"map \$uri \$telltale_asked \{(.*?)\n}", nginx, re.DOTALL)
    patterns = [one.replace("(?<", "(?P<") for one in re.findall(r'^ +"?(~\^[^ "]+)"? ', rules, re.MULTILINE)]
    hidden = lambda path: any(re.search(pattern[1:], path) for pattern in patterns)  # noqa: E731
    token = "tw_12_" + "Ab-_" * 8
    (quiet,) = re.findall(r"location ~ (\S+) \{\n +error_log \S+ crit;", nginx)
    for address in (reverse("embed:page", args=[token]), reverse("embed:badge", args=[token]),
                    reverse("embed:shields", args=[token]), reverse("embed:document", args=[token]),
                    reverse("embed:wallboard", args=[token]), reverse("embed:oembed")):  # fmt: skip
        assert hidden(address), address
        assert re.search(quiet, address), address
    for address in (reverse("embed:script"), reverse("embed:states"), "/workflows/order-42/"):
        assert not hidden(address), address


@pytest.mark.skipif(shutil.which("nginx") is None, reason="nginx is not installed")
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_nginx_accepts_the_configuration(tmp_path: Path) -> None:
    key, certificate = tmp_path / "console.key", tmp_path / "console.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=console.example",
         "-keyout", key, "-out", certificate], check=True, capture_output=True,
    )  # fmt: skip
    ours = (
        FILES["nginx.conf"].replace("/etc/ssl/console.example.key", str(key)).replace("/var/log/nginx", str(tmp_path))
    )
    (tmp_path / "telltale.conf").write_text(ours.replace("/etc/ssl/console.example.pem", str(certificate)))
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/error.log; events {{}}\n"
        f"http {{ access_log off; client_body_temp_path {tmp_path}/body;\n"
        + "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in ("proxy", "fastcgi", "uwsgi", "scgi"))
        + f"include {tmp_path}/telltale.conf; }}\n"
    )
    said = subprocess.run(["nginx", "-t", "-c", tmp_path / "nginx.conf"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed")
def test_systemd_accepts_the_units() -> None:
    units = sorted(str(path) for path in DEPLOY.glob("*.service"))
    said = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    complaints = [line for line in said.stderr.splitlines() if "telltale" in line]
    assert [line for line in complaints if "is not executable" not in line] == []  # nothing is installed there


def test_compose_accepts_the_file(tmp_path: Path) -> None:
    docker = shutil.which("docker")
    if docker is None or subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode:
        pytest.skip("docker compose is not installed")
    (tmp_path / "telltale.env").write_text(
        "POSTGRES_PASSWORD=x\nSECRET_KEY=x\nMONITORING_TOKEN=a-token-that-nobody-guesses\nHOST=console.example\n"
    )
    command = [docker, "compose", "-f", str(DEPLOY / "compose.yaml"), "--env-file", str(tmp_path / "telltale.env")]
    said = subprocess.run([*command, "config", "--quiet"], capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
