// Asks without leaving the page: each claim appears once it was verified. Without this script the form still works.
import { Evidence } from "./evidence.js";
import { events } from "./events.js";
import { patiently, settled } from "./lasting.js";

const page = document.querySelector("[data-ask]");
const form = page.querySelector("form.ask");
const box = form.elements.question;
const reading = page.querySelector(".reading");
const question = reading.querySelector("[data-question]");
const instead = reading.querySelector("[data-instead]");
const turns = page.querySelector("[data-turns]");
const claims = reading.querySelector("[data-claims]");
const outcome = reading.querySelector("[data-outcome]");
const progress = reading.querySelector("[data-progress]");
const live = reading.querySelector("[data-live]");
const evidence = new Evidence(page, refused);
let running = null;

document.documentElement.classList.add("enhanced");

box.addEventListener("keydown", (event) => {
  if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
    event.preventDefault();
    form.requestSubmit();
  }
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (box.value.trim()) ask(box.value.trim());
});

progress.querySelector("button").addEventListener("click", () => running?.abort());

// A page that the browser kept may show what its reader may not read any more.
addEventListener("pageshow", (event) => event.persisted && location.reload());

async function ask(text) {
  running?.abort();
  const mine = (running = new AbortController());
  const body = new URLSearchParams(new FormData(form));
  begin(text);
  try {
    await answered(text, body, mine);
  } catch {
    if (mine === running) again(text, page.dataset.stopped);
  } finally {
    if (mine === running) end();
  }
}

/** Shows an answer as it is made; rejects once it was stopped. */
async function answered(text, body, mine) {
  let href = "";
  try {
    const response = await patiently(() => sent(body, mine.signal), () => tell("busy"), mine.signal);
    if (response.status === 401) return ended();
    if (!response.ok) return again(text, sentence(await response.json()));
    tell("progress");
    for await (const event of events(response)) {
      if (mine !== running) return;
      if (event.name === "started") href = event.data.href;
      if (take(event, text)) return;
    }
  } catch (error) {
    if (mine.signal.aborted) throw error;
  }
  // The stream broke. The answer may have been stored all the same.
  tell("lost");
  const status = href ? await settled(href, mine.signal) : 0;
  if (mine !== running) return;
  if (status === 200) location.replace(href);
  else if (status === 401) ended();
  else again(text, page.dataset.broken);
}

function sent(body, signal) {
  const headers = { accept: "text/event-stream" };
  return fetch(form.action, { method: "POST", headers, body, signal, redirect: "error" });
}

function tell(state) {
  progress.firstChild.data = page.dataset[state];
}

function begin(text) {
  page.classList.add("is-answering", "is-fresh");
  clear();
  reading.hidden = false;
  question.textContent = text;
  tell("progress");
  progress.hidden = false;
  live.setAttribute("aria-busy", "true");
  box.value = "";
  history.replaceState(null, "", "/");
}

/** Takes everything of documents from the page. */
function clear() {
  const shown = ".recent, .recent + .whole, .feedback, .lineage, .manage, .titled";
  for (const part of page.querySelectorAll(shown)) part.remove();
  claims.replaceChildren();
  instead.hidden = true;
  outcome.replaceChildren();
  evidence.clear();
  before([]);
}

/** Shows the earlier turns of the conversation, newest first. */
function before(earlier) {
  turns.replaceChildren(...earlier.map(turn));
  const section = turns.closest(".talk");
  section.hidden = !earlier.length;
  section.querySelector("h2").classList.remove("visually-hidden");
}

function turn({ question, instead, answer, href, sources }) {
  const one = filled("turn-template", { question, instead, answer });
  one.querySelector("a").href = href;
  one.querySelector(".instead").hidden = !instead;
  if (sources.length) one.append(listed(sources, "cited"));
  return one;
}

function end() {
  running = null;
  progress.hidden = true;
  live.setAttribute("aria-busy", "false");
}

