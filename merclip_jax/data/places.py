"""Where the corpora of a run lie, and which of their variants: one value for all, or one each."""

import re
from collections.abc import Sequence
from pathlib import Path

from merclip_jax.errors import ConfigError


def manual_dirs(manual_dir: str, names: Sequence[str]) -> dict[str, str]:
    """Each corpus's folder; '' for those that `manual_dir` does not name.

    Args:
      manual_dir: where a single corpus lies; of several, the folder that holds one folder per
        corpus, named as the corpus is here, or 'casme2=/a/CASME2,samm=/b/SAMM'. The name of a
        folder may hold '=' and ','.
      names: the corpora.

    Raises:
      ConfigError: a corpus is named that is none of them.
    """
    by_name = _shares(manual_dir, names)
    if by_name is None and "=" in manual_dir and not Path(manual_dir).expanduser().exists():
        raise _unknown(manual_dir, names, "manual_dir")
    if by_name is None and len(names) > 1 and manual_dir:
        return {name: str(Path(manual_dir) / name) for name in names}
    return by_name or dict.fromkeys(names, manual_dir)


def variants(builder_config: str, names: Sequence[str]) -> dict[str, str]:
    """Each corpus's builder config: 'raw' for all, or 'casme2=raw,smic=hs_raw'.

    Raises:
      ConfigError: a corpus is named that is none of them.
    """
    by_name = _shares(builder_config, names)
    if by_name is None and "=" in builder_config:
        raise _unknown(builder_config, names, "builder_config")
    return by_name or dict.fromkeys(names, builder_config)


def _shares(value: str, names: Sequence[str]) -> dict[str, str] | None:
    """Each corpus's share of 'casme2=x,samm=y'; None where the value does not begin so."""
    name = "|".join(map(re.escape, names))
    if not re.match(rf"({name})=", value):
        return None
    parts = re.split(rf",(?=(?:{name})=)", value)
    return dict.fromkeys(names, "") | dict(part.split("=", 1) for part in parts)


def _unknown(value: str, names: Sequence[str], field: str) -> ConfigError:
    return ConfigError(
        f"{field}={value}: {value.partition('=')[0]} is none of {', '.join(names)}"
        + (", and there is no such folder" if field == "manual_dir" else "")
    )
