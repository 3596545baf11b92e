#!/usr/bin/env python3
"""Counts diffusion models with the library's own modules, beside count_models.py, which it takes its form from.

Needs `pip install diffusers torch`. Puts its lines into the tables of count_models.py, in place of those it put there before:
  crates/greenwich-estimate/tests/counts.tsv                one config a line with its counts
  crates/greenwich-estimate/src/architecture/defaults.tsv   what the library takes where a config leaves a key out

Parameters are counted on the meta device, buffers not. Forward FLOPs are those of torch.utils.flop_counter over a real pass
of a small model for one image on the CPU, attention by its plain form (S x S in full), with as many tokens of text as
the crate counts. `tokens` are patches or places.

    python scripts/dev/count_diffusers.py                    all
    python scripts/dev/count_diffusers.py UNet2DModel        these alone, to the terminal
"""

import inspect
import json
import math
import random
import sys
import warnings
from pathlib import Path

warnings.filterwarnings("ignore")

import diffusers
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

diffusers.logging.set_verbosity_error()
torch.set_num_threads(1)
torch.manual_seed(0)

# Tokens of text that the crate counts a pass with.
WORDS = {"PixArtTransformer2DModel": 300, "Transformer2DModel": 300, "SD3Transformer2DModel": 333,
         "FluxTransformer2DModel": 512, "UNet2DConditionModel": 77, "QwenImageTransformer2DModel": 512,
         "WanTransformer3DModel": 512, "AuraFlowTransformer2DModel": 256}
FLUX_PATCHES = 64
# Frames, height and width of a latent of Wan.
VIDEO = (3, 8, 12)
# Keys with no bearing on a count; a size must be in the config itself.
NO_MATTER = ("dropout", "eps", "act_fn", "flip", "freq", "scaling", "shift_factor", "latents", "upcast", "center", "rope_max", "axes_dims",
             "interpolation", "padding", "scale_factor", "force", "post_act", "time_embedding_act")
MATTER = ("norm_num_groups", "freq_dim")

DIT = dict(num_attention_heads=4, attention_head_dim=24, in_channels=4, num_layers=3, sample_size=16, patch_size=2,
           num_embeds_ada_norm=50)
PIXART = dict(num_attention_heads=4, attention_head_dim=24, in_channels=4, out_channels=8, num_layers=3, sample_size=16,
              cross_attention_dim=96, caption_channels=40)
SD3 = dict(num_attention_heads=4, attention_head_dim=24, num_layers=3, sample_size=16, joint_attention_dim=40,
           caption_projection_dim=96, pooled_projection_dim=56, pos_embed_max_size=16)
FLUX = dict(num_attention_heads=4, attention_head_dim=24, num_layers=2, num_single_layers=3, joint_attention_dim=40,
            pooled_projection_dim=56, axes_dims_rope=[8, 8, 8])
QWEN = dict(num_attention_heads=4, attention_head_dim=24, num_layers=3, joint_attention_dim=40, axes_dims_rope=[8, 8, 8])
AURA = dict(num_attention_heads=4, attention_head_dim=24, num_mmdit_layers=2, num_single_dit_layers=3, sample_size=16,
            joint_attention_dim=40, caption_projection_dim=96, pos_embed_max_size=64)
WAN = dict(num_attention_heads=4, attention_head_dim=24, num_layers=3, text_dim=40, freq_dim=32, ffn_dim=200)
COG = dict(num_attention_heads=4, attention_head_dim=24, num_layers=3, text_embed_dim=40, time_embed_dim=56, sample_width=12,
           sample_height=8, sample_frames=9, max_text_seq_length=20)
UNET = dict(sample_size=16, in_channels=4, out_channels=4, block_out_channels=[32, 64, 96], cross_attention_dim=40,
            down_block_types=["CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"],
            up_block_types=["UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"], norm_num_groups=8,
            attention_head_dim=4, layers_per_block=2)
PLAIN = dict(sample_size=16, in_channels=3, out_channels=3, block_out_channels=[32, 64, 96], norm_num_groups=8,
             down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
             up_block_types=["UpBlock2D", "AttnUpBlock2D", "UpBlock2D"], layers_per_block=2)
