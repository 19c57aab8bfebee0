"""What tables say of clips: their name, and how many of those that are listed were found."""

from rslib.report import protocols


def result(**data):
    return {"scale": "paper", "recipe": {"data": {"frames": 32}}, "protocol": {}, "data": data}


def test_clips_are_called_clips():
    assert protocols.kind([result()]) == "clips"
    assert protocols.kind([{"recipe": {"data": {}}}]) == "images"
    assert protocols.SPELT["kinetics-400"] == "Kinetics-400"


def test_what_a_copy_lacks_is_said_with_its_accuracy():
    listed = {"train": 246_534, "test": 19_906}
    lacking = result(listed=listed, found={"train": 240_000, "test": 19_800}) | {
        "protocol": {"images": "kinetics-400"}
    }
    told = " (of listed clips 240,000 of 246,534 and 19,800 of 19,906 were found)"
    assert protocols.aside(lacking) == told
    whole = result(listed=listed, found=listed) | {"protocol": {"images": "kinetics-400"}}
    assert protocols.aside(whole) == ""
