"""What no setting of Sphinx or the theme offers: changes of the pages once they are built.

A Sphinx extension. Pages go without the theme's icon script, 1.4 MB, because its style sheet draws
the same icons from a font; without MathJax, 2.1 MB, where they have no formula; and without the
index of words, 0.1 MB, where nothing is searched. Two lists lose markup that misleads screen
readers. The symbols of verdicts get classes, for colours. Each page says when its sources last
changed, under which licence it is, and has a notebook's .py next to its .ipynb. Where the book has
an address on GitHub, pages link to it, results link to their files and commits, and notebooks can
be opened in Colab.
"""

import re
import shutil
import subprocess
from pathlib import Path

SCRIPT = re.compile(r"\s*<(?:script|link)[^>]*fontawesome\.js[^>]*>(?:</script>)?")
# a signature's parameters, a line each: a list of definitions that defines no term
PARAMETERS = re.compile(r"<dl>\n((?:<dd><em class=\"sig-param\">.*</dd>\n)+)</dl>")
# Sphinx loads it wherever a page of the contents below has a formula, or an output as LaTeX
MATHJAX = re.compile(
    r"\s*<script[^>]*>window\.MathJax = [^\n]*</script>|\s*<script[^>]*/mathjax/[^>]*></script>"
)
FORMULA = re.compile(r'class="(?:[^"]* )?math[ "]')
# only the page of results searches: search_as_you_type is off
WORDS = re.compile(r"\s*<script[^>]*\b(?:searchtools|language_data|searchindex)\.js[^>]*></script>")
# a verdict's symbol, where a cell or an entry begins with it
SIGN = re.compile(r"(<(?:td|li)[^>]*>(?:<p>)?(?:<strong>)?)([✓✗–?])(?=[ \u00a0]|&#160;|&nbsp;)")
SIGNS = {"✓": "agrees", "✗": "opposes", "–": "no-larger", "?": "undecided"}  # classes of custom.css

COLAB = "https://colab.research.google.com"
# in the lines below results: their folder, and the commits that made them
FOLDER = re.compile(r"<code[^>]*><span class=\"pre\">(data/results/\w+)/</span></code>")
COMMITS = re.compile(r"\bcommits? [0-9a-f]{7}(?:, [0-9a-f]{7})*\b")


def mended(text):
    """A page's HTML."""
    text = SCRIPT.sub("", text)
    if not FORMULA.search(text):
        text = MATHJAX.sub("", text)
    if 'id="search-results"' not in text:
        text = WORDS.sub("", text)
    text = SIGN.sub(
        lambda found: f'{found[1]}<span class="sign {SIGNS[found[2]]}">{found[2]}</span>', text
    )
    text = PARAMETERS.sub(lambda found: _as_lines(found[1]), text)
    # a list whose entries have another role than a list's items
    return text.replace('<div role="list" class="citation-list">', '<div class="citation-list">')


def linked(text, address, branch):
    """A page's HTML, where results lead to their files and commits at the book's address."""
    to = f'<a class="reference external" href="{address}'
    text = FOLDER.sub(lambda found: f'{to}/tree/{branch}/{found[1]}">{found[0]}</a>', text)
    link = re.compile(r"[0-9a-f]{7}")
    return COMMITS.sub(lambda found: link.sub(rf'{to}/commit/\g<0>">\g<0></a>', found[0]), text)


def _as_lines(parameters):
    lines = parameters.replace("<dd>", '<span class="sig-line">').replace("</dd>", "</span>")
    return f'<span class="sig-lines">\n{lines}</span>'


def change_pages(app, error):
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    address = public_address(app.config)
    for page in out.rglob("*.html"):
        text = page.read_text("utf-8")
        changed = mended(text)
        if address:
            branch = app.config.html_theme_options["repository_branch"]
            changed = linked(changed, address, branch)
        if changed != text:
            page.write_text(changed, "utf-8")
    for file in (out / "_static" / "scripts").glob("fontawesome.js*"):
        file.unlink()
    for source in (out / "_sources").rglob("*.ipynb"):
        shutil.copy(text_of(app, source.relative_to(out / "_sources")), source.with_suffix(".py"))


def text_of(app, notebook):
    return Path(app.srcdir, notebook).with_suffix(".py")


def say_more(app, name, template, context, doctree):
    front = context["pathto"]("book/intro").rstrip("#")  # "#" on the front page itself
    context["theme_extra_footer"] = (
        f'<a href="{front}#licence-and-how-to-cite">Licence (Apache-2.0) and how to cite</a>'
    )
    if name not in app.env.found_docs:
        return
    file = app.env.doc2path(name)
    dependencies = (Path(app.srcdir, other) for other in app.env.dependencies.get(name, ()))
    context["last_updated"] = last_change([file, *dependencies], app.srcdir)
    if file.endswith(".ipynb"):
        button = {
            "type": "link",
            "url": f"{context['pathto']('_sources', 1)}/{name}.py",
            "text": ".py",
            "tooltip": "Download the notebook as a Python file",
            "icon": "fas fa-file-code",
            "label": "download-py-button",
        }
        groups = context["header_buttons"]
        downloads = next(one for one in groups if one.get("label") == "download-buttons")
        downloads["buttons"].insert(1, button)


def last_change(files, folder):
    """The date of the last commit that changed one of the files; "" in a copy without git."""
    command = ["git", "log", "-1", "--format=%cs", "--", *map(str, files)]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    except FileNotFoundError:  # no git here
        return ""
    return done.stdout.strip()


def offer_launch(app, config):
    """The theme fails on buttons without an address, so they cannot stay in _config.yml."""
    if public_address(config):
        buttons = {"launch_buttons": {"colab_url": COLAB}, "use_repository_button": True}
        config.html_theme_options.update(buttons)


def public_address(config):
    """The book's address on GitHub, "" without one."""
    address = config.html_theme_options.get("repository_url", "").rstrip("/")
    return address if address.startswith("https://github.com/") else ""


def setup(app):
    app.connect("config-inited", offer_launch)
    app.connect("html-page-context", say_more, priority=900)  # after the theme's own
    app.connect("build-finished", change_pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
