"""The layouts in which images lie on disk, and how each is listed without decoding (CIFAR, which
is small, is loaded whole).

`folders` (one folder a class), `imagenet` (flat validation, devkit, TFRecords), `cifar`, `tars`,
`tfrecord`; `shards` and `columns` are what they share: names, labels and places as arrays;
`remember` keeps on disk what took long to find out.

May import the ground.
"""
