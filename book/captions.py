"""Numbers for tables that a notebook's cells show, as Sphinx has them for figures.

A Sphinx extension. A notebook can give any output a caption and a name (`mystnb: figure`), which
Sphinx counts as a figure. Those of the class "table" are counted as tables: "Book table 3".
"""

from docutils import nodes


class Table(nodes.figure):
    """A figure by its markup, a table by its number."""

    tagname = "figure"


def count_as_tables(app, doctree):
    for figure in list(doctree.findall(lambda node: type(node) is nodes.figure)):
        if "table" in figure["classes"]:
            figure["classes"].remove("table")  # the theme's own, for a table's rows
            table = Table("", *figure.children, **figure.attributes)
            figure.replace_self(table)
            doctree.ids.update(dict.fromkeys(table["ids"], table))  # what references look up


def visit(translator, node):
    translator.visit_figure(node)


def depart(translator, node):
    translator.depart_figure(node)


def setup(app):
    app.add_enumerable_node(Table, "table", html=(visit, depart))
    app.connect("doctree-read", count_as_tables)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
