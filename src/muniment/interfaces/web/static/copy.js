// Copies an answer with its citations. Without this script the same text opens as a page of its own.

document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-copy]");
  if (!link || !navigator.clipboard) return;
  event.preventDefault();
  copy(link);
});

async function copy(link) {
  const said = link.textContent;
  try {
    await navigator.clipboard.write([new ClipboardItem({ "text/plain": text(link.href) })]);
  } catch {
    return location.assign(link.href);
  }
  link.textContent = link.dataset.copy;
  setTimeout(() => (link.textContent = said), 2000);
}

// Asked for at this moment, so that it holds what its reader may read at this moment.
async function text(address) {
  const response = await fetch(address, { redirect: "error" });
  if (!response.ok) throw new Error(response.statusText);
  return response.blob();
}
