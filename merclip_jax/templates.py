"""Every page and text that we fill: one environment, in which a missing word is an error."""

from collections.abc import Sequence
from functools import cache
from typing import Any

import jinja2

ROOMS = ("reports", "timeline", "towers")  # each with a folder `templates` beside the code


def fill(template: str, **words: Any) -> str:
    """A template with its words.

    Args:
      template: room and file, such as 'reports/report.html'; HTML is escaped.
      words: what it names.
    """
    return _environment().get_template(template).render(words)


def interval(ends: Sequence[float], form: str = ".3f") -> str:
    """An interval in words, such as '0.470 to 0.536'; form '+.3f' is that of a difference."""
    low, high = ends
    return f"{low:{form}} to {high:{form}}"


@cache
def _environment() -> jinja2.Environment:
    rooms = {room: jinja2.PackageLoader(f"merclip_jax.{room}", "templates") for room in ROOMS}
    environment = jinja2.Environment(
        loader=jinja2.PrefixLoader(rooms),
        autoescape=jinja2.select_autoescape(["html"]),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["score"] = "{:.3f}".format
    environment.filters["difference"] = "{:+.3f}".format
    environment.filters["interval"] = interval
    return environment
