/** The view that asks for an export: a kind, a form made from its schema, an estimate, the request. */

import { useMemo, useState } from "preact/hooks";

import { asCurl, create, estimate } from "./api.js";
import { Field, initial, sent } from "./fields.js";
import { html } from "./html.js";
import { Alert, Copy, Facts, useAction } from "./parts.js";
import { bytes, number, words } from "./words.js";

// Of the file rather than of the kind, and asked in every export; the others are behind a fold.
const USUAL = ["format", "dialect", "compression", "pii", "reason"];

export function RequestView({ types }) {
  const [name, choose] = useState(types[0].name);
  const type = types.find((one) => one.name === name);
  const options = types.map((one) => html`<option value=${one.name} selected=${one.name === name}>${words(one.name)}</option>`);
  return html`<section aria-labelledby="request-title">
    <h1 id="request-title">Ask for an export</h1>
    <div class="field">
      <label for="kind">Kind of export</label>
      <select id="kind" onChange=${(event) => choose(event.target.value)} aria-describedby="kind-about">${options}</select>
      <small id="kind-about">${type.summary}</small>
    </div>
    <${Form} key=${name} type=${type} types=${types} />
  </section>`;
}

function Form({ type, types }) {
  const { properties, required } = type.params_schema;
  const groups = useMemo(() => grouped(type, types), [type]);
  const [values, setValues] = useState(() => mapped(properties, initial));
  const [guess, setGuess] = useState(null);
  const body = { type: type.id, params: paramsOf(properties, values) };
  const asking = useAction(async () => {
    location.hash = `#/exports/${(await create(body)).id}`;
  });
  const guessing = useAction(async () => setGuess(await estimate(body)));
  const problem = asking.problem || guessing.problem;
  const field = (name) => {
    const set = (value) => (setGuess(null), setValues((old) => ({ ...old, [name]: value })));
    const wrong = problem?.errors?.find((one) => one.pointer === `/params/${name}`)?.detail;
    const choices = name === "columns" ? type.columns.map((column) => column.name) : undefined;
    const about = { name, property: properties[name], value: values[name], required: required.includes(name) };
    return html`<${Field} key=${name} ...${about} wrong=${wrong} choices=${choices} set=${set} />`;
  };
  const submit = (event) => (event.preventDefault(), asking.run());
  const guessNow = (event) => event.target.form.reportValidity() && guessing.run();
  return html`<form onSubmit=${submit}>
    <div class="fields">${groups.first.map(field)}</div>
    ${groups.own.length > 0 && html`<details><summary>Which rows (${groups.own.length} options)</summary>
      <div class="fields">${groups.own.map(field)}</div></details>`}
    <h2>The file</h2>
    <div class="fields">${groups.usual.map(field)}</div>
    <details><summary>More of the file: columns, splitting, deliveries</summary>
      <div class="fields">${groups.more.map(field)}</div></details>
    <${Alert} problem=${problem} />
    <div aria-live="polite">${guess && html`<${Estimate} guess=${guess} />`}</div>
    <div class="buttons">
      <button type="submit" aria-busy=${asking.busy}>Request the export</button>
      <button type="button" class="secondary" aria-busy=${guessing.busy} onClick=${guessNow}>Estimate first</button>
    </div>
    <details><summary>The same as a command</summary><${Copy} text=${asCurl(body)} label="Command for curl" /></details>
  </form>`;
}

/** Which fields come where: what must be given, what only this kind has, what every file has. */
function grouped(type, types) {
  const { properties, required } = type.params_schema;
  const shared = (name) => types.every((one) => name in one.params_schema.properties || required.includes(name));
  const names = Object.keys(properties).filter((name) => !required.includes(name));
  return {
    first: required,
    own: names.filter((name) => !shared(name)),
    usual: USUAL.filter((name) => names.includes(name)),
    more: names.filter((name) => shared(name) && !USUAL.includes(name)),
  };
}

const mapped = (record, each) => Object.fromEntries(Object.entries(record).map(([name, one]) => [name, each(one)]));

function paramsOf(properties, values) {
  const all = Object.entries(properties).map(([name, property]) => [name, sent(property, values[name])]);
  return Object.fromEntries(all.filter(([, value]) => value !== undefined));
}

/** What it will come to; a number that nobody can tell is said to be unknown rather than left out. */
const Estimate = ({ guess }) => html`<article class="estimate"><${Facts} facts=${[
  ["Rows", guess.rows == null ? "not known before the first export" : `${guess.rows_from === "count" ? "at most" : "about"} ${number(guess.rows)}`],
  ["Size", guess.bytes == null ? "not known before the first export" : `about ${bytes(guess.bytes)}`],
  ["Time", guess.seconds == null ? "not known before the first export" : `about ${number(Math.ceil(guess.seconds))} s of work`],
  ["Athena scans", guess.athena?.bytes_scanned != null && `at most ${bytes(guess.athena.bytes_scanned)}, $ ${guess.athena.usd}`],
  ["Withheld columns", guess.columns_withheld.join(", ")],
]} /></article>`;
