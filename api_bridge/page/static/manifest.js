/** The manifest, readable: which rows, from which instant, by which code, in which columns. */

import { useState } from "preact/hooks";

import { manifest } from "./api.js";
import { html } from "./html.js";
import { Alert, Facts, useAction } from "./parts.js";
import { number, personal, time, words } from "./words.js";

export function ManifestView({ id }) {
  const [found, setFound] = useState(null);
  const { run, busy, problem } = useAction(async () => setFound(await manifest(id)));
  const open = (event) => event.target.open && !found && run();
  return html`<details onToggle=${open}><summary>What the file proves</summary>
    <p aria-busy=${busy}></p>
    <${Alert} problem=${problem} />
    ${found && html`<${Proof} found=${found} />`}
  </details>`;
}

function Proof({ found }) {
  const { accounting } = found;
  return html`<${Facts} facts=${[
    ["Rows as of", time(found.snapshot_at)],
    ["Code", html`${found.code_version}, commit <code>${found.git_sha.slice(0, 12)}</code>`],
    ["Fingerprint", html`<code class="digest">${found.fingerprint}</code>`],
    ["Dagster run", html`<code>${found.run_id}</code>, attempt ${found.attempt}`],
    ["Zone of local times", found.zone],
    ["Withheld columns", found.withheld.join(", ")],
  ]} />
  <h3>Where every row went</h3>
  <${Table} head=${["", "Rows"]} rows=${[
    ["An independent count", number(accounting.expected)],
    ["Read", number(accounting.read)],
    ...reasons("left out", accounting.filtered),
    ...reasons("rejected", { ...accounting.rejected, ...accounting.unfit }),
    ...reasons("in a file beside", accounting.beside),
    ["Written", number(accounting.written)],
    ...reasons("written, with a note", accounting.notes),
  ]} />
  <h3>Columns</h3>
  <${Table} head=${["Column", "Type", "Source", "Personal", "Shown as"]}
    rows=${found.columns.map((one) => [one.name, one.type, one.source, personal(one.pii), shown(one.transform)])} />`;
}

const shown = (transform) => (transform === "none" ? "as it is" : words(transform).toLowerCase());

const reasons = (what, counts) =>
  Object.entries(counts).map(([reason, count]) => [`${words(reason)} (${what})`, number(count)]);

const Table = ({ head, rows }) => html`<div class="overflow-auto" tabindex="0" role="group" aria-label=${head.filter(Boolean).join(", ")}>
  <table>
    <thead><tr>${head.map((one) => html`<th scope="col">${one || html`<span class="visually-hidden">What</span>`}</th>`)}</tr></thead>
    <tbody>${rows.map(([first, ...others]) => html`<tr><th scope="row">${first}</th>${others.map((one) => html`<td>${one}</td>`)}</tr>`)}</tbody>
  </table>
</div>`;
