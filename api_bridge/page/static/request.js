/** The view that asks for an export: a kind, a form made from its schema, the request. */

import { useMemo, useState } from "preact/hooks";

import { asCurl, create } from "./api.js";
import { Field, initial, sent } from "./fields.js";
import { html } from "./html.js";
import { Alert, Copy, useAction } from "./parts.js";
import { words } from "./words.js";

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
  const body = { type: type.id, params: paramsOf(properties, values) };
  const asking = useAction(async () => {
    location.hash = `#/exports/${(await create(body)).id}`;
  });
  const { problem } = asking;
  const field = (name) => {
    const set = (value) => setValues((old) => ({ ...old, [name]: value }));
    const wrong = problem?.errors?.find((one) => one.pointer === `/params/${name}`)?.detail;
    const choices = name === "columns" ? type.columns.map((column) => column.name) : undefined;
    const about = { name, property: properties[name], value: values[name], required: required.includes(name) };
    return html`<${Field} key=${name} ...${about} wrong=${wrong} choices=${choices} set=${set} />`;
  };
  const submit = (event) => (event.preventDefault(), asking.run());
  return html`<form onSubmit=${submit}>
    <div class="fields">${groups.first.map(field)}</div>
    ${groups.own.length > 0 && html`<details><summary>Which rows (${groups.own.length} options)</summary>
      <div class="fields">${groups.own.map(field)}</div></details>`}
    <h2>The file</h2>
    <div class="fields">${groups.usual.map(field)}</div>
    <details><summary>More of the file: columns, splitting, deliveries</summary>
      <div class="fields">${groups.more.map(field)}</div></details>
    <${Alert} problem=${problem} />
    <div class="buttons">
      <button type="submit" aria-busy=${asking.busy}>Request the export</button>
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
