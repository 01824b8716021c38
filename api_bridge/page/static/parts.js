/** Small parts that several views show. */

import { useState } from "preact/hooks";

import { html } from "./html.js";
import { state, time, ago } from "./words.js";

/** What went wrong, and what to change. */
export function Alert({ problem }) {
  if (!problem) return null;
  const list = problem.errors?.length
    ? html`<ul>${problem.errors.map((one) => html`<li><code>${one.pointer}</code> ${one.detail}</li>`)}</ul>`
    : null;
  return html`<div role="alert" class="alert">
    <strong>${problem.title || "Not done"}</strong>
    <p>${marked(problem.message)}</p>
    ${list}
    ${problem.requestId && html`<small>Request <code>${problem.requestId}</code></small>`}
  </div>`;
}

/** Names between backticks as code. */
const marked = (text) => String(text).split("`").map((part, index) => (index % 2 ? html`<code>${part}</code>` : part));

export const Badge = ({ status }) => html`<span class="badge" data-status=${status}>${state(status)}</span>`;

export const When = ({ at }) =>
  at ? html`<time datetime=${at} title=${time(at)}>${ago(at)}</time>` : html`<span>–</span>`;

/** Text to take away; the browser says whether it could be copied. */
export function Copy({ text, label }) {
  const [said, say] = useState("");
  const copy = () =>
    navigator.clipboard.writeText(text).then(
      () => say("Copied."),
      () => say("The browser does not allow it: select the text and copy it."),
    );
  return html`<div class="copy">
    <pre tabindex="0" aria-label=${label}><code>${text}</code></pre>
    <button type="button" class="secondary outline" onClick=${copy}>Copy</button>
    <small role="status">${said}</small>
  </div>`;
}

/** Pairs of name and value; what is not there is not shown. */
export function Facts({ facts }) {
  const there = facts.filter(([, value]) => value != null && value !== "");
  return html`<dl>${there.map(([name, value]) => html`<div><dt>${name}</dt><dd>${value}</dd></div>`)}</dl>`;
}

/** Run a click once at a time, and keep what went wrong. */
export function useAction(action) {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState(null);
  const run = async (...args) => {
    setBusy(true);
    setProblem(null);
    try {
      return await action(...args);
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  return { run, busy, problem };
}
