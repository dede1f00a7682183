// Folds long values, and keeps approving off until each was opened. Without this script all of them stand open.

const form = document.querySelector("[data-approve]");
const button = form.querySelector("button");
const hint = form.querySelector(".unread");
const unread = new Set(document.querySelectorAll("details[data-long]"));

for (const one of unread) {
  one.open = false;
  one.addEventListener("toggle", () => {
    if (one.open && unread.delete(one)) settle();
  });
}
settle();

function settle() {
  button.disabled = unread.size > 0;
  hint.hidden = unread.size === 0;
  if (unread.size) button.setAttribute("aria-describedby", hint.id);
  else button.removeAttribute("aria-describedby");
}