VAE = dict(sample_size=32, block_out_channels=[32, 64, 96], layers_per_block=2, norm_num_groups=8,
           down_block_types=["DownEncoderBlock2D"] * 3, up_block_types=["UpDecoderBlock2D"] * 3)

# class: (small config, changes to it one by one)
CLASSES = {
    "AuraFlowTransformer2DModel": (AURA, [{}, dict(num_single_dit_layers=1, num_mmdit_layers=3), dict(in_channels=16, out_channels=8)]),
    "AutoencoderKL": (VAE, [{}, dict(latent_channels=16, use_quant_conv=False, use_post_quant_conv=False),
                            dict(mid_block_add_attention=False, layers_per_block=1),
                            dict(block_out_channels=[32, 32, 64], in_channels=1, out_channels=1)]),
    "CogVideoXTransformer3DModel": (COG, [{}, dict(attention_bias=False, norm_elementwise_affine=False),
                                          dict(use_rotary_positional_embeddings=True, patch_size_t=2, sample_frames=13, patch_bias=False),
                                          dict(patch_bias=False, ofs_embed_dim=56)]),
    "DiTTransformer2DModel": (DIT, [{}, dict(out_channels=8), dict(attention_bias=False, patch_size=4),
                                    dict(norm_elementwise_affine=True, activation_fn="geglu")]),
    "FluxTransformer2DModel": (FLUX, [{}, dict(guidance_embeds=True), dict(num_single_layers=0), dict(in_channels=384, out_channels=64)]),
    "PixArtTransformer2DModel": (PIXART, [{}, dict(use_additional_conditions=True), dict(caption_channels=None),
                                          dict(attention_bias=False, norm_elementwise_affine=True)]),
    "QwenImageTransformer2DModel": (QWEN, [{}, dict(in_channels=32, out_channels=8), dict(use_additional_t_cond=True)]),
    "SD3Transformer2DModel": (SD3, [{}, dict(qk_norm="rms_norm"), dict(dual_attention_layers=[0, 1], qk_norm="rms_norm"),
                                    dict(num_layers=1, in_channels=32)]),
    "Transformer2DModel": (dict(DIT, norm_type="ada_norm_zero", activation_fn="gelu-approximate", attention_bias=True, norm_elementwise_affine=False),
                           [{}, dict(out_channels=8), dict(PIXART, norm_type="ada_norm_single")]),
    "UNet2DConditionModel": (UNET, [
        {}, dict(use_linear_projection=True, attention_head_dim=[2, 4, 8]), dict(num_class_embeds=11),
        dict(layers_per_block=1, mid_block_type="UNetMidBlock2D"), dict(mid_block_type=None),
        dict(transformer_layers_per_block=[1, 2, 3], addition_embed_type="text_time", addition_time_embed_dim=8,
             projection_class_embeddings_input_dim=6 * 8 + 24),
        dict(down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
             up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], transformer_layers_per_block=2),
        dict(transformer_layers_per_block=[[1, 2], [2, 1], [1, 1]], reverse_transformer_layers_per_block=[[1, 1, 2], [2, 1, 1], [1, 1, 2]]),
        dict(only_cross_attention=[True, True, False], class_embed_type="timestep"), dict(time_cond_proj_dim=24),
        dict(resnet_time_scale_shift="scale_shift", encoder_hid_dim=56, encoder_hid_dim_type="text_proj"),
        dict(class_embed_type="projection", projection_class_embeddings_input_dim=48, class_embeddings_concat=True),
        dict(sample_size=[16, 24], conv_in_kernel=5, conv_out_kernel=5), dict(cross_attention_dim=[40, 40, 40], layers_per_block=[1, 2, 3])]),
    "UNet2DModel": (PLAIN, [{}, dict(mid_block_type=None), dict(add_attention=False, attention_head_dim=None),
                            dict(resnet_time_scale_shift="scale_shift"), dict(num_class_embeds=10, layers_per_block=1),
                            dict(time_embedding_dim=48, sample_size=24, attn_norm_num_groups=4)]),
}

CLASSES["WanTransformer3DModel"] = (WAN, [{}, dict(cross_attn_norm=False), dict(in_channels=36, patch_size=[1, 4, 4])])

