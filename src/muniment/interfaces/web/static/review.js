// A verdict by its number, where no text is being typed.

const form = document.querySelector("[data-review]");
const options = [...form.querySelectorAll('input[type="radio"]')];

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("textarea, input:not([type=radio])")) return;
  const chosen = options[Number(event.key) - 1];
  if (!chosen) return;
  chosen.checked = true;
  chosen.focus();
});
