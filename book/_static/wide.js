// Names the boxes whose table or formula is wider than the page; custom.css shows that they scroll.
const BOXES = ".cell_output > .text_html, .pst-scrollable-table-container, article div.math";

function mark(box) {
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  box.classList.toggle("scrolls", scrolls);
  if (scrolls) {
    box.tabIndex = 0; // for the arrow keys
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "wider than the page, scrolls sideways");
  } else if (box.getAttribute("role") === "group") {
    box.removeAttribute("tabindex");
    box.removeAttribute("role");
    box.removeAttribute("aria-label");
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const watch = new ResizeObserver((seen) => seen.forEach((one) => mark(one.target)));
  document.querySelectorAll(BOXES).forEach((box) => watch.observe(box));
});
