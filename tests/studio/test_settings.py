"""Settings of the service: a file, the environment and the command line, in rising order, and where each came from."""

import inspect
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

from goeswith.cli import serving
from goeswith.cli.main import app
from goeswith.errors import ConfigError
from goeswith.studio.app import create_app
from goeswith.studio.settings import Settings, changed, configured, settings_of

TOKEN = "correct-horse-battery"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "shop.toml"
    path.write_text(f'# our shop\nindex = "mine"\nport = 9000\ntoken = "{TOKEN}"\ntrusted_proxies = ["10.0.0.0/8"]\n')
    return path


def test_the_command_line_wins_over_the_environment_and_that_over_the_file(file: Path) -> None:
    environ = {"GOESWITH_PORT": "9001", "GOESWITH_HOST": "::1", "GOESWITH_TRUSTED_PROXIES": "::1, 10.1.1.1"}
    environ |= {"GOESWITH_LOOKS": "", "GOESWITH_DEBUG": "1"}  # an empty one says nothing, and others are not ours
    merged = configured(file, environ, {"host": "127.0.0.1", "workers": None})
    settings = merged.settings
    assert (settings.host, settings.port, settings.token) == ("127.0.0.1", 9001, TOKEN)
    assert settings.trusted_proxies == ("::1", "10.1.1.1")
    assert settings.index == file.parent / "mine"  # beside the file, and not where somebody happens to be
    file.write_text('access_log = "-"\nlooks = "/shop/looks.sqlite"')
    other = configured(file, {}, {}).settings
    assert (other.access_log, other.looks) == ("-", Path("/shop/looks.sqlite"))
    assert dict(merged.origins) == {
        "index": f"{file}, line 2", "token": f"{file}, line 4", "host": "command line",
        "port": "environment, GOESWITH_PORT", "trusted_proxies": "environment, GOESWITH_TRUSTED_PROXIES",
    }  # fmt: skip


def test_what_is_shown_can_be_used_as_a_file_and_has_no_secret(file: Path) -> None:
    merged = configured(file, {}, {"workers": 3})
    text = merged.shown()
    assert TOKEN not in text
    assert 'token = "********"' in text
    assert "workers = 3  # command line" in text
    again = settings_of(tomllib.loads(text) | {"token": TOKEN})
    assert again == merged.settings
    assert all(f"{name} " in text for name in Settings.model_fields)


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("port = 1\nprot = 2\n", 2, "there is no setting 'prot'; did you mean 'port'?"),
        ("\n[shop]\nport = 1\n", 2, "there is no setting 'shop'; the settings are: index, host"),
        ("port = 70000\n", 1, "port = '70000' cannot be used; it must be: less than or equal to 65535"),
        ("host = 1\n", 1, "host = '1' cannot be used; it must be: a valid string"),
        ("workers = 1\n\nworkers = 2\n", 3, "this is not TOML (Cannot overwrite a value)"),
        ('root_path = "style"\n', 1, "root_path = 'style' cannot be used: it must look like /style"),
        ('root_path = "/a b"\n', 1, "root_path = '/a b' cannot be used: it must look like /style"),
        ('root_path = "//evil.example"\n', 1, "it must look like /style"),
        ('trusted_proxies = ["*"]\n', 1, "'*' is not an address or network, such as 10.0.0.0/8"),
        ('token = ["secret-of-the-shop"]\n', 1, "token cannot be used; it must be: a valid string"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(tmp_path: Path, text: str, line: int, message: str) -> None:
    path = tmp_path / "shop.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as caught:
        configured(path, {}, {})
    assert f"{path}, line {line}: " in str(caught.value)
    assert message in str(caught.value)
    assert "secret-of-the-shop" not in str(caught.value)
    assert "\n" not in str(caught.value)


def test_mistakes_elsewhere_name_where_they_are(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"^environment, GOESWITH_WORKERS: workers = 'two' cannot be used"):
        configured(None, {"GOESWITH_WORKERS": "two"}, {})
    with pytest.raises(ConfigError, match=r"^command line: port = '-1' cannot be used"):
        configured(None, {}, {"port": -1})
    with pytest.raises(ConfigError, match="did you mean 'port'"):
        changed(None, {"ports": 1})
    with pytest.raises(ConfigError, match=r"cannot read the settings .*No such file"):
        configured(tmp_path / "none.toml", {}, {})


def test_a_token_may_be_in_a_file_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    (tmp_path / "shop.toml").write_text('token_file = "token"\n')
    assert configured(tmp_path / "shop.toml", {}, {}).settings.token == TOKEN
    assert configured(tmp_path / "shop.toml", {"GOESWITH_TOKEN": "another-token-of-ours"}, {}).settings.token != TOKEN
    with pytest.raises(ConfigError, match=r"cannot read the token in .*gone"):
        configured(None, {}, {"token_file": tmp_path / "gone"})


def test_every_setting_is_an_option_of_the_command(file: Path) -> None:
    options = set(inspect.signature(serving.serve).parameters)
    assert set(Settings.model_fields) - options == {"token_file"}
    ran = CliRunner().invoke(app, ["serve", "--config", str(file), "--port", "1", "--show-config"])
    assert ran.exit_code == 0
    assert "port = 1  # command line" in ran.output
    nothing = CliRunner().invoke(app, ["serve"])
    assert "give the folder of an index" in str(nothing.exception)


def test_no_path_of_the_service_can_be_the_path_that_it_is_under(world: Path) -> None:
    for root in ("/looks", "/v1/x", "/static", "/clicks/", "/storefront", "/health"):
        with pytest.raises(ConfigError, match="a path of the service itself; choose another"):
            create_app(world / "index", root_path=root)
    assert create_app(world / "index", root_path="/style/looks")
