// Folds long values, and keeps approving off until each was opened. Without this script all of them stand open.
import "./live.js";

const form = document.querySelector("[data-approve]");
const button = form.querySelector("button");
const hint = form.querySelector(".unread");
const unread = new Set(document.querySelectorAll("details[data-long]"));
let printed = false;
let over = false;

for (const one of unread) {
  one.open = false;
  one.addEventListener("toggle", () => {
    if (one.open && !printed && unread.delete(one)) settle();
  });
}
settle();

// On paper all stands open; that is no reading.
addEventListener("beforeprint", () => {
  printed = true;
  for (const one of unread) one.open = true;
});
addEventListener("afterprint", () => {
  for (const one of unread) one.open = false;
  setTimeout(() => (printed = false));
});
document.addEventListener("changed", ({ detail }) => {
  over = !detail.startsWith("waiting");
  settle();
});

function settle() {
  button.disabled = over || unread.size > 0;
  hint.hidden = unread.size === 0;
  if (unread.size) button.setAttribute("aria-describedby", hint.id);
  else button.removeAttribute("aria-describedby");
}
