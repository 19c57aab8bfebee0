"""Pages without the theme's icon script, 1.4 MB: its style sheet draws the same icons from a font.

A Sphinx extension. The theme has no setting for it, so the built pages are changed.
"""

import re
from pathlib import Path

SCRIPT = re.compile(r"\s*<(?:script|link)[^>]*fontawesome\.js[^>]*>(?:</script>)?")


def without_icon_script(app, error):
    if error or app.builder.format != "html":
        return
    out = Path(app.outdir)
    for page in out.rglob("*.html"):
        text = page.read_text("utf-8")
        if changed := SCRIPT.sub("", text) if "fontawesome.js" in text else "":
            page.write_text(changed, "utf-8")
    for file in (out / "_static" / "scripts").glob("fontawesome.js*"):
        file.unlink()


def setup(app):
    app.connect("build-finished", without_icon_script)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
