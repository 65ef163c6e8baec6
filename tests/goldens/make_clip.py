"""Write clip_tiny/: a small random CLIP of `transformers`, and its values stage by stage.

python tests/goldens/make_clip.py      needs torch and transformers (the extra 'parity')
"""

from pathlib import Path

import numpy as np
import torch
import transformers

FOLDER = Path(__file__).parent / "clip_tiny"
TEXT = {
    "vocab_size": 99, "hidden_size": 48, "intermediate_size": 192, "num_hidden_layers": 2,
    "num_attention_heads": 3, "max_position_embeddings": 20, "eos_token_id": 98,
}  # fmt: skip
VISION = {
    "hidden_size": 64, "intermediate_size": 256, "num_hidden_layers": 2,
    "num_attention_heads": 4, "image_size": 32, "patch_size": 8,
}  # fmt: skip


@torch.no_grad()
def main() -> None:
    """Draw the weights, run the model, write both."""
    torch.manual_seed(0)
    config = transformers.CLIPConfig(text_config=TEXT, vision_config=VISION, projection_dim=40)
    model = transformers.CLIPModel(config).eval()
    for parameter in model.parameters():  # its own initial values leave biases and norms untested
        parameter.add_(0.05 * torch.randn_like(parameter))
    model.save_pretrained(FOLDER)

    rng = np.random.default_rng(0)
    ids = rng.integers(1, 90, (3, 20))
    ids[[0, 1, 2], [4, 19, 10]] = 98
    pixels = rng.normal(size=(2, 3, 32, 32)).astype(np.float32)
    text = model.text_model(torch.from_numpy(ids))
    vision = model.vision_model(torch.from_numpy(pixels), output_hidden_states=True)
    states = {f"hidden{i}": state.numpy() for i, state in enumerate(vision.hidden_states)}
    np.savez_compressed(
        FOLDER / "reference.npz",
        ids=ids.astype(np.int32),
        picture=pixels.transpose(0, 2, 3, 1),
        text_positions=text.last_hidden_state.numpy(),
        text_features=model.text_projection(text.pooler_output).numpy(),
        pooled=vision.pooler_output.numpy(),
        image_features=model.visual_projection(vision.pooler_output).numpy(),
        **states,
    )


if __name__ == "__main__":
    main()
