"""Deploy: the files for Docker, Compose, systemd and nginx can be read, agree with each other, and are tight."""

import configparser
import http.server
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.main import get_command

from goeswith.cli.main import app
from goeswith.studio.settings import PREFIX, Settings, configured

ROOT = Path(__file__).resolve().parents[2]
DEPLOY = ROOT / "deploy"
INSTRUCTIONS = {
    "FROM", "ARG", "ENV", "WORKDIR", "COPY", "RUN", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK",
    "ENTRYPOINT", "CMD",
}  # fmt: skip


def instructions() -> list[list[tuple[str, str]]]:
    """Of the Dockerfile, by stage."""
    text = re.sub(r"\\\n\s*", "", re.sub(r"(?m)^#.*\n", "", (DEPLOY / "Dockerfile").read_text()))
    stages: list[list[tuple[str, str]]] = []
    for line in filter(None, map(str.strip, text.splitlines())):
        name, _, rest = line.partition(" ")
        if name == "FROM":
            stages.append([])
        stages[-1].append((name, rest.strip()))
    return stages


def serves(words: list[str]) -> None:
    """That the command line takes these words after ``serve``."""
    command = get_command(app).commands["serve"]  # type: ignore[attr-defined]
    context = command.make_context("serve", words, resilient_parsing=True)
    command.make_parser(context).parse_args(list(words))


def only_known_settings(environment: dict[str, str]) -> None:
    """All our variables are settings, and their values can be used."""
    variables = {name: value for name, value in environment.items() if name.startswith(PREFIX)}
    assert {name.removeprefix(PREFIX).lower() for name in variables} <= set(Settings.model_fields)
    configured(None, {name: value for name, value in variables.items() if not name.endswith("TOKEN_FILE")}, {})


def test_the_image_is_small_and_runs_as_nobody() -> None:
    stages = instructions()
    assert {name for stage in stages for name, _ in stage} <= INSTRUCTIONS  # no ADD, which fetches and unpacks
    build, final = stages
    assert all(":" in stage[0][1].split()[0] and ":latest" not in stage[0][1] for stage in stages)
    settings = {name: rest for name, rest in final if name not in ("ENV", "COPY", "RUN")}
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", settings["USER"])
    assert [name for name, _ in final].index("USER") > max(at for at, (name, _) in enumerate(final) if name == "RUN")
    assert (json.loads(settings["ENTRYPOINT"]), settings["STOPSIGNAL"]) == (["goeswith"], "SIGTERM")
    serves(json.loads(settings["CMD"])[1:])
    only_known_settings(dict(pair.split("=", 1) for name, rest in final if name == "ENV" for pair in shlex.split(rest)))
    assert not any(name == "COPY" and "--from=build" not in rest for name, rest in final)
    patterns = (DEPLOY / "Dockerfile.dockerignore").read_text().split()
    assert patterns[0] == "*"
    for name, rest in build:
        for source in rest.split()[:-1] if name == "COPY" else []:
            assert (ROOT / source).exists()
            assert f"!{source.removeprefix('./')}" in patterns
    assert all("--constraint constraints.txt" in rest for name, rest in build if "pip install" in rest)
    secret = re.compile(r"(?i)(token|password|secret|key)\s*=\s*\S")
    assert not any(secret.search(rest) for stage in stages for name, rest in stage if name in ("ENV", "ARG"))


@pytest.mark.parametrize(("status", "code"), [(200, 0), (503, 1)])
def test_the_image_is_healthy_while_the_service_answers(status: int, code: int) -> None:
    [check] = [rest for stage in instructions() for name, rest in stage if name == "HEALTHCHECK"]
    assert all(f"--{option}=" in check for option in ("interval", "timeout", "start-period", "retries"))
    command = json.loads(check[check.index("CMD ") + 4 :])

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/health" else 404)
            self.end_headers()

        def log_message(self, *arguments: Any) -> None:
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Answer) as server:
        threading.Thread(target=server.handle_request, daemon=True).start()
        environ = {**os.environ, "GOESWITH_PORT": str(server.server_port)}
        ran = subprocess.run([sys.executable, *command[1:]], env=environ, capture_output=True, timeout=120)
    assert (command[0], ran.returncode) == ("python", code)


