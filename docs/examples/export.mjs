// From the request to files on disk that are proved, with Node 18 or newer alone.
//   BRIDGE=https://exports.example TOKEN=... node export.mjs waitlist '{"campaign_id": "..."}'
import { createHash, randomUUID } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";

const { BRIDGE, TOKEN } = process.env;
const [kind, params] = process.argv.slice(2);

// An error is a problem document: it is shown, and ends this program.
async function ask(path, options = {}) {
  const headers = { Authorization: `Bearer ${TOKEN}`, ...options.headers };
  const answer = await fetch(BRIDGE + path, { ...options, headers, signal: AbortSignal.timeout(90_000) });
  if (!answer.ok) throw new Error(await answer.text());
  return answer;
}

// The key makes a repeated request the same export. Most have ended when the answer comes.
let answer = await ask("/v1/exports", {
  method: "POST",
  headers: { "Content-Type": "application/json", "Idempotency-Key": randomUUID(), Prefer: "wait=60" },
  body: JSON.stringify({ type: kind, params: JSON.parse(params) }),
});
let job = await answer.json();
while (!job.done) {
  await sleep(1000 * Number(answer.headers.get("Retry-After")));
  answer = await ask(`/v1/exports/${job.id}`);
  job = await answer.json();
}
if (job.status !== "succeeded") throw new Error(`${job.status}: ${JSON.stringify(job.error)}`);

// fetch follows the redirect to a link of ten minutes, and does not send the token there.
for (const file of job.result.files) {
  const found = await ask(file.url);
  const bytes = new Uint8Array(await found.arrayBuffer());
  if (createHash("sha256").update(bytes).digest("hex") !== file.sha256) throw new Error("the file is not what the export says");
  const name = found.headers.get("Content-Disposition").split('"')[1];
  await writeFile(name, bytes);
  console.log(name);
}