/** Shows an event; returns whether it is the last. */
function take({ name, data }, text) {
  if (name === "started") before(data.turns);
  else if (name === "claim") claim(data);
  else if (name === "finished") finish(data);
  else if (name === "error" && data.code === "unauthenticated") ended();
  else if (name === "error") again(text, sentence(data));
  return name === "finished" || name === "error";
}

function claim({ text, quoted, inferred, sources }) {
  const p = document.createElement("p");
  p.className = quoted ? "claim is-quoted" : "claim";
  p.dir = "auto";
  p.append(text);
  if (inferred) p.append(" ", Object.assign(document.createElement("em"), { className: "inferred", textContent: inferred }));
  for (const source of sources) {
    evidence.add(source);
    p.append(chip(source));
  }
  claims.append(p);
}

function chip({ n, label }) {
  const a = document.getElementById("chip-template").content.firstElementChild.cloneNode(true);
  a.href = `#source-${n}`;
  a.dataset.n = n;
  a.textContent = n;
  a.setAttribute("aria-label", label);
  return a;
}

function finish(data) {
  if (data.unused) outcome.append(filled("unused-template", data.unused));
  if (data.status !== "answered") {
    claims.replaceChildren();
    evidence.clear();
    const nothing = filled("nothing-template", { said: data.said });
    nearest(nothing.querySelector(".nearest"), data.nearest);
    outcome.append(nothing);
  }
  instead.textContent = data.instead;
  instead.hidden = !data.instead;
  form.elements.conversation.value = data.conversation;
  box.placeholder = page.dataset.again;
  page.querySelector(".anew").hidden = false;
  const whole = page.querySelector(".talk + .whole");
  whole.hidden = false;
  whole.querySelector("a").href = `/conversations/${data.conversation}`;
  evidence.tell(data.whys);
  const foot = filled("foot-template", {});
  for (const one of foot.querySelectorAll("[data-after]")) one.href = data.href + one.dataset.after;
  const notes = foot.querySelector(".notes");
  for (const note of data.notes) notes.append(Object.assign(document.createElement("li"), { textContent: note }));
  const link = foot.querySelector("a");
  link.href = `${data.href}/lineage`;
  outcome.append(foot);
  history.replaceState(null, "", data.href);
}

function nearest(block, documents) {
  block.hidden = !documents.length;
  block.querySelector("ul").replaceWith(listed(documents.map(({ href, title }) => [href, title])));
}

function listed(links, className = "") {
  const list = Object.assign(document.createElement("ul"), { className });
  for (const [href, textContent] of links) {
    const item = document.createElement("li");
    item.append(Object.assign(document.createElement("a"), { href, textContent, dir: "auto" }));
    list.append(item);
  }
  return list;
}

function sentence({ title, detail }) {
  return `${title} ${detail}`.trim();
}

/** Says what went wrong, with the question put back unless another is being written. */
function again(text, said) {
  box.value ||= text;
  outcome.replaceChildren(filled("trouble-template", { said }));
}

/** The session is over: nothing of documents stays. */
function ended() {
  running?.abort();
  running = null;
  clear();
  end();
  reading.hidden = false;
  outcome.replaceChildren(filled("ended-template", {}));
}

/** A passage may not be opened: the page is shown as it may be read now. */
function refused(status) {
  if (status === 401) return ended();
  if (status !== 404) {
    outcome.querySelector("[role=alert]")?.remove();
    return outcome.prepend(filled("trouble-template", { said: page.dataset.unchecked }));
  }
  if (location.pathname.startsWith("/answers/")) return location.replace(location.pathname);
  running?.abort();
  running = null;
  clear();
  end();
  again(question.textContent, page.dataset.gone);
}

function filled(template, texts) {
  const part = document.getElementById(template).content.firstElementChild.cloneNode(true);
  for (const slot of part.querySelectorAll("[data-slot]")) slot.textContent = texts[slot.dataset.slot] ?? "";
  return part;
}
