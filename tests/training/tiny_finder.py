"""The recipe of a finder that learns drawn spots in seconds; classes, data and name are the test's."""

TINY_FINDER = {
    "title": "Spots",
    "input": {"size_px": 64, "cache_px": 80, "fit": "crop", "um_per_px": 1.0, "workers": 0},
    "model": {
        "backbone": "plain",
        "stride": 8,
        "head_width": 0,
        "drop_rate": 0.0,
        "layers": [{"width": 12, "kernel": 4, "stride": 4}, {"width": 16, "stride": 2}, {"width": 16}],
    },
    "heatmap": {
        "radius_um": 6.0,
        "ignore_um": 10.0,
        "nms_um": 12.0,
        "crops": 96,
        "canvas_px": 128,
        "false_finds": [1.0, 15.0, 60.0],
    },
    "augment": [{"D4": {"p": 1.0}}],
    "optimizer": {"lr": 0.02, "epochs": 4, "batch_size": 16},
    "ema_decay": None,
    "bootstrap": 100,
}
