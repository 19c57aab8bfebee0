"""Images that are trained on and tested on: the same content, by its hash."""


def told(trained, tested):
    """In one line, how many tested images are trained on too; "" if none is.

    Both are [(name, digest of the content, or what is no string where it could not be read)].
    """
    known = {digest: name for name, digest in trained if isinstance(digest, str)}
    both = [(name, known[digest]) for name, digest in tested if digest in known]
    if not both:
        return ""
    first = " = ".join(both[0])
    return (
        f"{len(both):,} of {len(tested):,} test images are training images too, as {first}; "
        "remove them from one of the two"
    )
