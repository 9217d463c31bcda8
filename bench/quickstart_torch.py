#!/usr/bin/python3
"""specs/quickstart.spec's recipe in PyTorch, on the same records.

One process computes what the spec's two ranks do: a global batch in two parts
with batch statistics of their own (--bn-groups), gradients of the mean loss.
Initial weights have the spec's distributions, and the order of the data is
random too, but neither is pfc's bit for bit.
"""
import argparse
import os
import resource
import time

import numpy as np
import torch
from pfctorch.head import PartialFC
from pfctorch.network import SHAPES, IResNet
from pfctorch.records import read_pairs, read_training_set
from pfctorch.training import SgdTrainer, learning_rate
from pfctorch.verification import accuracy, embed

PAIR_SETS = ["g_seen", "g_unseen", "g_style", "g_hard"]


def parse_arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    add = parser.add_argument
    add("--data", required=True, help="a folder of `pfc-data glyphs`")
    add("--backbone", default="iresnet-nano", choices=SHAPES)
    add("--embedding-size", type=int, default=128)
    add("--batch", type=int, default=64, help="global batch")
    add("--bn-groups", type=int, default=2)
    add("--epochs", type=int, default=12)
    add("--lr", type=float, default=0.1)
    add("--warmup-steps", type=int, default=200)
    add("--power", type=float, default=1.0)
    add("--momentum", type=float, default=0.9)
    add("--weight-decay", type=float, default=5e-4)
    add("--clip-grad-norm", type=float, default=5.0)
    add("--type", default="arcface", choices=["arcface", "cosface"])
    add("--margin", type=float, default=0.5, help="m2 or m3")
    add("--scale", type=float, default=32.0)
    add("--sample-rate", type=float, default=1.0)
    add("--shards", type=int, default=2, help="of classes, each sampled alone")
    add("--seed", type=int, default=1)
    add("--threads", type=int, default=1)
    add("--verify-every", type=int, default=0, help="steps; 0 at the end only")
    add("--log-every", type=int, default=100)
    return parser.parse_args()


def cpu_seconds():
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def verify(network, pair_sets):
    result = {}
    for name, (images, same) in pair_sets.items():
        mean, deviation = accuracy(embed(network, images), same)
        result[name] = mean
        print(f"  {name:9} {mean:.4f} ± {deviation:.4f}", flush=True)
    return result


def train(args, images, labels, network, pair_sets):
    margin = {"arcface": {"m2": args.margin, "m3": 0.0},
              "cosface": {"m2": 0.0, "m3": args.margin}}[args.type]
    head = PartialFC(int(labels.max()) + 1, args.embedding_size,
                     args.sample_rate, args.shards, scale=args.scale, **margin)
    trainer = SgdTrainer(network, head, args.momentum, args.weight_decay,
                         args.clip_grad_norm)
    epoch_steps = len(labels) // args.batch
    total = epoch_steps * args.epochs
    print(f"{len(labels)} images of {len(head.weight)} identities, {total} "
          f"steps of {args.batch}", flush=True)
    losses, started = [], cpu_seconds()
    for step in range(total):
        if step % epoch_steps == 0:
            order = torch.randperm(len(labels))
        first = step % epoch_steps * args.batch
        batch = order[first:first + args.batch]
        lr = learning_rate(step, args.lr, args.warmup_steps, total, args.power)
        losses.append(trainer.step(images[batch], labels[batch], lr))
        if (step + 1) % args.log_every == 0:
            rate = args.batch * (step + 1) / (cpu_seconds() - started)
            print(f"step {step + 1:6} loss "
                  f"{np.mean(losses[-args.log_every:]):8.4f} lr {lr:.4f} "
                  f"{rate:.0f} images/s of CPU time", flush=True)
        if args.verify_every and (step + 1) % args.verify_every == 0:
            verify(network, pair_sets)


def main():
    args = parse_arguments()
    torch.manual_seed(args.seed)
    torch.set_num_threads(args.threads)
    images, labels = read_training_set(args.data, channels=1)
    pair_sets = {name: read_pairs(path, channels=1) for name in PAIR_SETS
                 if os.path.exists(path := f"{args.data}/{name}.bin")}
    network = IResNet(args.backbone, images.shape[-1], 1, args.embedding_size,
                      args.bn_groups).to(memory_format=torch.channels_last)
    wall, cpu = time.time(), cpu_seconds()
    train(args, torch.from_numpy(images), torch.from_numpy(labels), network,
          pair_sets)
    print(f"trained in {time.time() - wall:.0f} s "
          f"({cpu_seconds() - cpu:.0f} s of CPU time)")
    result = verify(network, pair_sets)
    if "g_unseen" in result:
        print(f"verification accuracy: {result['g_unseen']:.4f} "
              f"({len(pair_sets['g_unseen'][1])} pairs, unseen identities)")


if __name__ == "__main__":
    main()
