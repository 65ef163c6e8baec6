"""A corpus, as its owner distributes it -> a prepared TFDS dataset of clip records.

TFDS's own `tfds build` needs TensorFlow and Beam; this needs neither. What is prepared here can
be read by anyone with `tfds.builder_from_directory(DIR).as_data_source("train")`, or with
`records.Records(builder)`, which gives text as `str`.
"""

import importlib
import pkgutil
import shutil
from collections.abc import Sequence
from pathlib import Path

import pandas as pd
import tensorflow_datasets as tfds
from etils import epath
from ml_collections import ConfigDict

from merclip_jax import tfds_builders, workdir
from merclip_jax.data import motion, places, prepared
from merclip_jax.data.records import Records
from merclip_jax.errors import ConfigError, DataError
from merclip_jax.faces import face
from merclip_jax.facs import notation
from merclip_jax.protocols.table import Protocol
from merclip_jax.tfds_builders.builder import CorpusBuilder
from merclip_jax.tfds_builders.corpus import Corpus
from merclip_jax.tfds_builders.records import Clip

SCRATCH = ".preparing-"  # begins the name of the folder, beside the datasets, in which one is made
FACTS = ("clip_id", "dataset", "subject", "clip", "split", "emotion", "objective_class", "aus")


def prepare(
    dataset: str, manual_dir: str | Path, data_dir: str | Path, config_name: str | None = None
) -> tfds.core.DatasetBuilder:
    """The builder of a prepared dataset; a dataset that is not there yet is prepared first.

    All faults of the corpus are found before anything is written, and the dataset appears under
    its name only when it is complete: a killed preparation starts anew.

    Args:
      dataset: a folder of tfds_builders, such as 'casme2'.
      manual_dir: where the corpus lies; '' where the builder needs none.
      data_dir: where prepared datasets are kept.
      config_name: a builder config, such as 'raw'; None or '' is the builder's first.

    Raises:
      ConfigError: no such dataset or config, or no corpus at manual_dir.
      DataError: the corpus has faults; all are listed.
    """
    data_dir = Path(data_dir).absolute() / _version(dataset, manual_dir, config_name)
    target = _folder(dataset, data_dir, config_name)
    prepared.check_description(target)
    builder = _builder(dataset, data_dir, config_name)
    manual_dir = places.manual_dirs(str(manual_dir or ""), [dataset])[dataset]
    folder = Path(manual_dir).expanduser().absolute() if manual_dir else None
    if target.exists():
        if folder and folder.is_dir() and (read := _corpus(builder, folder)):
            prepared.check_annotation(builder, read)
        return builder
    if folder and (not folder.is_dir() or not any(folder.iterdir())):
        raise ConfigError(f"manual_dir={folder}: no such folder, or an empty one")
    try:
        data_dir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigError(f"data_dir={data_dir} cannot be made: {error.strerror}") from error
    scratch = data_dir / f"{SCRATCH}{dataset}-{builder.builder_config.name}"
    with workdir.alone(scratch.with_suffix(".lock"), str(target), wait=True):
        if not target.exists():
            _prepare(dataset, builder.builder_config.name, folder, scratch, target)
    return _builder(dataset, data_dir, config_name)


def _prepare(
    dataset: str, config_name: str, folder: Path | None, scratch: Path, target: Path
) -> None:
    """Write a dataset into a folder of its own; what a killed preparation left there goes."""
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        draft = _builder(dataset, scratch, config_name)
        prepared.write(draft, folder)
        prepared.describe(Path(draft.data_dir), _corpus(draft, folder) if folder else None)
        target.parent.mkdir(parents=True, exist_ok=True)
        workdir.publish(Path(draft.data_dir), target)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _version(dataset: str, manual_dir: str | Path, config_name: str | None) -> str:
    """The folder within data_dir for what its user may change; '' for owners' corpora."""
    builder = _builder_class(dataset)
    if not issubclass(builder, CorpusBuilder) or not builder.CORPUS.changes:
        return ""
    return f"{dataset}-{corpus(dataset, manual_dir, config_name or '').version()}"


def prepare_all(
    dataset: str, manual_dir: str, data_dir: str | Path, config_name: str = ""
) -> list[tfds.core.DatasetBuilder]:
    """The builders of the corpora that `dataset` names, 'casme2' or 'casme2+samm+smic'.

    Args:
      dataset: corpora, joined by '+'.
      manual_dir: as `places.manual_dirs` takes it.
      data_dir: where prepared datasets are kept.
      config_name: a builder config; of several corpora 'casme2=raw,smic=hs_raw', '' for the first.

    Raises:
      ConfigError, DataError: as `prepare`.
    """
    names = dataset.split("+")
    lie, variants = places.manual_dirs(manual_dir, names), places.variants(config_name, names)
    return [prepare(name, lie[name], data_dir, variants[name]) for name in names]


