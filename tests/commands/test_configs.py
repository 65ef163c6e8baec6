"""Every config file: it loads with each of its arguments, and whatever it names exists."""

import importlib
import pkgutil
from pathlib import Path

import pytest

from merclip_jax import configs
from merclip_jax.configs import (
    ablations,
    baselines,
    casme2,
    casme3,
    corpus_au,
    corpus_motion,
    samm,
    synthetic_au,
)
from merclip_jax.configs.ablations import merclip, micro_au
from merclip_jax.data import datasets, places
from merclip_jax.protocols import selection
from merclip_jax.settings import checks

ROOT = Path(__file__).parents[2]
NAMES = [module.name for module in pkgutil.iter_modules(configs.__path__) if not module.ispkg]
OF_BASELINES = [module.name for module in pkgutil.iter_modules(baselines.__path__)]
OF_ABLATIONS = [module.name for module in pkgutil.iter_modules(ablations.__path__)]
ARGUMENTS = {
    "casme2": tuple(casme2.PROTOCOLS),
    "casme2_released": tuple(casme2.PROTOCOLS),
    "casme3": tuple(casme3.PROTOCOLS),
    "samm": tuple(samm.PROTOCOLS),
    "synthetic_au": tuple(synthetic_au.SCHEMES),
    "corpus_au": tuple(corpus_au.CORPORA),
    "corpus_motion": tuple(corpus_motion.CORPORA),
    "ablations.merclip": tuple(merclip.ROWS),
    "ablations.micro_au": tuple(micro_au.ROWS),
}
ARGUMENTS |= {f"baselines.{name}": baselines.CORPORA for name in OF_BASELINES}
NAMES += [f"baselines.{name}" for name in OF_BASELINES]
NAMES += [f"ablations.{name}" for name in OF_ABLATIONS]
EVERY = [(name, given) for name in NAMES for given in (None, *ARGUMENTS.get(name, ()))]


def load(name, given):
    module = importlib.import_module(f"merclip_jax.configs.{name}")
    return module.get_config() if given is None else module.get_config(given)


@pytest.fixture(params=EVERY, ids=lambda case: ":".join(filter(None, case)))
def config(request):
    return load(*request.param)


def test_unknown_fields_cannot_be_set(config):
    with pytest.raises(AttributeError, match=r'Did you mean "epochs"'):
        config.recipe.epoch = 3
    with pytest.raises(AttributeError):
        config.sedes = (1,)


def test_its_protocol_goes_with_its_dataset(config):
    assert "+".join(selection.get(config.data.protocol).datasets) == config.data.dataset


def test_its_datasets_and_builder_configs_exist(config):
    names = config.data.dataset.split("+")
    assert set(names) <= set(datasets.datasets())
    for name, variant in places.variants(config.data.builder_config, names).items():
        module = importlib.import_module(f"merclip_jax.tfds_builders.{name}.{name}_dataset_builder")
        assert variant in ("", *module.Builder.builder_configs)


def test_the_weights_it_starts_from_are_there(config):
    if config.model.init_from:
        assert (ROOT / config.model.init_from / "model.safetensors").is_file()


def test_its_values_are_allowed(config):
    with config.unlocked():
        config.model.init_from = config.model.init_from or "assets/demo_model"
    checks.check(config)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "base"])
def test_a_config_is_a_short_delta_with_an_example(name):
    file = Path("configs", *name.split(".")).with_suffix(".py")
    source = (ROOT / file).read_text()
    assert len(source.splitlines()) <= 60
    assert f"python -m merclip_jax.train --config={file}" in source


@pytest.mark.parametrize("name", OF_BASELINES)
def test_a_baselines_corpus_is_named(name):
    given = ", ".join(baselines.CORPORA)
    with pytest.raises(ValueError, match=rf"{name}\.py:casme9: give one of {given}"):
        load(f"baselines.{name}", "casme9")


@pytest.mark.parametrize("name", ["casme2", "casme3", "samm"])
@pytest.mark.parametrize("given", ["classes=9", "classes=", "7", "megc"])
def test_an_argument_that_a_config_does_not_know(name, given):
    with pytest.raises(ValueError, match=rf"{name}\.py:{given}: give classes=3, 4"):
        load(name, given)
