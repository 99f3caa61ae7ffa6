// @ts-check
"use strict";

/** What people read for the errors that browsers name; they differ in all else that they say. */
const WORDS = new Map([
  ["NotAllowedError", "No passkey was chosen, or it took too long. Try again."],
  ["InvalidStateError", "This device has a passkey of yours already."],
  ["NotSupportedError", "This device makes no passkeys that can be used here."],
]);

/**
 * Has a passkey answer the hub's challenge.
 * @param {HTMLFormElement} form
 * @returns {Promise<string>} the answer as JSON
 */
async function answered(form) {
  const fields = new URLSearchParams();
  for (const [name, value] of new FormData(form)) fields.append(name, String(value));
  const got = await fetch(String(form.dataset.challenge), { method: "POST", body: fields });
  const told = await got.json();
  if (!got.ok) throw new Error(`${told.what}. ${told.to_do}`);
  const made = form.dataset.passkey === "create"
    ? await navigator.credentials.create({ publicKey: PublicKeyCredential.parseCreationOptionsFromJSON(told) })
    : await navigator.credentials.get({ publicKey: PublicKeyCredential.parseRequestOptionsFromJSON(told) });
  return JSON.stringify(made);
}

/**
 * Fills a form in by a passkey, and sends it; what goes wrong is said in the form.
 * @param {HTMLFormElement} form
 */
async function send(form) {
  const said = form.querySelector("[role=alert]");
  const button = form.querySelector("button");
  const credential = form.elements.namedItem("credential");
  if (!(said instanceof HTMLElement && button && credential instanceof HTMLInputElement)) return;
  button.disabled = true;
  said.hidden = true;
  try {
    credential.value = await answered(form);
    form.submit();
  } catch (fault) {
    const error = fault instanceof Error ? fault : new Error(String(fault));
    said.textContent = WORDS.get(error.name) ?? error.message;
    said.hidden = false;
  } finally {
    button.disabled = false;
  }
}

if (typeof PublicKeyCredential !== "undefined" && "parseRequestOptionsFromJSON" in PublicKeyCredential) {
  for (const part of document.querySelectorAll("[data-without-passkeys]")) part.setAttribute("hidden", "");
  for (const form of document.querySelectorAll("form[data-passkey]")) {
    if (!(form instanceof HTMLFormElement)) continue;
    form.hidden = false;
    form.addEventListener("submit", (event) => { event.preventDefault(); void send(form); });
  }
}
