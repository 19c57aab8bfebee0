"""The options of a run that takes two seconds."""

TINY = ["--model", "resnet_rs_26", "--width", "0.0625", "--resolution", "32", "--batch", "8"]
TINY += ["--epochs", "3", "--device", "cpu", "--threads", "1"]
