// Asks without leaving the page: each claim appears once it was verified. Without this script the form still works.
import { Evidence } from "./evidence.js";
import { events } from "./events.js";

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
const evidence = new Evidence(page);
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

async function ask(text) {
  running?.abort();
  const mine = (running = new AbortController());
  const body = new URLSearchParams(new FormData(form));
  begin(text);
  try {
    const response = await fetch(form.action, {
      method: "POST",
      headers: { accept: "text/event-stream" },
      body,
      signal: mine.signal,
      redirect: "error",
    });
    if (response.status === 401) return location.assign("/signin");
    if (!response.ok) return fail(sentence(await response.json()));
    let last = null;
    for await (const event of events(response)) {
      if (mine !== running) return;
      take(event);
      last = event;
    }
    if (last?.name === "finished") history.replaceState(null, "", last.data.href);
    else if (last?.name !== "error") fail(page.dataset.broken);
  } catch (error) {
    if (mine !== running) return;
    fail(mine.signal.aborted ? page.dataset.stopped : page.dataset.broken);
  } finally {
    if (mine === running) end();
  }
}

function begin(text) {
  if (page.dataset.answered) putAside();
  page.classList.add("is-answering", "is-fresh");
  page.querySelector(".recent + .whole")?.remove();
  page.querySelector(".recent")?.remove();
  page.querySelector(".feedback")?.remove();
  page.querySelector(".manage")?.remove();
  page.querySelector(".titled")?.remove();
  reading.hidden = false;
  question.textContent = text;
  claims.replaceChildren();
  instead.hidden = true;
  outcome.replaceChildren();
  evidence.clear();
  progress.hidden = false;
  live.setAttribute("aria-busy", "true");
  box.value = "";
  history.replaceState(null, "", "/");
}

// What was answered last moves to the earlier turns of the conversation.
function putAside() {
  const turn = document.getElementById("turn-template").content.firstElementChild.cloneNode(true);
  const link = turn.querySelector("a");
  link.href = page.dataset.answered;
  link.textContent = question.textContent;
  for (const one of claims.querySelectorAll(".chip")) one.textContent = ` [${one.textContent}]`;
  const said = [...claims.querySelectorAll(".claim")].map((one) => one.textContent).join(" ");
  turn.querySelector(".reply").textContent = said || outcome.querySelector(".said")?.textContent || "";
  turn.querySelector(".instead").textContent = instead.textContent;
  turn.querySelector(".instead").hidden = instead.hidden;
  turns.prepend(turn);
  const section = turns.closest(".talk");
  section.hidden = false;
  section.querySelector("h2").classList.remove("visually-hidden");
  delete page.dataset.answered;
}

function end() {
  running = null;
  progress.hidden = true;
  live.setAttribute("aria-busy", "false");
}

function take({ name, data }) {
  if (name === "claim") claim(data);
  else if (name === "finished") finish(data);
  else if (name === "error") fail(sentence(data));
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
  page.dataset.answered = data.href;
  evidence.tell(data.whys);
  const foot = filled("foot-template", {});
  for (const one of foot.querySelectorAll("[data-after]")) one.href = data.href + one.dataset.after;
  const notes = foot.querySelector(".notes");
  for (const note of data.notes) notes.append(Object.assign(document.createElement("li"), { textContent: note }));
  const link = foot.querySelector("a");
  link.href = `${data.href}/lineage`;
  outcome.append(foot);
}

function nearest(block, documents) {
  block.hidden = !documents.length;
  for (const { href, title } of documents) {
    const a = Object.assign(document.createElement("a"), { href, textContent: title, dir: "auto" });
    const item = document.createElement("li");
    item.append(a);
    block.querySelector("ul").append(item);
  }
}

function sentence({ title, detail }) {
  return `${title} ${detail}`.trim();
}

function fail(said) {
  outcome.replaceChildren(filled("trouble-template", { said }));
}

function filled(template, texts) {
  const part = document.getElementById(template).content.firstElementChild.cloneNode(true);
  for (const slot of part.querySelectorAll("[data-slot]")) slot.textContent = texts[slot.dataset.slot] ?? "";
  return part;
}
