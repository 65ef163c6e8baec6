"""The README as a stranger reads it: every block is run, in order, in a folder without a clone.

The commands are called in this process: the package is imported once, and one cache of compiled
programs serves all of them. `test_wheel.py` calls them as programs.
"""

import importlib
import re
import shlex
import subprocess
import tomllib
from dataclasses import replace
from pathlib import Path

import films
import numpy as np
import pytest
from corpora.casme2 import make_casme2
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from merclip_jax import __main__ as commands
from merclip_jax import app
from merclip_jax.reports import paper
from merclip_jax.tfds_builders.synthetic_me import clips
from merclip_jax.tfds_builders.synthetic_me.corpus import Corpus

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.M | re.S)
BIN = ".venv/bin/"
START, END = "<|startoftext|>", "<|endoftext|>"
STANDS_FOR = {  # what a reader has and a test has not -> what takes its place in the folder
    "/corpora/CASME2": "CASME2",  # a corpus under licence
    "epoch_50.pth": str(ROOT / "tests/goldens/tiny/state_dict.safetensors"),  # the release's size
    "openai/clip-vit-base-patch16": "tokenizer",  # on the hub
}
SMALL = {
    "data.data_dir": "data", "data.image_size": 32, "data.frames": 8, "recipe.epochs": 1,
    "recipe.warmup_epochs": 0, "recipe.batch_size": 4, "augment.augmix": False,
    "augment.color": False, "eval.batch_size": 4, "parallel.devices": 1,
    "folds.scheme": "hold_out",
}  # fmt: skip
DRAWN = {
    "data.builder_config": "tiny", "data.input": "rgb", "model.init_from": "weights/merclip",
    "au.units": "(1, 4, 12)",
}  # fmt: skip
SMALLER = {  # by command and config: flags behind those of the README
    ("train", "casme2"): SMALL,
    ("train", "corpus_au"): SMALL,
    ("train", "synthetic_au"): SMALL | DRAWN,
}
HEADS = ["--video_heads=4", "--global_heads=5", "--emotion_heads=2", "--text_heads=3"]
FURTHER = {"convert": HEADS, "predict": ["--stride_ms=100"]}
LEAVES = {  # what is there afterwards
    "audit": "audit.html",
    "convert": "weights/merclip/model.safetensors",
    "predict": "out/timeline.html",
}


def lines(block: str) -> list[list[str]]:
    """The commands of a shell block, each as its words."""
    whole = re.sub(r"\\\n\s*", "", block)
    parts = [part for line in whole.splitlines() for part in line.split("&&")]
    return [words for part in parts if (words := shlex.split(part, comments=True))]


SHELL = [words for kind, block in BLOCKS if not kind for words in lines(block)]
OURS = [words for words in SHELL if "merclip" in words[0] or "merclip_jax." in " ".join(words[:3])]
MANY = [words for words in OURS if any("parallel." in word for word in words)]  # many machines
PYTHON = [block for kind, block in BLOCKS if kind == "python"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with what the README takes for granted: a corpus, films, the release's weights."""
    place = tmp_path_factory.mktemp("stranger")
    make_casme2(place / "CASME2")
    corpus = replace(Corpus.macro(size=192), frames=40)
    frames, _ = clips.render_clip(corpus, subject=4, index=1)
    times = [10 * i for i in range(len(frames))]
    for name in ("clip.mp4", "video.mp4"):
        films.film(place / name, times, frames)
    np.save(place / "frames.npy", frames)
    (place / "tokenizer").mkdir()
    words = {word: i for i, word in enumerate(("<unknown>", START, END))}  # the text tower is small
    tokenizer = Tokenizer(models.WordLevel(words, unk_token="<unknown>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{START} $A {END}", special_tokens=[(START, 1), (END, 2)]
    )
    tokenizer.save(str(place / "tokenizer" / "tokenizer.json"))
    return place


def called(words: list[str]) -> tuple[str, list[str]]:
    """The name of one of our commands, and its arguments with what stands for what we lack."""
    program, *rest = words
    assert program.startswith(BIN)
    if program == f"{BIN}python":
        name, *rest = rest[1:]
    else:
        name, *rest = rest
    arguments = []
    for argument in rest:
        flag, value = argument.split("=", 1)
        place, colon, kind = value.partition(":")
        whole = STANDS_FOR.get(value) or STANDS_FOR.get(place, place) + colon + kind
        arguments.append(f"{flag}={whole}")
    return name.removeprefix("merclip_jax."), arguments


def smaller(name: str, arguments: list[str]) -> list[str]:
    """Flags that make a command short."""
    (config,) = re.findall(r"--config=(?:configs/)?(\w+)", " ".join(arguments)) or [""]
    fields = SMALLER.get((name, config), {})
    return [*FURTHER.get(name, []), *(f"--config.{key}={value}" for key, value in fields.items())]


@pytest.mark.parametrize("words", [words for words in OURS if words not in MANY], ids=" ".join)
def test_a_command_runs(words, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    monkeypatch.setattr(paper, "write", lambda *_: None)  # slow; test_paper.py has it
    name, arguments = called(words)
    code = commands.main([name, *arguments, *smaller(name, arguments)])
    assert code == app.DONE, capsys.readouterr().err
    wrote = re.findall(r"--workdir=(\S+)", " ".join(arguments))
    for file in [LEAVES[name]] if name in LEAVES else [f"{place}/report.html" for place in wrote]:
        assert Path(file).is_file()


@pytest.mark.parametrize("block", PYTHON, ids=lambda block: block.split()[-1])
def test_python_runs(block, folder, monkeypatch):
    monkeypatch.chdir(folder)
    known = {"frames": np.load("frames.npy")}
    exec(block, known)
    assert {"emotion", "start_ms", "nearest_1"} <= {*known["table"].columns}
    assert known["model"].similarity(known["frames"], ["lowering the brows"]).shape == (1, 1)


@pytest.mark.parametrize("words", MANY, ids=" ".join)
def test_a_command_for_many_machines_is_understood(words, monkeypatch):
    name, arguments = called(words)
    given = [
        word.replace("...", {"--config": "demo"}.get(word.split("=")[0], "run"))
        for word in arguments
    ]
    understood = replace(
        importlib.import_module(f"merclip_jax.{name}").COMMAND, body=lambda _: None
    )
    assert app.run(understood, given) == app.DONE


def test_what_is_not_ours_names_what_there_is():
    others = [words for words in SHELL if words not in OURS]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"][
        "optional-dependencies"
    ]
    seen = {words[0] for words in others}
    assert seen == {"git", "cd", "make", f"{BIN}python"}
    for program, *rest in others:
        if program == "make":
            subprocess.run(["make", "-n", *rest], cwd=ROOT, check=True, capture_output=True)
        if program == f"{BIN}python":
            assert rest[:3] == ["-m", "pip", "install"]
            assert re.findall(r"\[(\w+)\]", rest[-1])[0] in extras


def test_the_table_of_commands_is_complete():
    told = re.findall(r"^\| `merclip-jax (\w+) ", README, re.M)
    assert sorted(told) == sorted(commands.COMMANDS)


def test_every_kind_of_block_is_read():
    assert len(OURS) >= 8 and len(MANY) == 1 and len(PYTHON) == 1
    assert {kind for kind, _ in BLOCKS} == {"", "python"}
