#!/usr/bin/python3
"""Records the losses that PyTorch gets in test/e2e/torch-parity.test.

Makes that test's data set, takes pfc's initial weights from `pfc-run --steps
0`, trains the recipe of its spec in order, once with batch statistics over the
whole batch, once over each half, once with a MobileFaceNet, once with AdamW,
once with that and a vision transformer, and writes test/e2e/torch-parity.json.
Run it again when initial weights or the test's spec or data change.
"""
import argparse
import copy
import json
import os
import subprocess
import sys
import tempfile
import tomllib

import torch
from pfctorch.head import PartialFC
from pfctorch.network import network as make_network
from pfctorch.records import read_training_set
from pfctorch.training import AdamWTrainer, SgdTrainer, learning_rate
from pfctorch.weights import read_model

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TEST = f"{ROOT}/test/e2e"
INPUTS = f"{TEST}/Inputs/torch-parity"


def initial_run(spec, build, folder):
    """The test's data set and pfc's initial model, in `folder`."""
    images = spec["train"]["steps"] * spec["train"]["batch_per_rank"]
    commands = [
        [sys.executable, f"{INPUTS}/data.py", f"{folder}/data", images,
         spec["model"]["input_size"], spec["head"]["classes"]],
        [f"{build}/bin/pfcc", "compile", f"{INPUTS}/parity.spec", "-o",
         f"{folder}/parity.plan",
         *(f"--set=model.{key}={value}"
           for key, value in spec["model"].items())],
        [f"{build}/bin/pfc-run", f"{folder}/parity.plan", "--data",
         f"{folder}/data", "--out", f"{folder}/model", "--steps", 0]]
    for command in commands:
        subprocess.run(list(map(str, command)), check=True,
                       stdout=subprocess.DEVNULL)


def losses(spec, build, bn_groups):
    with tempfile.TemporaryDirectory() as folder:
        initial_run(spec, build, folder)
        return train(spec, folder, bn_groups)


def train(spec, folder, bn_groups):
    model, recipe = spec["model"], spec["train"]
    optimizer, margin = recipe["optimizer"], spec["head"]["margin"]
    state_dict, centers = read_model(f"{folder}/model")
    network = make_network(model["backbone"], model["input_size"],
                           model["input_channels"], model["embedding_size"],
                           bn_groups, **{key: model[key] for key in
                                         ("drop_path", "mask_ratio")
                                         if key in model})
    network.load_state_dict(state_dict)
    head = PartialFC(*centers.shape, m2=margin["m2"], scale=margin["scale"])
    head.weight.copy_(centers)
    settings = optimizer["weight_decay"], recipe["clip_grad_norm"]
    if optimizer.get("type") == "adamw":
        trainer = AdamWTrainer(network, head, *settings)
    else:
        trainer = SgdTrainer(network, head, optimizer["momentum"], *settings)
    images, labels = read_training_set(f"{folder}/data",
                                       model["input_channels"])
    result, batch = [], recipe["batch_per_rank"]
    for step in range(recipe["steps"]):
        rows = slice(step * batch, (step + 1) * batch)
        lr = learning_rate(step, optimizer["lr"],
                           recipe["schedule"]["warmup_steps"],
                           recipe["steps"])
        loss = trainer.step(torch.from_numpy(images[rows]),
                            torch.from_numpy(labels[rows]), lr)
        result.append(round(loss, 6))
    return result


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--build", default=f"{ROOT}/build")
    parser.add_argument("--out", default=f"{TEST}/torch-parity.json")
    args = parser.parse_args()
    torch.set_num_threads(1)
    with open(f"{INPUTS}/parity.spec", "rb") as file:
        spec = tomllib.load(file)
    results = {"whole_batch": losses(spec, args.build, bn_groups=1),
               "two_halves": losses(spec, args.build, bn_groups=2)}
    adamw = copy.deepcopy(spec)
    adamw["train"]["optimizer"] = {"type": "adamw", "lr": 5e-4,
                                   "weight_decay": 0.1}
    results["adamw"] = losses(adamw, args.build, bn_groups=1)
    vit = copy.deepcopy(adamw)  # what is drawn at random isn't compared
    vit["model"] |= {"backbone": "vit_t", "drop_path": 0.0, "mask_ratio": 0.0}
    # Each element moves by the rate at first, whatever its gradient: rounding
    # decides on the sign of the smallest.
    vit["train"]["optimizer"]["lr"] = 2e-5
    results["vit"] = losses(vit, args.build, bn_groups=1)
    # Three times as deep: a training at the spec's rate is chaotic.
    spec["model"]["backbone"], spec["train"]["optimizer"]["lr"] = "mbf", 2e-4
    results["mbf"] = losses(spec, args.build, bn_groups=1)
    with open(args.out, "w") as file:
        json.dump({"made_by": "bench/loss_parity_torch.py",
                   "torch": torch.__version__, "losses": results}, file,
                  indent=1)
        file.write("\n")


if __name__ == "__main__":
    main()
