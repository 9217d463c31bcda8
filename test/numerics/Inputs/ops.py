"""Prints a module with one function for each op and shape of a group.

    ops.py pointwise|sums|batch_norm|tokens|sweeps|head|product|optimizer|
        adamw|loss_scale|momentum|conv|matmul [f32|bf16|f16 [few]]
    ops.py sampling CLASSES RANKS BATCH [SIZE]
    ops.py rounded_centers SIZE

Inputs are random and every result is an output, so that pfc-check-plan holds
each op alone against its meaning. The module is at stage "fused": what it says
is what is generated. With bf16 or f16, activations, class centers and their
gradients have that type, as pfc-mixed-precision makes them; statistics and sums
do not. With "few", activations have one channel, or as many as 16 bytes have
elements: what there is for each channel is a pack, all of it.

What is in a group is said by the modules beside this one, in words of
module_text.py.
"""
import sys

sys.dont_write_bytecode = True  # what follows lies beside, in the sources

import center_ops
import head_ops
import module_text
import network_ops
import optimizer_ops
import sweep_ops
import token_ops

# Of an element type.
GROUPS = {"pointwise": network_ops.pointwise,
          "batch_norm": network_ops.batch_norm,
          "sums": network_ops.sums,
          "conv": network_ops.conv,
          "matmul": network_ops.matmul,
          "tokens": token_ops.tokens,
          "sweeps": sweep_ops.sweeps,
          "head": head_ops.head,
          "product": head_ops.product,
          "momentum": center_ops.momentum,
          "optimizer": optimizer_ops.optimizer,
          "adamw": optimizer_ops.adamw,
          "loss_scale": optimizer_ops.loss_scale}
# Of numbers.
CENTER_GROUPS = {"sampling": center_ops.sampling,
                 "rounded_centers": center_ops.rounded_centers}

group, arguments = sys.argv[1], sys.argv[2:]
ranks = 1
if group in CENTER_GROUPS:
    numbers = list(map(int, arguments))
    ranks = numbers[1] if group == "sampling" else 2
    CENTER_GROUPS[group](*numbers)
else:
    element = arguments[0] if arguments else "f32"
    if arguments[1:] == ["few"]:
        module_text.few_channels(element)
    GROUPS[group](element)
module_text.print_module(ranks)
