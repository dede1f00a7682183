// Looks every few seconds, while the page is seen, whether what it shows has changed, and says so. It changes nothing
// that is being read; without this script the link to look again is there.

const EVERY = 5_000;
const MOST = 360;
const place = document.querySelector("[data-live]");
let left = MOST;

async function look() {
  if (document.hidden) return true;
  const response = await fetch(place.dataset.live, { credentials: "same-origin" });
  if (!response.ok) return response.status >= 500;
  const { state, says } = await response.json();
  if (state === place.dataset.stands) return true;
  place.classList.add("is-changed");
  place.querySelector("[role=status]").textContent = place.dataset.changed.replace("…", says);
  place.dataset.stands = state;
  document.dispatchEvent(new CustomEvent("changed", { detail: state }));
  return true;
}

async function again() {
  let goes = true;
  try {
    goes = await look();
  } catch {
    // The server or the network is away for a while.
  }
  if (goes && --left > 0) setTimeout(again, EVERY);
}

if (place) setTimeout(again, EVERY);
