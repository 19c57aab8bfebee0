"""How long an answer box is."""

import re

LIMIT = 60  # words; numbers and signs do not count


def words(text):
    """What a reader reads in a box: no options, no targets of links, no names of roles."""
    text = re.sub(r"^:\w+:.*$", "", text, flags=re.MULTILINE)
    text = re.sub(r"\{[\w:]+\}`([^`<]*)[^`]*`", r"\1", text)
    text = re.sub(r"\]\([^)]*\)", "]", text)
    return [word for word in text.split() if re.search("[A-Za-z]", word)]
