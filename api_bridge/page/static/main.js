/** The page: who is signed in, which view the address names, and what stands around it. */

import { render } from "preact";
import { useEffect, useState } from "preact/hooks";

import { exportTypes, session } from "./api.js";
import { ExportView } from "./export.js";
import { HistoryView } from "./history.js";
import { html } from "./html.js";
import { Alert, useAction } from "./parts.js";
import { RequestView } from "./request.js";

function Page() {
  const [types, setTypes] = useState(null);
  const place = usePlace();
  const entering = useAction(async () => setTypes(await exportTypes()));
  useEffect(() => {
    const left = () => setTypes(null);
    addEventListener("signed-out", left);
    if (session.token) entering.run();
    return () => removeEventListener("signed-out", left);
  }, []);
  if (!types) return html`<${Frame}><${SignIn} entering=${entering} /><//>`;
  return html`<${Frame} place=${place}><${View} place=${place} types=${types} /><//>`;
}

function View({ place, types }) {
  useEffect(() => document.querySelector("main").focus(), [place]);
  const [, view, id] = place.split("/");
  if (view !== "exports") return html`<${RequestView} types=${types} />`;
  return id ? html`<${ExportView} key=${id} id=${id} />` : html`<${HistoryView} types=${types} />`;
}

function Frame({ place, children }) {
  const current = (one) => (one === place ? "page" : undefined);
  const menu = html`<ul>
    <li><a href="#/" aria-current=${current("/")}>Ask</a></li>
    <li><a href="#/exports" aria-current=${current("/exports")}>History</a></li>
    <li><small title=${session.claims.sub}>${session.claims.sub}</small></li>
    <li><button class="secondary outline" onClick=${() => session.close()}>Sign out</button></li>
  </ul>`;
  return html`<header class="container"><nav aria-label="Main"><ul><li><strong>Exports</strong></li></ul>${place && menu}</nav></header>
    <main class="container" tabindex="-1">${children}</main>`;
}

function SignIn({ entering }) {
  const enter = (event) => {
    event.preventDefault();
    session.open(new FormData(event.target).get("token"));
    entering.run();
  };
  return html`<section aria-labelledby="sign-in-title">
    <h1 id="sign-in-title">Sign in</h1>
    <${Alert} problem=${entering.problem} />
    <form onSubmit=${enter}>
      <label for="token">Access token</label>
      <textarea id="token" name="token" rows="4" required autocomplete="off" spellcheck=${false} aria-describedby="token-about"></textarea>
      <small id="token-about">The one that your programs send as bearer. It stays in this tab, and is forgotten with it.
        On a developer's machine <code>export-platform token</code> prints one.</small>
      <button type="submit" aria-busy=${entering.busy}>Sign in</button>
    </form>
  </section>`;
}

/** What stands behind the # of the address. */
function usePlace() {
  const [place, setPlace] = useState(now);
  useEffect(() => {
    const moved = () => setPlace(now());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

const now = () => location.hash.slice(1) || "/";

render(html`<${Page} />`, document.body);
