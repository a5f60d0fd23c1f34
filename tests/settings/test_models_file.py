"""models.toml: what a user says of models and prices, and what of it is left out."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Mapping
from pathlib import Path

import pytest

from kibitz.backend import Backend
from kibitz.claude.models.catalogue import builtin
from kibitz.claude.values import Usage
from kibitz.models_file import KnownModels, load, models_file
from kibitz.settings import DEFAULTS, Provider
from kibitz.settings import load as load_settings

MILLION = Usage(input_tokens=1_000_000)
SONNET = "claude-sonnet-5-5"
PRICE = "price = [{ input = 3, output = 9, write_5m = 4, write_1h = 6, read = 0.3 }]"


@pytest.fixture
def environ(tmp_path: Path) -> Mapping[str, str]:
    return {"XDG_CONFIG_HOME": str(tmp_path), "HOME": str(tmp_path)}


def written(environ: Mapping[str, str], text: str, provider: Provider = "anthropic") -> KnownModels:
    file = models_file(environ)
    file.parent.mkdir(exist_ok=True)
    file.write_text(text, encoding="utf-8")
    return load(provider, environ)


class TestFile:
    def test_without_one_there_is_what_ships(self, environ: Mapping[str, str]) -> None:
        known = load("anthropic", environ)
        assert (known.catalogue, known.changed, known.problems) == (builtin(), (), ())
        assert known.summary == f"models and prices as of {builtin().as_of}"

    def test_changes_one_model_and_adds_another(self, environ: Mapping[str, str]) -> None:
        known = written(
            environ,
            f"""as_of = 2027-01-01
            [[model]]
            id = "{SONNET}"
            {PRICE}
            [[model]]
            id = "in-house"
            context = 32_768
            """,
        )
        assert known.problems == ()
        assert known.catalogue.cost_usd(SONNET, MILLION) == 3.0
        assert known.catalogue.max_output_tokens(SONNET) == 128_000, "what is left out stays"
        assert known.catalogue.context_tokens("in-house") == 32_768
        assert known.catalogue.cost_usd("in-house", MILLION) is None
        assert known.catalogue.as_of == datetime.date(2027, 1, 1)
        assert known.changed == (SONNET, "in-house")
        assert known.summary == (
            f"models and prices as of 2027-01-01; {known.file} changes {SONNET}, in-house"
        )

    def test_the_example_of_the_documentation(self, environ: Mapping[str, str]) -> None:
        page = (Path(__file__).parents[2] / "docs" / "models.md").read_text("utf-8")
        known = written(environ, page.partition("```toml\n")[2].partition("```")[0])
        assert known.problems == ()
        assert known.changed == (SONNET, "in-house-large", "prod-sonnet")
        assert known.catalogue.cost_usd("prod-sonnet", MILLION) == 2.0
        assert known.catalogue.most_prompt_tokens("in-house-large", "fast") == 32_000

    @pytest.mark.parametrize(
        ("entry", "problem"),
        [
            ("prise = []", "'prise' is not a key of a model"),
            ('context = "large"', "context has the wrong type"),
            ("context = 0", "context must be more than nothing"),
            ("chars_per_token = nan", "chars_per_token must be more than nothing"),
            ("price = [{ input = 3 }]", "a price needs 'output', in USD per million tokens"),
            (PRICE.replace("3,", "nan,"), "a price needs 'input', in USD per million tokens"),
            (PRICE.replace("3,", "inf,"), "a price needs 'input', in USD per million tokens"),
            (PRICE.replace("3,", "-1,"), "a price needs 'input', in USD per million tokens"),
            (PRICE.replace(" }", ", batch = 1 }"), "'batch' is not a key of a price"),
            (
                PRICE.replace("]", f", {PRICE.partition('[')[2]}"),
                "prices are ordered by up_to, the one without it comes last",
            ),
            ('priced_like = "gpt"', "priced_like must name a model that kibitz knows"),
            ('thinking_off = "never"', "thinking_off is not one of the known ways"),
        ],
    )
    def test_an_entry_that_is_wrong_is_left_out_as_a_whole(
        self, environ: Mapping[str, str], entry: str, problem: str
    ) -> None:
        known = written(
            environ,
            f'[[model]]\nid = "{SONNET}"\nmax_output = 5\n{entry}\n'
            f'[[model]]\nid = "other"\n{PRICE}\n',
        )
        assert known.problems == (f"{known.file}: {SONNET}: {problem}; the entry is ignored.",)
        assert known.catalogue.max_output_tokens(SONNET) == 128_000
        assert known.catalogue.cost_usd("other", MILLION) == 3.0, "the others hold"

    @pytest.mark.parametrize(
        ("text", "problem"),
        [
            ("[[models]]\nid = 'x'", "there is no key 'models'"),
            ("as_of = 'today'", "as_of is a date"),
            ("model = 3", "'model' must be a list of tables"),
            ("[[model]]\ncontext = 3", "a model needs an id"),
            ("gone = 3", "'gone' must be a table of texts"),
            ("a b", "is not valid TOML"),
        ],
    )
    def test_a_file_that_is_wrong(
        self, environ: Mapping[str, str], text: str, problem: str
    ) -> None:
        known = written(environ, text)
        (sentence,) = known.problems
        assert str(known.file) in sentence and problem in sentence
        assert known.catalogue == builtin()

    def test_it_is_read_from_the_users_folder_alone(
        self, environ: Mapping[str, str], tmp_path: Path
    ) -> None:
        """A repository has no say: neither by a file of that name, nor by its settings."""
        root = tmp_path / "repository"
        root.mkdir()
        (root / "models.toml").write_text(f'[[model]]\nid = "{SONNET}"\n{PRICE}\n')
        (root / ".kibitz.toml").write_text(f'[[model]]\nid = "{SONNET}"\n{PRICE}\n')
        loaded = load_settings(root, {"model": [{"id": SONNET}]}, {}, environ)
        assert all(problem.reason == "unknown" for problem in loaded.problems)
        assert Backend(loaded.settings, environ).known_models().catalogue == builtin()


class TestWhosePrices:
    @pytest.mark.parametrize("provider", ["anthropic", "standin", "bedrock", "vertex", "foundry"])
    def test_anthropics_hold_for_anthropics_models(
        self, environ: Mapping[str, str], provider: Provider
    ) -> None:
        assert load(provider, environ).catalogue.cost_usd(SONNET, MILLION) == 2.0

    @pytest.mark.parametrize("provider", ["compatible", "local"])
    def test_another_endpoint_has_prices_of_its_own(
        self, environ: Mapping[str, str], provider: Provider
    ) -> None:
        known = load(provider, environ).catalogue
        assert known.cost_usd(SONNET, MILLION) is None
        assert known.prices(SONNET) is None
        assert known.cache_minimum_tokens(SONNET) == 512, "everything else is of the model"
        assert known.request_options(SONNET, "fast").thinking == "between_tools"

    @pytest.mark.parametrize("id_", [SONNET, "anthropic/claude-sonnet-5-5", "prod-large"])
    def test_unless_the_user_says_so(self, environ: Mapping[str, str], id_: str) -> None:
        text = f'[[model]]\nid = "{id_}"\npriced_like = "{SONNET}"\n'
        known = written(environ, text, "compatible")
        assert known.problems == ()
        assert known.catalogue.cost_usd(id_, MILLION) == 2.0
        assert known.catalogue.cost_usd("claude-opus-5-5", MILLION) is None


def test_a_problem_is_logged_once(
    environ: Mapping[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    written(environ, "as_of = 1")
    backend = Backend(DEFAULTS, environ)
    with caplog.at_level(logging.WARNING):
        backend.known_models()
        backend.known_models()
    assert len(caplog.records) == 1


class TestPolicyPrices:
    def test_are_for_one_token(self) -> None:
        prices = builtin().prices(SONNET)
        assert prices is not None
        assert prices.read * 1_000_000 == pytest.approx(0.1)
        assert prices.write("1h") * 1_000_000 == pytest.approx(4.0)
        assert prices.output * 1_000_000 == pytest.approx(10.0)

    def test_the_band_is_that_of_the_prompt(self) -> None:
        haiku = "claude-haiku-5-5"
        low, high = builtin().prices(haiku, 100_000), builtin().prices(haiku, 100_001)
        assert low is not None and high is not None
        assert high.input == pytest.approx(5 * low.input)
        assert builtin().prices("gemma") is None
