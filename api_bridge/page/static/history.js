/** The view of what was asked for, newest first, with filters. */

import { useEffect, useState } from "preact/hooks";

import { listing } from "./api.js";
import { html } from "./html.js";
import { Alert, Badge, useAction, When } from "./parts.js";
import { number, state, words } from "./words.js";

const STATUSES = ["queued", "running", "delivering", "cancelling", "succeeded", "failed", "cancelled", "expired"];

export function HistoryView({ types }) {
  const [filters, setFilters] = useState({});
  const [shown, setShown] = useState(null);
  const loading = useAction(async (token) => {
    const page = await listing({ ...filters, ...(token && { page_token: token }) });
    setShown((old) => ({ exports: [...(token ? old.exports : []), ...page.exports], token: page.next_page_token }));
  });
  useEffect(() => void loading.run(), [filters]);
  return html`<section aria-labelledby="history-title">
    <h1 id="history-title">Exports</h1>
    <${Filters} types=${types} set=${setFilters} />
    <${Alert} problem=${loading.problem} />
    <div aria-live="polite" aria-busy=${loading.busy}>${shown && html`<${List} shown=${shown} filtered=${Object.keys(filters).length > 0} />`}</div>
    ${shown?.token && html`<button class="secondary" aria-busy=${loading.busy} onClick=${() => loading.run(shown.token)}>Show older ones</button>`}
  </section>`;
}

function Filters({ types, set }) {
  const apply = (event) => {
    event.preventDefault();
    const given = new FormData(event.target.form || event.target);
    set(Object.fromEntries([...given].filter(([, value]) => value)));
  };
  return html`<form class="filters" onSubmit=${apply} onChange=${apply}>
    <label>Kind<select name="type"><option value="">all</option>
      ${types.map((one) => html`<option value=${one.name}>${words(one.name)}</option>`)}</select></label>
    <label>State<select name="status"><option value="">all</option>
      ${STATUSES.map((one) => html`<option value=${one}>${state(one)}</option>`)}</select></label>
    <label>Campaign<input name="campaign" pattern="[a-z0-9\\-]{3,80}" placeholder="all" autocomplete="off" /></label>
    <label class="check"><input type="checkbox" name="mine" value="true" /> Only mine</label>
  </form>`;
}

function List({ shown, filtered }) {
  if (!shown.exports.length) {
    return html`<p class="empty">${filtered ? "No export is like that." : html`Nobody has asked for anything yet. <a href="#/">Ask for an export.</a>`}</p>`;
  }
  return html`<ul class="exports">${shown.exports.map(Row)}</ul>`;
}

function Row(one) {
  const rows = one.result ? `${number(one.result.rows)} rows` : "";
  return html`<li key=${one.id}>
    <a href=${`#/exports/${one.id}`}>${words(one.type.split(".")[0])}</a>
    <${Badge} status=${one.status} />
    <span>${one.params.campaign_id || one.params.day || one.params.case_id || ""}</span>
    <span>${rows}</span>
    <small><${When} at=${one.created_at} /> by ${one.requested_by}</small>
  </li>`;
}
