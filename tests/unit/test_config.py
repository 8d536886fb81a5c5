"""Do the settings come from where they should, and does what does not fit say so?"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from toolrun import resources
from toolrun.config import Config, load_config
from toolrun.errors import ConfigError
from toolrun.limits import Limits, Prices
from toolrun.options import BASE_URL, MODEL
from toolrun.values import Sampling

KEY = "sk-very-secret-0123"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty current folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(folder: Path, toml: str) -> str:
    """The message of the error that a file meets, without the folder's name."""
    (folder / "toolrun.toml").write_text(toml)
    with pytest.raises(ConfigError) as caught:
        load_config(env={})
    return str(caught.value)


def test_without_anything_the_defaults_hold(folder: Path) -> None:
    config = load_config(env={})
    assert config == Config()
    assert (config.model, config.base_url) == (MODEL, BASE_URL)
    assert config.limits == Limits()
    assert config.sampling == Sampling()
    assert (config.profile, config.workspace, config.api_key) == ("pure", None, None)


def test_arguments_go_over_variables_and_these_over_the_file(folder: Path) -> None:
    (folder / "toolrun.toml").write_text(
        'model = "of-file"\neffort = "low"\nseed = 1\n[limits]\nsteps = 3\ntool_calls = 4\n'
    )
    env = {"TOOLRUN_MODEL": "of-env", "TOOLRUN_SEED": "2", "TOOLRUN_LIMITS_STEPS": "5"}
    config = load_config(env=env, model="of-argument", seed=None, limits_seconds=6)
    assert config.model == "of-argument"
    assert config.seed == 2
    assert config.effort == "low"
    assert config.limits == Limits(steps=5, tool_calls=4, seconds=6)


def test_variables_are_typed(folder: Path) -> None:
    config = load_config(
        env={
            "TOOLRUN_TEMPERATURE": "0.5",
            "TOOLRUN_MAX_TOKENS": "100",
            "TOOLRUN_TOOLS": "a.py, b.py:word_count,",
            "TOOLRUN_EXTRA_BODY": '{"return_token_ids": true}',
            "TOOLRUN_LIMITS_SECONDS": "inf",
            "TOOLRUN_WORKSPACE": "notes",
            "TOOLRUN_MODEL": "123",
            "TOOLRUN_EFFORT": "",
        }
    )
    assert config.sampling == Sampling(temperature=0.5, max_tokens=100)
    assert config.tools == ("a.py", "b.py:word_count")
    assert config.extra_body == {"return_token_ids": True}
    assert config.limits.seconds is None
    assert config.workspace == Path("notes")
    assert config.model == "123"
    assert config.effort is None


def test_several_servers_are_a_list_in_every_place(folder: Path) -> None:
    two = ("http://a/v1", "http://b/v1")
    file = folder / "other.toml"
    file.write_text('base_url = ["http://a/v1", "http://b/v1"]\n')

    configs = [
        load_config(file, env={}),
        load_config(env={"TOOLRUN_BASE_URL": "http://a/v1, http://b/v1"}),
        load_config(env={}, base_url=two),
    ]
    assert [config.base_url for config in configs] == [two, two, two]
    assert repr(configs[0]) == f"Config(base_url={list(two)})"
    assert load_config(env={"TOOLRUN_BASE_URL": "http://a/v1"}).base_url == "http://a/v1"
    for wrong in ([], ["http://a/v1", "http://a/v1"], ["http://a/v1", "b"]):
        with pytest.raises(
            ConfigError, match=r"base_url is .*\(or a list of different ones\) fits"
        ):
            load_config(env={}, base_url=wrong)


def test_paths_of_a_file_start_at_its_folder(folder: Path) -> None:
    (folder / "sub").mkdir()
    file = folder / "sub" / "other.toml"
    file.write_text(
        'workspace = "notes"\ntrace = "/tmp/t.jsonl"\ntools = ["t.py:f"]\nprofile = "p.toml"\n'
    )
    config = load_config(file, env={})
    assert config.workspace == folder / "sub" / "notes"
    assert config.trace == Path("/tmp/t.jsonl")
    assert config.tools == (str(folder / "sub" / "t.py:f"),)
    assert config.profile == str(folder / "sub" / "p.toml")
    file.write_text('profile = "workspace-ro"')
    assert load_config(file, env={}).profile == "workspace-ro"


