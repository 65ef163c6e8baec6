"""PyTorch's files, read without PyTorch and without running what they name."""

import os
import pickle
import zipfile

import numpy as np
import pytest

from merclip_jax.errors import DataError
from merclip_jax.towers import checkpoint

REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
NUMBERS = np.arange(6, dtype="<f4")
DATA = NUMBERS.tobytes()


def word(text: str) -> bytes:
    return b"X" + len(text).to_bytes(4, "little") + text.encode()


def numbers(*values: int) -> bytes:
    return b"(" + b"".join(b"I%d\n" % value for value in values) + b"t"


def tensor(shape=(2, 3), strides=(3, 1), count=6, kind="FloatStorage", offset=0, key="0") -> bytes:
    """Opcodes of one tensor, as torch.save writes it."""
    storage = b"(" + word("storage") + b"ctorch\n%s\n" % kind.encode() + word(key) + word("cpu")
    storage += b"I%d\nt" % count + b"Q"
    arguments = storage + b"I%d\n" % offset + numbers(*shape) + numbers(*strides)
    return REBUILD + b"(" + arguments + b"I00\nccollections\nOrderedDict\n)RtR"


def saved(path, objects: bytes, data=DATA, compress=zipfile.ZIP_STORED):
    """An archive as torch.save makes it, of one pickle and one storage."""
    with zipfile.ZipFile(path, "w", compress) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + objects + b".")
        archive.writestr("archive/data/0", data)
    return path


def a_dict(**items: bytes) -> bytes:
    return b"}(" + b"".join(word(name) + value for name, value in items.items()) + b"u"


def test_a_tensor_is_read(tmp_path):
    found = checkpoint.read(saved(tmp_path / "a.pth", a_dict(weight=tensor())))
    np.testing.assert_array_equal(found.tensors["weight"], NUMBERS.reshape(2, 3))
    turned = checkpoint.read(saved(tmp_path / "a.pth", a_dict(weight=tensor((3, 2), (1, 3)))))
    np.testing.assert_array_equal(turned.tensors["weight"], NUMBERS.reshape(2, 3).T)


def test_nothing_that_a_file_names_is_run(tmp_path):
    """A pickle that would write a file, beside a good tensor; also by way of getattr."""
    target = tmp_path / "written"

    class Evil:
        def __reduce__(self):
            return os.system, (f"touch {target}",)

    body = pickle.dumps(Evil(), 2)[2:-1]
    by_name = body.replace(
        b"cposix\nsystem\n", b"c__builtin__\ngetattr\n(cposix\nsystem\n" + word("x") + b"tR"
    )
    for evil in (
        body,
        by_name,
        b"c__builtin__\neval\n(" + word(f"open({str(target)!r}, 'w')") + b"tR",
    ):
        path = saved(tmp_path / "evil.pth", a_dict(weight=tensor(), more=evil))
        with pytest.raises(
            DataError, match=r"it names (posix\.system|__builtin__\.eval).*nothing of it was run"
        ):
            checkpoint.read(path)
    stream = tmp_path / "stream.pth"
    stream.write_bytes(pickle.dumps(Evil(), 2))
    with pytest.raises(DataError, match="nothing of it was run"):
        checkpoint.read(stream)
    assert not target.exists()


def test_a_message_hub_is_passed_over(tmp_path):
    """mmengine's log buffers, which also name their own methods by getattr."""
    buffer = b"cmmengine.logging.history_buffer\nHistoryBuffer\n"
    method = b"c__builtin__\ngetattr\n(" + buffer + word("mean") + b"tR"
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n" + numbers(0) + word("b") + b"tR"
    )
    history = (
        buffer
        + b")\x81"
        + a_dict(_log_history=array, statistics_methods=a_dict(mean=method))
        + b"b"
    )
    hub = a_dict(log_scalars=a_dict(loss=history))
    objects = a_dict(message_hub=hub, state_dict=a_dict(weight=tensor()))
    found = checkpoint.read(saved(tmp_path / "epoch_50.pth", objects))
    assert list(found.tensors) == ["weight"]
    assert found.unwrapped == "its state_dict (beside message_hub)"


