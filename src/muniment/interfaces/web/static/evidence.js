// Shows the passage behind a citation: beside the answer on a desk, in a sheet from below on a phone.
// A document's words only ever become text nodes; nothing here parses markup.
// Whether they may still be read is asked before a passage is opened.
import { statusOf } from "./lasting.js";

const wide = matchMedia("(min-width: 64rem)");

export class Evidence {
  #page; #panel; #list; #sheet; #slot; #returnTo = null; #pinned = null; #refused; #asking = null;

  /** `refused` is called with the status where a passage may not be opened any more, or 0 where nobody said. */
  constructor(page, refused) {
    this.#page = page;
    this.#refused = refused;
    this.#panel = page.querySelector(".evidence");
    this.#list = page.querySelector("[data-sources]");
    this.#sheet = page.querySelector(".sheet");
    this.#slot = this.#sheet.querySelector("[data-sheet]");
    page.addEventListener("pointerover", (event) => this.#point(event));
    page.addEventListener("focusin", (event) => this.#focus(event));
    page.addEventListener("click", (event) => this.#click(event));
    page.addEventListener("toggle", (event) => this.#unfold(event), true);
    document.addEventListener("keydown", (event) => event.key === "Escape" && this.close());
    this.#sheet.addEventListener("close", () => this.#closed());
    this.#sheet.addEventListener("click", (event) => event.target === this.#sheet && this.#sheet.close());
    this.#sheet.querySelector("button").addEventListener("click", () => this.#sheet.close());
  }

  clear() {
    this.#pinned = this.#returnTo = this.#asking = null;
    this.#list.replaceChildren();
    this.#panel.hidden = true;
  }

  /** Adds the card of a source once. */
  add(source) {
    if (this.#card(source.n)) return;
    const card = document.getElementById("source-template").content.firstElementChild.cloneNode(true);
    card.id = `source-${source.n}`;
    for (const slot of card.querySelectorAll("[data-slot]")) {
      const text = source[slot.dataset.slot] ?? "";
      slot.textContent = text;
      slot.hidden = text === "";
    }
    card.querySelector(".open").setAttribute("href", source.href);
    card.querySelector(".open").textContent = source.open;
    this.#list.append(card);
    this.#panel.hidden = false;
  }

  /** Says why each source was found, once that is recorded. */
  tell(whys) {
    for (const { n, why } of whys) {
      const slot = this.#card(n)?.querySelector("[data-slot='why']");
      if (slot) slot.textContent = why;
      if (slot) slot.hidden = why === "";
    }
  }

  close() {
    if (this.#sheet.open) return this.#sheet.close();
    const asking = this.#asking;
    this.#asking = null;
    if (!this.#pinned && !asking) return;
    this.#pinned = null;
    this.#activate(null);
    this.#closed();
  }

  #closed() {
    for (const chip of this.#page.querySelectorAll(".chip")) chip.setAttribute("aria-expanded", "false");
    this.#slot.replaceChildren();
    const back = this.#returnTo;
    this.#returnTo = null;
    back?.focus();
    if (back) this.#activate(null);
  }

  #chip(event) { return event.target.closest?.(".chip"); }
  #card(n) { return this.#list.querySelector(`#source-${n}`); }

  #point(event) {
    const chip = this.#chip(event);
    if (chip && wide.matches && !this.#pinned) this.#activate(chip.dataset.n);
  }

  #focus(event) {
    const chip = this.#chip(event);
    if (chip && wide.matches && this.#returnTo !== chip) this.#activate(chip.dataset.n);
  }

  #click(event) {
    const chip = this.#chip(event);
    if (chip) {
      event.preventDefault();
      return this.#open(chip);
    }
    const card = event.target.closest?.(".evidence .source");
    if (card && !event.target.closest("a")) this.#activate(card.id.slice("source-".length));
  }

  #unfold({ target }) {
    if (target.open && target.matches(".origin")) target.scrollIntoView({ block: "nearest" });
  }

  async #open(chip) {
    const asked = this.#card(chip.dataset.n);
    if (!asked) return;
    this.#asking = chip;
    const status = await statusOf(asked.querySelector(".open").href);
    if (this.#asking !== chip) return;
    this.#asking = null;
    const card = this.#card(chip.dataset.n);
    if (status !== 200) return this.#refused(status);
    if (card !== asked) return;
    this.#returnTo = chip;
    for (const other of this.#page.querySelectorAll(".chip")) other.setAttribute("aria-expanded", String(other === chip));
    this.#activate(chip.dataset.n);
    if (wide.matches) {
      this.#pinned = chip.dataset.n;
      card.focus({ preventScroll: true });
      return;
    }
    const copy = card.cloneNode(true);
    copy.removeAttribute("id");
    this.#slot.replaceChildren(copy);
    this.#sheet.showModal();
    copy.querySelector("mark")?.scrollIntoView({ block: "center" });
  }

  #activate(n) {
    for (const card of this.#list.children) card.classList.toggle("is-active", card.id === `source-${n}`);
    for (const chip of this.#page.querySelectorAll(".chip")) chip.classList.toggle("is-active", chip.dataset.n === String(n));
    this.#reveal(n === null ? null : this.#card(n));
  }

  /** Keeps the open card inside the window by scrolling the panel alone, never the page. */
  #reveal(card) {
    const panel = this.#panel;
    panel.style.maxBlockSize = "";
    if (!card || !wide.matches) return;
    const room = innerHeight - Math.max(panel.getBoundingClientRect().top, 16) - 16;
    panel.style.maxBlockSize = `${Math.max(room, 240)}px`;
    const below = card.offsetTop + card.offsetHeight - (panel.scrollTop + panel.clientHeight);
    if (below > 0 || card.offsetTop < panel.scrollTop) panel.scrollTop = card.offsetTop - 12;
  }
}