def test_a_profile_may_be_a_table(folder: Path) -> None:
    file = folder / "other.toml"
    file.write_text("[profile]\nwall_seconds = 5\n")
    assert load_config(file, env={}).profile == {"extends": "pure", "wall_seconds": 5}
    file.write_text('[profile]\nextends = "mine.toml"\n')
    assert load_config(file, env={}).profile == {"extends": str(folder / "mine.toml")}
    file.write_text("profile = 5\n")
    with pytest.raises(ConfigError, match=r"profile is 5; a text or a table .*, not empty, fits"):
        load_config(file, env={})
    table = '{"extends": "python", "processes": 8}'
    assert load_config(env={"TOOLRUN_PROFILE": table}).profile == {
        "extends": "python",
        "processes": 8,
    }
    assert load_config(env={"TOOLRUN_PROFILE": "python"}).profile == "python"


@pytest.mark.parametrize(
    ("toml", "message"),
    [
        ('modle = "x"', "toolrun.toml: unknown key 'modle'; did you mean 'model'?"),
        ("base-url = 1", "toolrun.toml: unknown key 'base-url'; did you mean 'base_url'?"),
        ("steps = 1", "toolrun.toml: unknown key 'steps'; did you mean 'limits.steps'?"),
        (
            "[limits]\nstep = 1",
            "toolrun.toml: unknown key 'limits.step'; did you mean 'limits.steps'?",
        ),
        (
            '[limits]\nsteps = "many"',
            "toolrun.toml: limits.steps is 'many'; a whole number from 1 fits",
        ),
        ("limits.steps = 2.5", "toolrun.toml: limits.steps is 2.5; a whole number from 1 fits"),
        ("limits.seconds = 0", "toolrun.toml: limits.seconds is 0; a number above 0 fits"),
        ("limits.seconds = nan", "toolrun.toml: limits.seconds is nan; a number above 0 fits"),
        ("temperature = inf", "toolrun.toml: temperature is inf; a number from 0 fits"),
        ("top_p = 1.5", "toolrun.toml: top_p is 1.5; a number above 0 up to 1 fits"),
        ("seed = true", "toolrun.toml: seed is True; a whole number fits"),
        (
            'effort = "hihg"',
            "toolrun.toml: effort is 'hihg'; one of low, medium, high fits (did you mean 'high'?)",
        ),
        (
            'base_url = "localhost:8000"',
            (
                "toolrun.toml: base_url is 'localhost:8000'; "
                "a URL that begins with http:// or https:// (or a list of different ones) fits"
            ),
        ),
        ('tools = "a.py"', "toolrun.toml: tools is 'a.py'; a list of texts fits"),
        ('model = ""', "toolrun.toml: model is ''; a text, not empty, fits"),
        ("model", "toolrun.toml: not TOML: Expected '=' after a key"),
    ],
)
def test_what_does_not_fit_is_named(folder: Path, toml: str, message: str) -> None:
    assert refused(folder, toml).startswith(message)


def test_an_unknown_key_that_is_near_none_lists_all(folder: Path) -> None:
    message = refused(folder, "zzz = 1")
    assert "unknown key 'zzz'; known are model, base_url" in message
    assert "limits.tool_calls" in message


def test_a_whole_float_is_a_whole_number(folder: Path) -> None:
    (folder / "toolrun.toml").write_text("limits.steps = 2.0\nseed = 3.0")
    config = load_config(env={})
    assert (config.limits.steps, config.seed) == (2, 3)
    assert isinstance(config.limits.steps, int)


