// What both scripts share: the header, and what is said at the end.

import { readFileSync } from 'node:fs';

export const HEADER = [
  ...['entry_id', 'status', 'registered_at', 'registered_at_utc', 'updated_at_utc'],
  ...['email', 'first_name', 'last_name', 'phone', 'phone_verified'],
  ...['country', 'city', 'postal_code', 'locale'],
  ...['pref_1_market', 'pref_1_quantity', 'pref_2_market'],
  ...['opt_in_artist_email', 'q_fan_since', 'q_favourite_song'],
];

export function begin() {
  return { at: process.hrtime.bigint(), cpu: process.cpuUsage() };
}

export function end(begun, bytes, rows) {
  const seconds = Number(process.hrtime.bigint() - begun.at) / 1e9;
  const { user, system } = process.cpuUsage(begun.cpu);
  const status = readFileSync('/proc/self/status', 'ascii');
  const kilobytes = Number(/VmHWM:\s+([0-9]+) kB/.exec(status)[1]);
  const found = {
    rows,
    bytes,
    seconds,
    cpu_seconds: (user + system) / 1e6,
    peak_mb: kilobytes / 1024,
  };
  console.log(JSON.stringify(found));
}
