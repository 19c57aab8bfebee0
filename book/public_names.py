"""The directive `public` of `book/api.md`: an object under its public name, out of the source.

A Sphinx extension. autodoc2 reads the source, without importing it, and this renders what it finds:
signature, docstring, and of classes without a constructor the lines of their fields.
"""

import re

from autodoc2.render.myst_ import MystRenderer
from autodoc2.sphinx.utils import get_database, load_config, nested_parse_generated
from sphinx.util.docutils import SphinxDirective

KINDS = ("function", "class", "exception")
CODE = re.compile(r"(`+[^`]*`+)")  # what a docstring sets in code font itself


class Public(SphinxDirective):
    """`{public} rslib.models.resnet_rs`."""

    required_arguments = 1

    def run(self):
        room, _, name = self.arguments[0].rpartition(".")
        database = get_database(self.env)
        found = defined(database, room, name)
        if len(found) != 1:
            raise self.error(f"{room} has {len(found)} definitions of {name}, not one")
        renderer = Renderer(database, load_config(self.env.app))
        renderer.room, renderer.file = room, file_of(database, found[0])
        self.env.note_dependency(renderer.file)
        self.env.note_dependency(__file__)
        lines = list(renderer.render_item(found[0]))
        return nested_parse_generated(self.state, lines, *self.get_source_info()).children


def defined(database, room, name):
    """Where modules of a room define the name. autodoc2's own search stumbles over a function that
    has the name of its module, as `resnet` does."""
    items = [item for kind in KINDS for item in database.get_by_type(kind)]
    names = [item["full_name"] for item in items]
    return [full for full in names if full.startswith(f"{room}.") and full.endswith(f".{name}")]


def file_of(database, full_name):
    above = database.get_ancestors(full_name, include_self=True)
    return next(item["file_path"] for item in above if item and "file_path" in item)


class Renderer(MystRenderer):
    def render_item(self, full_name):
        """As autodoc2 has it, but of the module from which the name is to be imported."""
        item = self.get_item(full_name)
        init = self.get_item(f"{full_name}.__init__")
        item["doc"] = markdown(item["doc"], (init or item).get("args", []))
        first, *others = super().render_item(full_name)
        if item["type"] == "class" and not init:
            after = others.index("```") + 1  # the docstring's end
            others[after:after] = self.fields(item)
        return [first, f":module: {self.room}", *others]

    def fields(self, item):
        """The lines of a class that declare its fields, with the comments beside them."""
        attributes = self.get_children(item, {"attribute"}, omit_hidden=False)
        attributes = [held for held in attributes if not held.get("inherited")]  # of other files
        if not attributes:
            return []
        lines = f"{attributes[0]['range'][0]}-{attributes[-1]['range'][1]}"
        shown = [":language: python", f":lines: {lines}", ":dedent: 4"]
        # from the book's root, as Sphinx reads such a path
        file = "/rslib/" + self.file.rpartition("/rslib/")[2]
        return ["", f"```{{literalinclude}} {file}", *shown, "```", ""]


def markdown(docstring, args=()):
    """A docstring with its parameters ("name: meaning") as a list and its strings as code."""
    names = "|".join(name for _, name, _, _ in args if name)
    texts = CODE.split(docstring)
    for place in range(0, len(texts), 2):
        text = re.sub(r'"([\w.]+)"', r'`"\1"`', texts[place])
        if names:
            text = re.sub(rf"(^|\n\n|[.;]\s)({names}):\s", item_of_list, text)
        texts[place] = re.sub(r"\s(Raises [A-Z])", r"\n\n\1", text)
    return "".join(texts)


def item_of_list(match):
    before, name = match.groups()
    return f"{before.replace(';', '.')}\n- `{name}`: "


def setup(app):
    # numpy's own pages would be needed to link it
    app.config.nitpick_ignore = [*app.config.nitpick_ignore, ("py:class", "numpy.ndarray")]
    app.add_directive("public", Public)
    return {"parallel_read_safe": True}
