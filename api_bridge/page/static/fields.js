/** One field of a form, made from a property of a JSON Schema with the browser's own widgets. */

import { html } from "./html.js";
import { words } from "./words.js";

const INSTANT = "date-time";

/** What a property starts with: its default, or nothing. */
export const initial = (property) => property.default ?? (property.type === "array" ? [] : "");

/** What is sent of a field: nothing where it says what the schema says already. */
export function sent(property, value) {
  if (same(value, initial(property))) return undefined;
  if (property.type === "array") return value;
  if (value === "") return undefined;
  if (property.type === "integer") return Number(value);
  return property.format === INSTANT ? instant(value) : value;
}

const same = (one, other) => JSON.stringify(one) === JSON.stringify(other);

/** `2026-03-01T10:00` of the browser's widget as RFC 3339 in UTC. */
const instant = (value) => `${value}${value.length === 16 ? ":00" : ""}Z`;

/**
 * A labelled field. `set` takes the new value; `wrong` is what the bridge said of the last one;
 * `choices` are the items of a list whose schema names them in a pattern only.
 */
export function Field({ name, property, value, required, wrong, choices, set }) {
  const id = `field-${name}`;
  const items = property.items?.enum || choices;
  const about = { id, name, required, "aria-describedby": `${id}-about`, "aria-invalid": wrong ? "true" : undefined };
  const control = items
    ? html`<${Several} ...${{ id, items, value, set }} />`
    : html`<${One} ...${{ about, property, value, set }} />`;
  const unit = property.format === INSTANT ? " (UTC)" : "";
  const title = html`${words(name)}${unit}${required && html` <span aria-hidden="true">*</span>`}`;
  const note = html`<small id=${`${id}-about`}>${property.description}${wrong && html` <strong>${wrong}</strong>`}</small>`;
  return items
    ? html`<fieldset class="field" aria-describedby=${`${id}-about`}><legend>${title}</legend>${control}${note}</fieldset>`
    : html`<div class="field"><label for=${id}>${title}</label>${control}${note}</div>`;
}

/** A choice of several: a box each. */
function Several({ id, items, value, set }) {
  const toggle = (item) => (event) =>
    set(event.target.checked ? [...value, item] : value.filter((one) => one !== item));
  return html`<div class="several">${items.map(
    (item) => html`<label for=${`${id}-${item}`}>
      <input type="checkbox" id=${`${id}-${item}`} checked=${value.includes(item)} onChange=${toggle(item)} />${item}
    </label>`,
  )}</div>`;
}

function One({ about, property, value, set }) {
  const typed = ({ target }) => (check(target, property, [target.value]), set(target.value));
  if (property.enum) {
    return html`<${Select} ...${{ about, value, typed }} options=${property.enum.map((one) => [one, one])} none=${property.default === undefined} />`;
  }
  if (property.type === "boolean") {
    const chosen = (event) => set(event.target.value === "" ? "" : event.target.value === "true");
    const options = [["true", "yes"], ["false", "no"]];
    return html`<${Select} about=${about} value=${String(value)} typed=${chosen} options=${options} none=${property.default === undefined} />`;
  }
  if (property.type === "array") {
    const lines = ({ target }) => {
      const items = target.value.split(/[\n,]/).map((line) => line.trim()).filter(Boolean);
      check(target, { ...property, pattern: property.items.pattern }, items);
      set(items);
    };
    return html`<textarea ...${about} rows="2" placeholder="one a line" onChange=${lines}>${value.join("\n")}</textarea>`;
  }
  return html`<input ...${about} ...${attributes(property)} value=${value} onInput=${typed} />`;
}

function Select({ about, value, options, none, typed }) {
  return html`<select ...${about} value=${value} onChange=${typed}>
    ${none && html`<option value="">–</option>`}
    ${options.map(([one, said]) => html`<option value=${one} selected=${one === value}>${said}</option>`)}
  </select>`;
}

/** Say before it is sent what the schema's pattern refuses: it is no HTML pattern, whose classes have other rules. */
function check(control, { pattern, description }, values) {
  const wrong = pattern && values.some((value) => value && !new RegExp(pattern, "u").test(value));
  control.setCustomValidity(wrong && !control.type.startsWith("date") ? description : "");
}

/** The schema's bounds as the browser checks them. */
function attributes({ type, format, minimum, maximum, minLength, maxLength }) {
  if (type === "integer") return { type: "number", step: 1, min: minimum, max: maximum };
  if (format === "date") return { type: "date" };
  if (format === INSTANT) return { type: "datetime-local", step: 1 };
  return { type: "text", minLength, maxLength, autocomplete: "off", spellcheck: false };
}
