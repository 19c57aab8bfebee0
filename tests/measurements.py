"""A measurement of a training step, as several tests take it: made up."""

MEASUREMENT = {
    "model": "resnet_rs_50",
    "resolution": 160,
    "variant": "fp32",
    "images": 4,
    "fits": True,
    "free": 2**30,
    "total": 2**31,
    "environment": {"dirty": False, "device": "cpu", "device_name": "A CPU", "threads": 2},
    "block_seconds": [1.0, 3.0, 2.0],
    "step_seconds": [1.0, 3.0, 2.0],
    "memory": {"half": 1000, "full": 1600},
    "rates": {"flops": 1e12, "bytes": 1e10},
    "machine": {},
}