# Published models, as their repositories have them: parameters alone.
PUBLISHED = [
    ("AuraFlowTransformer2DModel", dict(num_attention_heads=12, attention_head_dim=256, num_mmdit_layers=4, num_single_dit_layers=32, sample_size=64,
                                        joint_attention_dim=2048, caption_projection_dim=3072, pos_embed_max_size=9216)),
    ("CogVideoXTransformer3DModel", dict(num_attention_heads=48, attention_head_dim=64, num_layers=42, text_embed_dim=4096, time_embed_dim=512,
                                         sample_width=90, sample_height=60, sample_frames=49, use_rotary_positional_embeddings=True)),
    ("QwenImageTransformer2DModel", dict(num_attention_heads=24, attention_head_dim=128, num_layers=60, joint_attention_dim=3584)),
    ("WanTransformer3DModel", dict(num_attention_heads=40, attention_head_dim=128, num_layers=40, text_dim=4096, ffn_dim=13824)),
    ("WanTransformer3DModel", dict(num_attention_heads=12, attention_head_dim=128, num_layers=30, text_dim=4096, ffn_dim=8960)),
    ("DiTTransformer2DModel", dict(num_attention_heads=16, attention_head_dim=72, in_channels=4, out_channels=8, num_layers=28, sample_size=32,
                                   patch_size=2, num_embeds_ada_norm=1000)),
    ("PixArtTransformer2DModel", dict(num_attention_heads=16, attention_head_dim=72, in_channels=4, out_channels=8, num_layers=28, sample_size=128,
                                      patch_size=2, caption_channels=4096, cross_attention_dim=1152, use_additional_conditions=False)),
    ("SD3Transformer2DModel", dict(num_attention_heads=24, attention_head_dim=64, in_channels=16, out_channels=16, num_layers=24, sample_size=128,
                                   patch_size=2, joint_attention_dim=4096, caption_projection_dim=1536, pooled_projection_dim=2048, pos_embed_max_size=192)),
    ("FluxTransformer2DModel", dict(num_attention_heads=24, attention_head_dim=128, in_channels=64, num_layers=19, num_single_layers=38, patch_size=1,
                                    joint_attention_dim=4096, pooled_projection_dim=768, guidance_embeds=True)),
    ("UNet2DConditionModel", dict(sample_size=64, attention_head_dim=8, block_out_channels=[320, 640, 1280, 1280], cross_attention_dim=768,
                                  down_block_types=["CrossAttnDownBlock2D"] * 3 + ["DownBlock2D"], up_block_types=["UpBlock2D"] + ["CrossAttnUpBlock2D"] * 3)),
    ("UNet2DConditionModel", dict(sample_size=128, attention_head_dim=[5, 10, 20], block_out_channels=[320, 640, 1280], cross_attention_dim=2048,
                                  down_block_types=["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
                                  up_block_types=["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], transformer_layers_per_block=[1, 2, 10],
                                  use_linear_projection=True, addition_embed_type="text_time", addition_time_embed_dim=256,
                                  projection_class_embeddings_input_dim=2816)),
    ("UNet2DModel", dict(sample_size=32, block_out_channels=[128, 256, 256, 256], layers_per_block=2, attention_head_dim=None,
                         down_block_types=["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"],
                         up_block_types=["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"])),
    ("AutoencoderKL", dict(sample_size=512, block_out_channels=[128, 256, 512, 512], layers_per_block=2, latent_channels=4,
                           down_block_types=["DownEncoderBlock2D"] * 4, up_block_types=["UpDecoderBlock2D"] * 4)),
]


def build(name, fields, device):
    with torch.device(device):
        return getattr(diffusers, name)(**json.loads(json.dumps(fields))).eval()


def count(model):
    """Unique parameters by what a token does with them."""
    multiply = {id(m.weight) for m in model.modules() if isinstance(m, (nn.Linear, nn.Conv2d, nn.Conv3d))}
    tables = {id(m.weight) for m in model.modules() if isinstance(m, nn.Embedding)}
    out, odd = dict(total=0, active=0, looked_up=0, multiplied=0), []
    for name, p in model.named_parameters():
        out["total"] += p.numel()
        out["active"] += p.numel()
        if id(p) in multiply:
            out["multiplied"] += p.numel()
        elif id(p) in tables or name.endswith("pos_embed") or name == "register_tokens":
            out["looked_up"] += p.numel()
        elif p.ndim >= 2 and not name.endswith("scale_shift_table"):
            odd.append(name)
    return out, odd


def inputs(name, c):
    """One image, its time step and its text."""
    side = c.get("sample_size") or 1
    high, wide = side if isinstance(side, (list, tuple)) else (side, side)
    image, step = torch.randn(1, c["in_channels"], high, wide), torch.tensor([3])
    words = WORDS.get(name)
    if name == "AutoencoderKL":
        return dict(sample=image)
    if name == "FluxTransformer2DModel":
        return dict(hidden_states=torch.randn(1, FLUX_PATCHES, c["in_channels"]), timestep=torch.tensor([0.5]), guidance=torch.tensor([1.0]) if c["guidance_embeds"] else None,
                    encoder_hidden_states=torch.randn(1, words, c["joint_attention_dim"]), pooled_projections=torch.randn(1, c["pooled_projection_dim"]),
                    img_ids=torch.zeros(FLUX_PATCHES, 3), txt_ids=torch.zeros(words, 3))
    if name == "QwenImageTransformer2DModel":
        return dict(hidden_states=torch.randn(1, FLUX_PATCHES, c["in_channels"]), timestep=torch.tensor([0.5]), encoder_hidden_states=torch.randn(1, words, c["joint_attention_dim"]),
                    encoder_hidden_states_mask=torch.ones(1, words, dtype=torch.bool), img_shapes=[[(1, 8, 8)]],
                    **(dict(additional_t_cond=torch.tensor([1])) if c["use_additional_t_cond"] else {}))
    if name == "AuraFlowTransformer2DModel":
        return dict(hidden_states=image, timestep=torch.tensor([0.5]), encoder_hidden_states=torch.randn(1, words, c["joint_attention_dim"]))
    if name == "WanTransformer3DModel":
        return dict(hidden_states=torch.randn(1, c["in_channels"], *VIDEO), timestep=step, encoder_hidden_states=torch.randn(1, words, c["text_dim"]))
    if name == "CogVideoXTransformer3DModel":
        frames, deep = latent_frames(c), c["patch_size_t"] or 1
        rotary = None
        if c["use_rotary_positional_embeddings"]:
            rotary = (torch.randn(tokens(name, c), c["attention_head_dim"]), torch.randn(tokens(name, c), c["attention_head_dim"]))
        return dict(hidden_states=torch.randn(1, -(-frames // deep) * deep, c["in_channels"], c["sample_height"], c["sample_width"]), timestep=step,
                    encoder_hidden_states=torch.randn(1, c["max_text_seq_length"], c["text_embed_dim"]), image_rotary_emb=rotary,
                    ofs=torch.tensor([2.0]) if c["ofs_embed_dim"] else None)
    if name == "SD3Transformer2DModel":
        return dict(hidden_states=image, timestep=step, encoder_hidden_states=torch.randn(1, words, c["joint_attention_dim"]),
                    pooled_projections=torch.randn(1, c["pooled_projection_dim"]))
    if c.get("norm_type") == "ada_norm_single":
        width = c["caption_channels"] or c["cross_attention_dim"]
        added = dict(resolution=torch.tensor([[16.0, 16.0]]), aspect_ratio=torch.tensor([[1.0]])) if c.get("use_additional_conditions") else dict(resolution=None, aspect_ratio=None)
        return dict(hidden_states=image, timestep=step, encoder_hidden_states=torch.randn(1, words, width), added_cond_kwargs=added)
    if "Transformer" in name:
        return dict(hidden_states=image, timestep=step, class_labels=torch.tensor([1]))
    found = dict(sample=image, timestep=step)
    kind = c.get("class_embed_type")
    if c["num_class_embeds"]:
        found["class_labels"] = torch.tensor([1])
    elif kind == "timestep":
        found["class_labels"] = step
    elif kind:
        found["class_labels"] = torch.randn(1, c["projection_class_embeddings_input_dim"])
    if name == "UNet2DConditionModel":
        text = c["encoder_hid_dim"] or c["cross_attention_dim"]
        found["encoder_hidden_states"] = torch.randn(1, words, text if isinstance(text, int) else text[0])
        if c["addition_embed_type"]:
            pooled = c["projection_class_embeddings_input_dim"] - 6 * c["addition_time_embed_dim"]
            found["added_cond_kwargs"] = dict(text_embeds=torch.randn(1, pooled), time_ids=torch.zeros(1, 6))
    return found


def latent_frames(c):
    return (c["sample_frames"] - 1) // c["temporal_compression_ratio"] + 1


def tokens(name, c):
    """Patches or places of the image."""
    if name in {"FluxTransformer2DModel", "QwenImageTransformer2DModel"}:
        return FLUX_PATCHES
    if name == "WanTransformer3DModel":
        return math.prod(whole // part for whole, part in zip(VIDEO, c["patch_size"]))
    if name == "CogVideoXTransformer3DModel":
        patch = c["patch_size"]
        return -(-latent_frames(c) // (c["patch_size_t"] or 1)) * (c["sample_height"] // patch) * (c["sample_width"] // patch)
    side = c["sample_size"]
    high, wide = side if isinstance(side, (list, tuple)) else (side, side)
    if name == "AutoencoderKL":
        halves = len(c["block_out_channels"]) - 1
        return (high >> halves) * (wide >> halves)
    patch = c.get("patch_size") or 1
    return (high // patch) * (wide // patch)


def flops(name, fields):
    """FLOPs of one forward pass, and its tokens."""
    model = build(name, fields, "cpu")
    with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
        model(**inputs(name, model.config))
    return counter.get_total_flops(), tokens(name, model.config)


def defaults(name):
    """What the library takes for each key that matters."""
    found = {}
    for key, parameter in inspect.signature(getattr(diffusers, name).__init__).parameters.items():
        value = parameter.default
        skipped = any(word in key for word in NO_MATTER) and key not in MATTER
        if key == "self" or skipped or value is None or value is inspect.Parameter.empty:
            continue
        found[key] = list(value) if isinstance(value, tuple) else value
    return found


def drawn(name):
    """Two configs by lot: some of the changes at once; the same on every run. What the library cannot build is left out."""
    small, changes = CLASSES[name]
    lot = random.Random(name)
    made = 0
    while made < 2:
        fields = dict(small)
        for change in lot.sample(changes, min(2, len(changes))):
            fields.update(change)
        for key in ("num_layers", "num_single_layers"):
            if fields.get(key):
                fields[key] += lot.randrange(3)
        try:
            build(name, fields, "meta")
        except Exception:
            continue
        made += 1
        yield fields


def rows(name):
    """Configs of a class, and whether a pass over them is measured."""
    small, changes = CLASSES[name]
    yield from ((fields, False) for published, fields in PUBLISHED if published == name)
    yield from (({**small, **change}, True) for change in changes)
    yield from ((fields, True) for fields in drawn(name))


def lines_of(names):
    for name in names:
        for fields, measured in rows(name):
            found, odd = count(build(name, fields, "meta"))
            forward, length = flops(name, fields) if measured else ("", "")
            if odd:
                print(f"! {name}: not classed: {odd[:6]}", file=sys.stderr)
            values = [name, *found.values(), length, forward, json.dumps({"_class_name": name, **fields})]
            yield "\t".join(str(value) for value in values)


def put(table, lines):
    """Puts the lines of classes before those of types, which begin with a small letter."""
    note, head, *others = table.read_text().splitlines()
    note = note.split(" Diffusion models")[0] + f" Diffusion models by scripts/dev/count_diffusers.py with diffusers {diffusers.__version__}."
    table.write_text("\n".join([note, head, *lines, *(line for line in others if not line[0].isupper()), ""]))


def main(wanted):
    if wanted:
        print("\n".join(lines_of(wanted)))
        return
    crate = Path(__file__).resolve().parents[2] / "crates/greenwich-estimate"
    put(crate / "tests/counts.tsv", list(lines_of(CLASSES)))
    put(crate / "src/architecture/defaults.tsv", [f"{name}\t{json.dumps(defaults(name))}" for name in CLASSES])


if __name__ == "__main__":
    main(sys.argv[1:])
