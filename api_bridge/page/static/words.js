/** How things are said: numbers, times and states, in the reader's language. */

const NUMBER = new Intl.NumberFormat();
const TIME = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" });
const AGO = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
const UNITS = [["day", 86_400], ["hour", 3_600], ["minute", 60], ["second", 1]];

const STATES = {
  queued: "Waiting to begin",
  running: "Reading and writing",
  delivering: "Being delivered",
  cancelling: "Stopping",
  succeeded: "Ready",
  failed: "Failed",
  cancelled: "Cancelled",
  expired: "Expired",
};

export const number = (value) => (value == null ? "–" : NUMBER.format(value));
export const time = (text) => (text ? TIME.format(new Date(text)) : "–");
export const state = (status) => STATES[status] || status;
const SPOKEN = { campaign_id: "Campaign", case_id: "Case", pii: "Personal data", k: "Smallest group" };

/** A name of the API as words: `registered_from` is "Registered from". */
export const words = (name) =>
  SPOKEN[name] || name[0].toUpperCase() + name.slice(1).replaceAll("_", " ").replaceAll("-", " ");

/** A sentence of the platform's own, which begin small in its documents. */
export const sentence = (text) => text[0].toUpperCase() + text.slice(1) + (/[.!?]$/.test(text) ? "" : ".");

const CLASSES = { N: "no", Q: "quasi-identifier", I: "pseudonym", D: "direct", R: "restricted", S: "secret" };

/** How personal a column is, by the letter of its class. */
export const personal = (letter) => CLASSES[letter] || letter;

/** A value of the API as the form has it. */
export const spoken = (value) => ({ true: "yes", false: "no" })[value] ?? value;

export function bytes(count) {
  if (count == null) return "–";
  const power = Math.min(4, Math.floor(Math.log10(Math.max(1, count)) / 3));
  const unit = ["byte", "kilobyte", "megabyte", "gigabyte", "terabyte"][power];
  const unitDisplay = power ? "short" : "long";
  const style = { style: "unit", unit, unitDisplay, maximumFractionDigits: 1 };
  return new Intl.NumberFormat(undefined, style).format(count / 1000 ** power);
}

/** How long ago, or in how long. */
export function ago(text) {
  const seconds = (new Date(text) - Date.now()) / 1000;
  const [unit, length] = UNITS.find(([, one]) => Math.abs(seconds) >= one) || UNITS.at(-1);
  return AGO.format(Math.round(seconds / length), unit);
}