def test_torchscript_is_read_and_never_run(tmp_path):
    """An archive of modules, whose code would fail if anyone looked at it."""
    visual = b"c__torch__.___torch_mangle_0.model\nVisual\n)\x81" + a_dict(proj=tensor()) + b"b"
    objects = b"c__torch__.model\nCLIP\n)\x81" + a_dict(visual=visual, training=b"I01\n") + b"b"
    path = saved(tmp_path / "clip.pt", objects)
    with pytest.raises(DataError, match=r"it names __torch__\."):
        checkpoint.read(path)  # without constants.pkl it is no TorchScript
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/constants.pkl", b"\x80\x02).")
        archive.writestr("archive/code/__torch__/model.py", b"raise SystemExit(1)")
    found = checkpoint.read(path)
    assert list(found.tensors) == ["visual.proj"] and found.scripted
    assert found.unwrapped == "TorchScript, not run"


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (tensor((1 << 20, 1 << 20), (1 << 20, 1)), "asks for more than the file holds"),
        (tensor((1 << 40,), (0,)), "asks for more than the file holds"),
        (tensor((1 << 40,), (1,), count=1 << 40), "buffer is smaller"),
        (tensor(offset=3), "asks for more than the file holds"),
        (tensor((2, -3)), "is impossible"),
        (tensor((2,)), "is impossible"),
        (tensor(key="1"), "archive/data/1"),
        (b"ctorch._utils\n_rebuild_qtensor\n)R", "weight: quantised"),
        (tensor(kind="CharStorage", count=6), "weight: int8, so quantised"),
        (b"r" + (1 << 30).to_bytes(4, "little"), "a table of 1073741824 objects"),
        (b"\x8e" + (1 << 40).to_bytes(8, "little"), "unreadable as plain tensors"),
    ],
)
def test_absurd_or_odd_tensors_are_refused_by_name(value, message, tmp_path):
    with pytest.raises(DataError, match=message):
        checkpoint.read(saved(tmp_path / "a.pth", a_dict(weight=value)))


def test_compressed_entries_are_refused_unread(tmp_path):
    path = saved(tmp_path / "a.pth", a_dict(weight=tensor()), bytes(1 << 20), zipfile.ZIP_DEFLATED)
    with pytest.raises(DataError, match="claims"):
        checkpoint.read(path)


@pytest.mark.parametrize("damage", [slice(None, 40), slice(None, -30), slice(200, None)])
def test_damaged_files_are_refused(damage, tmp_path):
    path = saved(tmp_path / "a.pth", a_dict(weight=tensor()))
    path.write_bytes(path.read_bytes()[damage])
    with pytest.raises(DataError, match=r"a\.pth"):
        checkpoint.read(path)


@pytest.mark.torch
@pytest.mark.parametrize("form", ["zip", "stream"])
def test_all_that_torch_itself_writes(form, tmp_path):
    torch = pytest.importorskip("torch")
    base = torch.arange(24, dtype=torch.float32).reshape(4, 6)
    state = {
        "parameter": torch.nn.Parameter(base.clone()),
        "view": base[1:, ::2],
        "half": base.half(),
        "bfloat": base.bfloat16(),
        "double": base.double(),
        "scalar": torch.tensor(2.5),
        "counter": torch.tensor(7),
        "empty": torch.zeros(0, 3),
    }
    whole = {"optimizer": {"state": {0: {"step": torch.tensor(1.0)}}}, "epoch": 3}
    whole |= {"model_state_dict": {f"module.{name}": one for name, one in state.items()}}
    path = tmp_path / "a.pth"
    torch.save(whole, path, _use_new_zipfile_serialization=form == "zip")
    found = checkpoint.read(path)
    assert found.unwrapped == (
        "its model_state_dict (beside epoch, optimizer); names without 'module.'"
    )
    for name, one in state.items():
        expected = one.detach().numpy() if name == "counter" else one.detach().double().numpy()
        np.testing.assert_array_equal(found.tensors[name], expected, err_msg=name)
    assert found.tensors["half"].dtype == found.tensors["bfloat"].dtype == np.float32