@pytest.mark.parametrize(
    ("env", "message"),
    [
        ({"TOOLRUN_LIMITS_STEPS": "many"}, "TOOLRUN_LIMITS_STEPS is 'many'; a whole number"),
        ({"TOOLRUN_EXTRA_BODY": "{"}, "TOOLRUN_EXTRA_BODY is '{'; a table (in a variable: a JSON"),
        ({"TOOLRUN_MODLE": "x"}, "unknown variable TOOLRUN_MODLE; did you mean TOOLRUN_MODEL?"),
        (
            {"TOOLRUN_LIMIT_STEPS": "1"},
            "unknown variable TOOLRUN_LIMIT_STEPS; did you mean TOOLRUN_LIMITS_STEPS?",
        ),
    ],
)
def test_a_variable_that_does_not_fit_is_named(
    folder: Path, env: dict[str, str], message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        load_config(env=env)
    assert str(caught.value).startswith(message)


def test_variables_that_others_set_are_left_alone(folder: Path) -> None:
    kubernetes = {"TOOLRUN_PORT": "tcp://10.0.0.1:80", "TOOLRUN_SERVICE_HOST": "10.0.0.1"}
    assert load_config(env=kubernetes) == Config()


def test_an_argument_that_does_not_fit_is_named(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"^limits_steps is 0; a whole number from 1 fits"):
        load_config(env={}, limits_steps=0)
    with pytest.raises(ConfigError, match="unknown setting 'modle'; did you mean 'model'"):
        load_config(env={}, modle="x")


def test_a_file_that_is_asked_for_must_be_there(folder: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: .*No such file"):
        load_config(Path("none.toml"), env={})
    (folder / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"bytes\.toml: cannot be read: 'utf-8'"):
        load_config(Path("bytes.toml"), env={})


def test_the_variables_of_openai_are_never_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://elsewhere/v1")
    for name in [name for name in os.environ if name.startswith("TOOLRUN_")]:
        monkeypatch.delenv(name)
    assert load_config() == Config()


def test_secrets_are_in_no_text(folder: Path) -> None:
    config = load_config(env={}, api_key=KEY, base_url="http://user:pass@host/v1")
    assert config.api_key == KEY
    for text in (repr(config), str(config), f"{config}"):
        assert "api_key='***'" in text
        assert KEY not in text
        assert "pass" not in text
    message = refused(folder, f'api_key = ["{KEY}"]')
    assert KEY not in message
    assert message == "toolrun.toml: api_key does not fit; a text, not empty, fits"
    assert "pass" not in refused(folder, 'base_url = "ftp://user:pass@host"')


@pytest.mark.parametrize(
    "store",
    [
        "postgresql://agents:hunter2@db/agents",
        "postgresql://agents:hun/ter2@db/agents",
        "postgresql://db/agents?user=agents&password=hunter2",
        "postgresql://db/agents?sslpassword=hunter2&user=agents",
    ],
)
def test_the_password_of_a_store_is_in_no_text(folder: Path, store: str) -> None:
    config = load_config(env={}, store=store)
    assert config.store == store
    assert "ter2" not in repr(config)
    assert "agents" in repr(config)
    assert "ter2" not in refused(folder, f'store = ["{store}"]')
    assert "hunter2" not in refused(folder, 'store = "host=db password=hunter2"')


def test_it_is_frozen(folder: Path) -> None:
    with pytest.raises(AttributeError):
        load_config(env={}).model = "other"  # type: ignore[misc]


def test_every_key_of_the_schema_is_a_field_and_the_other_way_round() -> None:
    schema: dict[str, Any] = resources.schema("config")
    jsonschema.Draft202012Validator.check_schema(schema)
    fields = [field.name for field in msgspec.structs.fields(Config)]
    fields.remove("recording")  # the rest of the table `trace`
    assert sorted(schema["properties"]) == sorted(fields)
    assert list(schema["properties"]["limits"]["properties"]) == [
        field.name for field in msgspec.structs.fields(Limits)
    ]
    assert all(each["description"] for each in schema["properties"].values())


def test_jsonschema_is_imported_only_where_there_is_something_to_check(folder: Path) -> None:
    code = (
        "import sys; from toolrun.config import load_config; load_config(env={});"
        "assert 'jsonschema' not in sys.modules;"
        "load_config(env={'TOOLRUN_SEED': '1'}); assert 'jsonschema' in sys.modules"
    )
    root = Path(resources.__file__).parent.parent
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(root)})


