// Marks the boxes whose table, figure or formula is wider than the page: custom.css shows it.
const BOXES = ".cell_output .text_html, .pst-scrollable-table-container, article :is(div.math, figure)";

function mark(box) {
  const scrolls = box.scrollWidth > box.clientWidth + 1;
  box.classList.toggle("scrolls", scrolls);
  if (scrolls) {
    box.tabIndex = 0; // for the arrow keys
    box.setAttribute("role", "group");
    box.setAttribute("aria-label", "wider than the page, scrolls sideways");
  } else {
    ["tabindex", "role", "aria-label"].forEach((name) => box.removeAttribute(name));
  }
}

document.addEventListener("DOMContentLoaded", () => {
  const watch = new ResizeObserver((seen) => seen.forEach((one) => mark(one.target)));
  document.querySelectorAll(BOXES).forEach((box) => watch.observe(box));
});
