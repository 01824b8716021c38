/** The view of one export: live progress, files, deliveries, proof, and what can be done with it. */

import { useEffect, useState } from "preact/hooks";

import { asCurl, download, follow, remove, watch } from "./api.js";
import { html } from "./html.js";
import { ManifestView } from "./manifest.js";
import { Alert, Badge, Copy, Facts, useAction, When } from "./parts.js";
import { bytes, number, sentence, spoken, state, time, words } from "./words.js";

const LOST_MS = 5_000; // between two tries when the bridge cannot be reached

export function ExportView({ id }) {
  const [turn, setTurn] = useState(0);
  const { found, problem } = useWatched(id, turn);
  if (!found) return html`<section><${Alert} problem=${problem} />${!problem && html`<p aria-busy="true">Looking it up</p>`}</section>`;
  return html`<section aria-labelledby="export-title">
    <h1 id="export-title">${words(found.type.split(".")[0])} <${Badge} status=${found.status} /></h1>
    <${Alert} problem=${problem} />
    <${Progress} found=${found} />
    <${Ended} found=${found} />
    <${Moves} found=${found} again=${() => setTurn(turn + 1)} />
    <${About} found=${found} />
    ${found.links.manifest && html`<${ManifestView} id=${id} />`}
  </section>`;
}

/** The newest state, and what keeps us from a newer one. */
function useWatched(id, turn) {
  const [seen, setSeen] = useState({});
  useEffect(() => {
    const ends = new AbortController();
    const see = async () => {
      try {
        for await (const found of watch(id, ends.signal)) setSeen({ id, found });
      } catch (problem) {
        if (ends.signal.aborted) return;
        setSeen((old) => ({ ...old, id, problem }));
        if (!problem.status || problem.status >= 500) setTimeout(() => ends.signal.aborted || see(), LOST_MS);
      }
    };
    see();
    return () => ends.abort();
  }, [id, turn]);
  return seen.id === id ? seen : {};
}

function Progress({ found }) {
  const { rows_read: read, rows_total: total, ratio, eta_p50: eta } = found.progress;
  const said = found.done ? state(found.status) : `${state(found.status)}${ratio == null ? "" : `, ${Math.floor(ratio * 100)} %`}`;
  return html`<div>
    <p role="status" class="visually-hidden">${said}</p>
    ${!found.done && html`<progress aria-label="Progress" max="1" value=${ratio ?? undefined}></progress>`}
    ${!found.done && html`<p class="figures">
      <span>${total ? `${number(read)} of ${number(total)} rows read` : state(found.status)}</span>
      ${eta && html`<span>ready ${new Date(eta) > Date.now() ? html`about <${When} at=${eta} />` : "any moment"}</span>`}
    </p>`}
  </div>`;
}

function Ended({ found }) {
  const { status, error, result } = found;
  if (status === "expired") return html`<p class="empty">The files were deleted when their time was over. Ask again to have them made anew.</p>`;
  if (status === "cancelled") return html`<p class="empty">It was stopped; there are no files.</p>`;
  if (status === "failed") return html`<${Alert} problem=${{ title: error?.code || "It failed", message: `${sentence(error?.detail || "No reason was recorded")} No file was published.` }} />`;
  if (status !== "succeeded" || !result) return null;
  if (!result.rows) return html`<p class="empty">Nothing matched: ${words(result.empty_reason || "no rows")}. The file has its header only.</p><${Files} result=${result} />`;
  return html`<${Files} result=${result} />`;
}

function Files({ result }) {
  const { run, busy, problem } = useAction(download);
  return html`<div>
    <h2>${number(result.rows)} rows, ${bytes(result.bytes)}</h2>
    ${result.completeness === "partial" && html`<p role="note">Partial: more rows were rejected than a complete file may lack. The manifest counts them.</p>`}
    <${Alert} problem=${problem} />
    <ul class="files">${result.files.map((file, index) => html`<li key=${file.sha256 + index}>
      <span>${[file.section, file.group].filter(Boolean).map(words).join(", ") || `File ${index + 1}`}</span>
      <span>${number(file.rows)} rows, ${bytes(file.bytes)}</span>
      ${file.url
        ? html`<button aria-busy=${busy} aria-label=${`Download file ${index + 1}`} onClick=${() => run(file)}>Download</button>`
        : html`<small>goes to its destination only</small>`}
      <code class="digest" title="SHA-256">${file.sha256}</code>
    </li>`)}</ul>
    ${result.deliveries.length > 0 && html`<h2>Deliveries</h2><ul class="files">${result.deliveries.map((one) => html`<li>
      <span>${words(one.destination)}</span>
      <span>${number(one.sent)} sent, ${number(one.accepted)} accepted, ${number(one.rejected)} rejected</span>
      <span>${one.state}</span></li>`)}</ul>`}
  </div>`;
}

function Moves({ found, again }) {
  const move = useAction(async (link) => (await follow(link), again()));
  const drop = useAction(async (link) => {
    if (!confirm("Delete the files for good? Who asked for them stays on record.")) return;
    await remove(link);
    location.hash = "#/exports";
  });
  const { cancel, retry, delete: gone } = found.links;
  return html`<div class="buttons">
    ${cancel && html`<button class="secondary" aria-busy=${move.busy} onClick=${() => move.run(cancel)}>Stop it</button>`}
    ${retry && html`<button aria-busy=${move.busy} onClick=${() => move.run(retry)}>Try again</button>`}
    ${gone && html`<button class="secondary" aria-busy=${drop.busy} onClick=${() => drop.run(gone)}>Delete it</button>`}
    <${Alert} problem=${move.problem || drop.problem} />
  </div>`;
}

function About({ found }) {
  const asked = Object.entries(found.params).filter(([, value]) => value != null && !(Array.isArray(value) && !value.length));
  const body = { type: found.type, params: Object.fromEntries(asked) };
  return html`<details open=${!found.done}><summary>About this export</summary>
    <${Facts} facts=${[
      ["Id", html`<code>${found.id}</code>`],
      ["Asked", html`${time(found.created_at)} by ${found.requested_by}`],
      ["Attempt", found.attempt],
      ["Dagster", found.links.dagster_run && html`<a href=${found.links.dagster_run}>its run</a>, <a href=${found.links.dagster_asset}>its lineage</a>`],
      ["Rows as of", found.snapshot_time && time(found.snapshot_time)],
      ["Finished", found.finished_at && time(found.finished_at)],
      ["Files stay until", found.expires_at && time(found.expires_at)],
      ["Withheld columns", found.columns_withheld.join(", ")],
      ...asked.map(([name, value]) => [words(name), [value].flat().map(spoken).join(", ")]),
    ]} />
    <${Copy} text=${asCurl(body)} label="The same request as a command for curl" />
  </details>`;
}
