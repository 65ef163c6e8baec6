"""The one table of fields: defaults are allowed, types and limits hold, help names them all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from merclip_jax.settings import fields
from merclip_jax.settings.fields import Field

NAMES = [field.name for field in fields.FIELDS]


def test_every_field_stands_once_and_allows_its_default():
    assert len(NAMES) == len(set(NAMES))
    for field in fields.FIELDS:
        assert field.allows(field.default), field.name
        assert field.meaning


def test_defaults_are_nested_and_locked():
    config = fields.defaults()
    assert config.recipe.epochs == 55
    assert config.seeds == (0,)
    with pytest.raises(AttributeError, match="epochs"):
        config.recipe.epoch = 3


@pytest.mark.parametrize("name", NAMES)
def test_help_names_it(name):
    assert f"--config.{name}=" in fields.described()


@pytest.mark.parametrize(
    ("field", "allowed", "refused"),
    [
        (Field("a", 1, "", low=1), (1, 7), (0, -1, 1.0, True, "1", None)),
        (Field("a", 0.5, "", low=0, high=1), (0, 0.0, 1, 0.3), (-0.1, 1.1, "0.5", False)),
        (Field("a", 0.5, "", above=0), (1e-9, 2), (0, 0.0, -1)),
        (Field("a", "x", "", ("x", "y")), ("x", "y"), ("z", "", 0)),
        (Field("a", True, ""), (True, False), (1, 0, "True")),
        (Field("a", "", ""), ("", "any"), (0, None)),
        (Field("a", (1,), ""), ((), (1, 2)), ([1], 1)),
    ],
)
def test_what_a_field_allows(field, allowed, refused):
    assert all(field.allows(value) for value in allowed)
    assert not any(field.allows(value) for value in refused)


@given(st.floats(allow_nan=True, allow_infinity=True))
def test_no_limit_is_passed_by_what_is_no_number(value):
    field = Field("a", 0.5, "", low=0, high=1)
    assert field.allows(value) == (0 <= value <= 1)


def test_limits_in_words():
    assert Field("a", 1, "", low=1, high=9).limits == "at least 1 and at most 9"
    assert Field("a", 1.0, "", above=0).limits == "above 0"
    assert Field("a", "x", "", ("x", "y")).limits == "'x' | 'y'"
    assert Field("a", "x", "").limits == ""
