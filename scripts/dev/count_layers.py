#!/usr/bin/env python3
"""Counts the nets of examples/layers with torchvision's own modules: the truth that tests/layers.rs holds us to.

Needs `pip install torch torchvision` (the versions used stand in the first line of the output). Writes
  crates/greenwich/tests/layers.tsv    a net a line: parameters, and FLOPs of one forward pass over one image

FLOPs are those of torch.utils.flop_counter, attention by its plain form (S x S in full). The U-Net is no model of
torchvision: it is that of Ronneberger, Fischer and Brox (arXiv:1505.04597) with norms and padding, written here.

    python scripts/dev/count_layers.py
"""

from pathlib import Path

import torch
import torchvision
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

torch.set_num_threads(1)


class UNet(nn.Module):
    """Four levels down and up, each with what it had on the way down beside what comes up."""

    def __init__(self, widths=(64, 128, 256, 512, 1024)):
        super().__init__()
        pairs = list(zip(widths, widths[1:]))
        self.begin = self.twice(3, widths[0])
        self.down = nn.ModuleList(self.twice(narrow, wide) for narrow, wide in pairs)
        self.widen = nn.ModuleList(nn.ConvTranspose2d(wide, narrow, 2, 2) for narrow, wide in reversed(pairs))
        self.up = nn.ModuleList(self.twice(2 * narrow, narrow) for narrow, _ in reversed(pairs))
        self.end = nn.Conv2d(widths[0], 1, 1)

    @staticmethod
    def twice(inputs, outputs):
        def one(channels):
            return [nn.Conv2d(channels, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]

        return nn.Sequential(*one(inputs), *one(outputs))

    def forward(self, image):
        kept = [self.begin(image)]
        for level in self.down:
            kept.append(level(nn.functional.max_pool2d(kept[-1], 2)))
        image = kept.pop()
        for widen, level in zip(self.widen, self.up):
            image = level(torch.cat([kept.pop(), widen(image)], dim=1))
        return self.end(image)


NETS = {
    "convnext_tiny": 224, "densenet121": 224, "efficientnet_b0": 224, "mobilenet_v3_large": 224, "resnet50": 224,
    "unet": 256, "vgg16": 224, "vit_b_16": 224,
}


def main():
    lines = [f"# Made by scripts/dev/count_layers.py with torchvision {torchvision.__version__}, torch {torch.__version__}.",
             "net\tparams\tforward_flops"]
    for name, side in NETS.items():
        net = UNet() if name == "unet" else getattr(torchvision.models, name)(weights=None)
        # Its attention is one fused call that the counter does not see, unless it trains.
        net = net.train() if name == "vit_b_16" else net.eval()
        with FlopCounterMode(display=False) as counter, sdpa_kernel(SDPBackend.MATH), torch.no_grad():
            net(torch.randn(1, 3, side, side))
        params = sum(weights.numel() for weights in net.parameters())
        lines.append(f"{name}\t{params}\t{counter.get_total_flops()}")
    table = Path(__file__).resolve().parents[2] / "crates/greenwich/tests/layers.tsv"
    table.write_text("\n".join([*lines, ""]))


if __name__ == "__main__":
    main()
