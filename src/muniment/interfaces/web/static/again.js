// Takes the question that was asked along: into the box to change it, into the search for its words.

const page = document.querySelector("[data-ask]");
const box = page.querySelector("form.ask").elements.question;
const asked = () => page.querySelector("[data-question]").textContent;

page.addEventListener("click", (event) => {
  if (!event.target.closest("[data-rephrase]")) return;
  event.preventDefault();
  box.value ||= asked();
  box.focus();
  box.select();
});

page.addEventListener("submit", (event) => {
  const query = event.target.matches("[data-words]") && event.target.elements.query;
  if (query) query.value ||= asked();
});
