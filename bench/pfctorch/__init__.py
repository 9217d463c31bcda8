"""The PyTorch half of bench/: the peer that pfc is compared with.

Everything is written from the definitions in docs/ (data.md, evaluation.md,
spec.md), none of it uses pfc's code, so that an error would have to be made
twice to stay hidden.
"""
