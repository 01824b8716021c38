/** The HTTP API of the bridge, as the page uses it. */

const KEY = "export-token";
const JSON_TYPE = "application/json";
// A server that answers a long poll at once is asked again no faster than this (API.md 3).
const LEAST_POLL_MS = 2_000;
const WAIT_SECONDS = 20;

/** A refusal of the bridge: a problem document (RFC 9457). */
export class Problem extends Error {
  constructor(status, body) {
    super(body?.detail || body?.title || `The bridge answered ${status}.`);
    this.status = status;
    this.title = body?.title || "Not done";
    this.errors = body?.errors || [];
    this.requestId = body?.request_id;
  }
}

/** Who is signed in: a bearer token, kept for this tab only. */
export const session = {
  get token() {
    return sessionStorage.getItem(KEY);
  },
  /** What the token says of its bearer; shown, never trusted. */
  get claims() {
    try {
      const payload = this.token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/");
      return JSON.parse(new TextDecoder().decode(Uint8Array.from(atob(payload), (c) => c.charCodeAt(0))));
    } catch {
      return {};
    }
  },
  open(token) {
    sessionStorage.setItem(KEY, token.trim());
  },
  close() {
    sessionStorage.removeItem(KEY);
    dispatchEvent(new Event("signed-out"));
  },
};

async function send(method, path, { body, headers = {}, signal } = {}) {
  const sent = { Authorization: `Bearer ${session.token}`, Accept: JSON_TYPE, ...headers };
  if (body !== undefined) sent["Content-Type"] = JSON_TYPE;
  const response = await fetch(path, {
    method,
    headers: sent,
    body: body === undefined ? undefined : JSON.stringify(body),
    cache: "no-store",
    credentials: "omit",
    signal,
  });
  const text = await response.text();
  const found = text ? JSON.parse(text) : null;
  if (response.status === 401) session.close();
  if (!response.ok && response.status !== 304) throw new Problem(response.status, found);
  return { response, found };
}

async function json(method, path, options) {
  return (await send(method, path, options)).found;
}

export const exportTypes = async () => (await json("GET", "/v1/export-types")).export_types;
export const listing = (query) => json("GET", `/v1/exports?${new URLSearchParams(query)}`);
export const estimate = (body) => json("POST", "/v1/exports/estimate", { body });
export const manifest = (id) => json("GET", `/v1/exports/${id}/manifest`);
export const follow = (link) => json("POST", link);
export const remove = (link) => json("DELETE", link);

/** Ask for an export; sent twice by the network, it is still one. */
export const create = (body) =>
  json("POST", "/v1/exports", { body, headers: { "Idempotency-Key": crypto.randomUUID() } });

/** Begin a download: the link is signed at this click and goes nowhere but to the browser. */
export async function download(file) {
  location.assign((await json("GET", file.url)).url);
}

/** Tell of each state of an export until it is done, or until the signal ends it. */
export async function* watch(id, signal) {
  let etag;
  while (!signal.aborted) {
    const asked = Date.now();
    const headers = etag ? { "If-None-Match": etag, Prefer: `wait=${WAIT_SECONDS}` } : {};
    const { response, found } = await send("GET", `/v1/exports/${id}`, { headers, signal });
    etag = response.headers.get("ETag");
    if (found) {
      yield found;
      if (found.done) return;
    }
    const early = LEAST_POLL_MS - (Date.now() - asked);
    if (response.status === 304 && early > 0) await pause(early, signal);
  }
}

/** The command that does the same in a shell; the token stays a variable. */
export function asCurl(body) {
  const text = JSON.stringify(body, null, 2).replaceAll("'", "'\\''");
  return [
    `curl -sS ${location.origin}/v1/exports`,
    '  -H "Authorization: Bearer $TOKEN"',
    `  -H "Content-Type: ${JSON_TYPE}"`,
    '  -H "Idempotency-Key: $(uuidgen)"',
    `  -d '${text}'`,
  ].join(" \\\n");
}

function pause(milliseconds, signal) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => (clearTimeout(timer), resolve()), { once: true });
  });
}