def test_compose_gives_the_service_no_more_than_it_needs() -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
    service, proxy = compose["services"]["goeswith"], compose["services"]["proxy"]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["user"] == dict(instructions()[1])["USER"]
    assert int(service["stop_grace_period"].removesuffix("s")) > 10
    assert "ports" not in service  # only the proxy is reached from outside
    assert all(port.startswith("127.0.0.1:") for port in proxy["ports"])
    for volume in service["volumes"] + proxy["volumes"]:
        source = volume.split(":")[0]
        assert source == "../shops" or (DEPLOY / source).is_file(), source
    assert (DEPLOY / service["build"]["context"] / service["build"]["dockerfile"]).resolve() == DEPLOY / "Dockerfile"
    serves(service["command"][1:])
    only_known_settings(service["environment"])
    assert proxy["depends_on"]["goeswith"]["condition"] == "service_healthy"
    assert (
        set(compose["secrets"]) == set(service["secrets"]) == {Path(service["environment"]["GOESWITH_TOKEN_FILE"]).name}
    )


def test_the_settings_can_be_used() -> None:
    settings = configured(DEPLOY / "shop.toml", {}, {}).settings
    assert (settings.root_path, settings.workers, settings.access_log) == ("/style", 2, "-")
    text = (DEPLOY / "shop.toml").read_text()
    for name in re.findall(r"(?m)^# (\w+) = ", text):
        assert name in Settings.model_fields


def test_nginx_passes_on_the_path_and_who_asks() -> None:
    text = re.sub(r"#.*", "", (DEPLOY / "nginx.conf").read_text())
    assert text.count("{") == text.count("}")
    root = configured(DEPLOY / "shop.toml", {}, {}).settings.root_path
    assert f"location {root} {{" in text
    assert set(re.findall(r"proxy_pass (\S+);", text)) == {"http://goeswith"}  # no path, so that it is passed on whole
    for header in ("Host $http_host", "X-Forwarded-Proto $scheme", "X-Forwarded-For $remote_addr", "X-Request-ID"):
        assert f"proxy_set_header {header}" in text
    expose = dict(instructions()[1])["EXPOSE"]
    assert f"server goeswith:{expose};" in text
    assert (
        re.search(r"listen (\d+);", text).group(1)
        in yaml.safe_load(  # type: ignore[union-attr]
            (DEPLOY / "compose.yaml").read_text()
        )["services"]["proxy"]["ports"][0]
    )


def test_the_unit_is_hardened_and_systemd_can_read_it(tmp_path: Path) -> None:
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "goeswith.service")
    options = unit["Service"]
    words = shlex.split(options["ExecStart"])
    assert words[1] == "serve"
    serves(words[2:])
    assert options["ExecReload"].startswith("/bin/kill -HUP")
    assert int(options["TimeoutStopSec"]) > 10
    for name in ("DynamicUser", "NoNewPrivileges", "PrivateTmp", "PrivateDevices", "ProtectHome", "RestrictNamespaces"):
        assert options[name] == "yes"
    assert (options["ProtectSystem"], options["CapabilityBoundingSet"]) == ("strict", "")
    if not shutil.which("systemd-analyze"):
        pytest.skip("systemd is not here")
    program = tmp_path / "goeswith"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    copy = tmp_path / "goeswith.service"
    copy.write_text((DEPLOY / "goeswith.service").read_text().replace(words[0], str(program)))
    read = subprocess.run(["systemd-analyze", "verify", str(copy)], capture_output=True, text=True, timeout=120)
    assert (read.returncode, read.stderr) == (0, "")
    graded = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", str(copy)], capture_output=True, timeout=120
    )
    assert graded.returncode == 0  # exposure 2.0 of 10 at most
