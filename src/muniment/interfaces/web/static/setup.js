// Follows a folder that is being taken in. Without this script the page is looked at again by its link.

const said = document.querySelector("[data-setup] [data-said]");

for (;;) {
  await new Promise((done) => setTimeout(done, 700));
  let now;
  try {
    const response = await fetch("/setup/progress", { headers: { accept: "application/json" }, redirect: "error" });
    if (!response.ok) break;
    now = await response.json();
  } catch {
    break;
  }
  if (now.ended) {
    location.reload();
    break;
  }
  if (said.textContent !== now.said) said.textContent = now.said;
}
