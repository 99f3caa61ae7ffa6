// @ts-check
"use strict";

/**
 * Keeps the live part of a page as the hub has it now. There is one at most; without this script it is as it was when
 * the page was loaded.
 * @param {HTMLElement} part an element that names its stream in data-live
 */
function keepLive(part) {
  const lost = document.getElementById(part.id + "-lost");
  const source = new EventSource(String(part.dataset.live));
  source.addEventListener("open", () => lost?.setAttribute("hidden", ""));
  source.addEventListener("error", () => lost?.removeAttribute("hidden"));
  source.addEventListener("message", (event) => { part.innerHTML = event.data; });
  source.addEventListener("end", () => source.close());
}

/**
 * Shows how much of a form's file is sent, and its answer in place of the page. Without this script the form is sent as
 * any other.
 * @param {HTMLFormElement} form
 */
function showSending(form) {
  const chosen = form.querySelector("input[type=file]");
  const part = form.querySelector("[data-sending]");
  const bar = form.querySelector("progress");
  if (!(chosen instanceof HTMLInputElement && part instanceof HTMLElement && bar)) return;

  /** @param {string} word what is said; empty for nothing */
  const say = (word) => {
    for (const each of form.querySelectorAll("[data-said]")) each.toggleAttribute("hidden", each.getAttribute("data-said") !== word);
    part.hidden = word !== "sending" && word !== "working";
  };

  form.addEventListener("submit", (event) => {
    const file = chosen.files?.[0];
    if (!file || (event.submitter instanceof HTMLButtonElement && event.submitter.hasAttribute("formaction"))) return;
    event.preventDefault();
    if (!part.hidden) return;
    if (file.size > Number(chosen.dataset.most)) {
      say("large");
      return;
    }
    const request = new XMLHttpRequest();
    request.open("POST", form.action);
    request.setRequestHeader("Accept", "text/html");
    request.responseType = "document";
    request.upload.addEventListener("progress", (sent) => { if (sent.lengthComputable) bar.value = sent.loaded / sent.total; });
    request.upload.addEventListener("load", () => say("working"));
    request.addEventListener("error", () => say("cut"));
    request.addEventListener("abort", () => say("stopped"));
    request.addEventListener("load", () => {
      const answer = request.response;
      if (!(answer instanceof Document) || request.responseURL !== form.action) location.assign(request.responseURL);
      else show(answer);
    });
    form.querySelector("[data-stop]")?.addEventListener("click", () => request.abort(), { once: true });
    bar.value = 0;
    say("sending");
    request.send(new FormData(form));
  });
}

/** @param {Document} answer a page that takes the place of this one */
function show(answer) {
  document.documentElement.replaceWith(document.adoptNode(answer.documentElement));
  begin();
  document.querySelector("main")?.focus();
  scrollTo(0, 0);
}

/** Gives the page's parts what the script does for them. */
function begin() {
  for (const form of document.querySelectorAll("form[data-sends]")) if (form instanceof HTMLFormElement) showSending(form);
}

begin();
const live = document.querySelector("[data-live]");
if (live instanceof HTMLElement) keepLive(live);
