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

const live = document.querySelector("[data-live]");
if (live instanceof HTMLElement) keepLive(live);
