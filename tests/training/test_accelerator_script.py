"""The script that measures accelerators runs anywhere at small size."""

import json

from benchmarks.speed import gpu
from merclip_jax import app


def test_every_part_gives_its_lines(tmp_path, capsys):
    file = tmp_path / "lines.jsonl"
    command = app.Command(gpu.__doc__, gpu.define, gpu.main)
    assert app.run(command, ["--small", f"--json={file}"]) == 0
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert file.read_text() == capsys.readouterr().out
    assert [line for line in lines if "error" in line] == []
    parts = {name: [line for line in lines if line["part"] == name] for name in gpu.PARTS}
    assert all(parts.values())
    assert max(line["logits_off"] for line in parts["parity"]) < 4e-6  # as tests/merclip's
    assert {line["form"] for line in parts["attention"]} == {"ours", "xla"}
    assert parts["folds"][0]["casme2_minutes"] > 0


def test_what_a_device_cannot_do_is_said_in_its_line():
    with gpu._said(folds=8) as line:
        raise NotImplementedError("no such kernel\nand a traceback")
    assert line == {"folds": 8, "error": "no such kernel"}