def test_a_table_says_more_of_a_trace(tmp_path: Path) -> None:
    file = tmp_path / "toolrun.toml"
    file.write_text('[trace]\npath = "t.jsonl"\nmax_bytes = 5000\npatterns = ["PIN (a+)"]\n')
    config = load_config(file, env={})
    assert config.trace == tmp_path / "t.jsonl"
    assert config.recording == {"max_bytes": 5000, "patterns": ["PIN (a+)"]}
    elsewhere = load_config(file, env={"TOOLRUN_TRACE": "a.jsonl"}, trace=Path("b.jsonl"))
    assert elsewhere.trace == Path("b.jsonl")
    assert elsewhere.recording == config.recording  # what is secret stays secret


def test_a_table_without_a_path_records_nothing_by_itself(tmp_path: Path) -> None:
    file = tmp_path / "toolrun.toml"
    file.write_text("[trace]\ncompress = true\n")
    assert load_config(file, env={}).trace is None
    named = load_config(file, env={"TOOLRUN_TRACE": '{"path": "t.jsonl", "max_bytes": 9000}'})
    assert named.trace == Path("t.jsonl")
    assert named.recording == {"compress": True, "max_bytes": 9000}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("max_byte = 5000", r"unknown key 'trace.max_byte'; did you mean 'trace.max_bytes'"),
        ("max_bytes = 5", "trace.max_bytes is 5; a whole number from 4096 fits"),
        ('compress = "yes"', "trace.compress is 'yes'; true or false fits"),
        ('patterns = "a"', "trace.patterns is 'a'; a list of texts fits"),
        ('path = ""', "trace.path is ''; a text, not empty, fits"),
    ],
)
def test_a_table_of_a_trace_that_does_not_fit_is_said(
    table: str, said: str, tmp_path: Path
) -> None:
    file = tmp_path / "toolrun.toml"
    file.write_text(f"[trace]\n{table}\n")
    with pytest.raises(ConfigError, match=said):
        load_config(file, env={})


def test_prices_are_a_table_of_each_model(folder: Path) -> None:
    file = folder / "toolrun.toml"
    file.write_text('[prices."a/b"]\nprompt = 1\ncompletion = 2.5\n')
    assert load_config(env={}).prices == {"a/b": Prices(1, 2.5)}
    env = {"TOOLRUN_PRICES": '{"m": {"prompt": 1, "completion": 2, "cached": 0}}'}
    assert load_config(env=env).prices == {"m": Prices(1, 2, 0)}


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ("prompt = -1\ncompletion = 1", "prices: 'm': 'prompt': -1 is less than"),
        ("prompt = 1", "prices: 'm': 'completion' is a required property"),
        ("prompt = 1\ncompletion = 1\ncache = 1", "'cache' was unexpected"),
        ("prompt = inf\ncompletion = 1", "prices.prompt must be a number from 0, not inf"),
    ],
)
def test_prices_that_do_not_fit_are_said(folder: Path, table: str, said: str) -> None:
    assert said in refused(folder, f"[prices.m]\n{table}\n")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to somebody else")
def test_a_file_that_a_stranger_laid_into_the_folder_is_only_read_where_it_is_named(
    folder: Path,
) -> None:
    file = folder / "toolrun.toml"
    file.write_text('model = "theirs"')
    os.chown(file, 4711, 4711)
    with pytest.raises(ConfigError, match=r"toolrun.toml: belongs to another user \(uid 4711\)"):
        load_config(env={})
    assert load_config(file, env={}).model == "theirs"
    os.chown(folder, 4711, 4711)  # a folder that is theirs, such as one that a container was given
    assert load_config(env={}).model == "theirs"
    os.chown(folder, 4712, 4712)
    os.chown(file, 0, 0)
    assert load_config(env={}).model == "theirs"