def check(data: ConfigDict, protocol: Protocol) -> None:
    """Refuse what cannot be prepared or packed, before anything is read.

    Args:
      data: a config's fields of data.
      protocol: which clips are wanted.

    Raises:
      ConfigError: an unknown corpus or variant, a corpus that the protocol needs and the run lacks,
        no such folder, or the face networks are needed and not installed.
    """
    names = data.dataset.split("+")
    lie = places.manual_dirs(data.manual_dir, names)
    variants = places.variants(data.builder_config, names)
    configs = [_config(name, variants[name]) for name in names]
    sees = (data.input, data.image_size, data.crop)
    of_flow = [shows_flow(config) for config in configs]
    if any(of_flow) and sees != ("motion", motion.SEEN, "owner"):
        raise ConfigError(
            f"--config.data.dataset={data.dataset} holds pictures of flow and no faces: set "
            f"--config.data.input=motion (it is {sees[0]}), --config.data.image_size="
            f"{motion.SEEN} (it is {sees[1]}) and --config.data.crop=owner (it is {sees[2]})"
        )
    if any(of_flow) and not all(of_flow):
        raise ConfigError(
            f"--config.data.dataset={data.dataset}: pictures of flow and of faces do not go "
            "together; run them apart"
        )
    lacking = [name for name in protocol.datasets if name not in names]
    if lacking:
        raise ConfigError(
            f"--config.data.protocol={protocol.name} takes clips of {'+'.join(protocol.datasets)}, "
            f"and --config.data.dataset={data.dataset} lacks {', '.join(lacking)}"
        )
    if data.crop == "aligned":
        face.check_installed()
    for place in filter(None, lie.values()):
        if not Path(place).expanduser().is_dir():
            raise ConfigError(f"--config.data.manual_dir={place}: no such folder")


def shows_flow(config: tfds.core.BuilderConfig) -> bool:
    """Whether a builder's frames are pictures of flow."""
    return bool(config.flow)


def corpus(dataset: str, manual_dir: str | Path, config_name: str = "") -> Corpus:
    """A corpus on disk, unprepared: its annotation, its faults.

    Raises:
      ConfigError: no such dataset or config, a dataset that is not read from disk, or no folder.
    """
    builder = _builder_class(dataset)
    if not issubclass(builder, CorpusBuilder):
        raise ConfigError(f"dataset {dataset!r} is made by code: there is no corpus on disk")
    manual_dir = places.manual_dirs(str(manual_dir), [dataset])[dataset]
    folder = Path(manual_dir).expanduser().absolute()
    if not manual_dir or not folder.is_dir():
        raise ConfigError(
            f"manual_dir={manual_dir}: no such folder. {builder.MANUAL_DOWNLOAD_INSTRUCTIONS}"
        )
    config = _config(dataset, config_name)
    return builder.CORPUS(folder, config.layout, config.corrected)


def _corpus(builder: tfds.core.DatasetBuilder, folder: Path) -> Corpus | None:
    """The corpus in a folder as a builder reads it; none where it reads none."""
    config = builder.builder_config
    if not isinstance(builder, CorpusBuilder):
        return None
    return builder.CORPUS(folder, config.layout, config.corrected)


def annotations(
    dataset: str, manual_dir: str, data_dir: str | Path, config_name: str = ""
) -> pd.DataFrame:
    """One row per clip of the corpora, as `protocols.select` takes them; no frame is read.

    A corpus that is made by code is prepared for this.

    Raises:
      ConfigError: as `prepare_all`.
      DataError: the annotation is missing or has rows that cannot be used; all are listed.
    """
    names = dataset.split("+")
    lie, variants = places.manual_dirs(manual_dir, names), places.variants(config_name, names)
    return pd.concat(
        [_annotation(name, lie[name], data_dir, variants[name]) for name in names],
        ignore_index=True,
    )


def _annotation(dataset: str, manual_dir: str, data_dir: str | Path, variant: str) -> pd.DataFrame:
    if issubclass(_builder_class(dataset), CorpusBuilder):
        sheet = corpus(dataset, manual_dir, variant).sheet()
        stopping = [str(fault) for fault in sheet.faults if fault.stops_build]
        if stopping:
            raise DataError(f"{sheet.source}: rows that cannot be used", stopping)
        return facts(sheet.clips)
    builder = prepare(dataset, manual_dir, data_dir, variant)
    read = Records(builder, encoded=True)
    return _with_units(pd.DataFrame([{name: record[name] for name in FACTS} for record in read]))


def facts(clips: Sequence[Clip]) -> pd.DataFrame:
    """The facts of some clips, one row each."""
    rows = [{name: getattr(clip, name) for name in FACTS} for clip in clips]
    return _with_units(pd.DataFrame(rows, columns=FACTS))


def _with_units(table: pd.DataFrame) -> pd.DataFrame:
    """With the column 'action_units': each AU cell is parsed here, and nowhere after."""
    return table.assign(action_units=notation.parse_column(table["aus"]))


def datasets() -> list[str]:
    """The corpora that have a builder."""
    return [module.name for module in pkgutil.iter_modules(tfds_builders.__path__) if module.ispkg]


def _builder_class(dataset: str) -> type[tfds.core.DatasetBuilder]:
    if dataset not in datasets():
        raise ConfigError(f"dataset {dataset!r}: give one of {', '.join(datasets())}")
    module = importlib.import_module(
        f"merclip_jax.tfds_builders.{dataset}.{dataset}_dataset_builder"
    )
    # TFDS guesses the folder from the module's name; ours may lie beside the package.
    module.Builder.pkg_dir_path = epath.Path(str(module.__file__)).parent
    return module.Builder


def _config(dataset: str, name: str | None) -> tfds.core.BuilderConfig:
    configs = _builder_class(dataset).builder_configs
    if name and name not in configs:
        raise ConfigError(f"builder config {name!r}: {dataset} has {', '.join(configs)}")
    return configs[name or next(iter(configs))]


def _folder(dataset: str, data_dir: Path, config_name: str | None) -> Path:
    """Where TFDS keeps a dataset."""
    config = _config(dataset, config_name)
    version = config.version or _builder_class(dataset).VERSION
    return data_dir / dataset / config.name / str(version)


def _builder(dataset: str, data_dir: Path, config_name: str | None) -> tfds.core.DatasetBuilder:
    builder, config = _builder_class(dataset), _config(dataset, config_name)
    return builder(config=config.name, data_dir=data_dir, file_format="array_record")
