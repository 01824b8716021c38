// The Node driver and csv-stringify, as people write it.
//
//     node benchmarks/peers/node_csv.mjs FILE
//
// MONGODB_URI names the database. The last line is JSON: rows, bytes, seconds, cpu_seconds, peak_mb.

import { createWriteStream, statSync } from 'node:fs';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

import { stringify } from 'csv-stringify';
import { DateTime } from 'luxon';
import { MongoClient } from 'mongodb';

import { HEADER, begin, end } from './work.mjs';

const FORMULA = /^[=+\-@\t\r]/;

function text(value) {
  if (!value) return '';
  const clean = value.normalize('NFC').trim();
  return FORMULA.test(clean) ? `'${clean}` : clean;
}

function address(value) {
  const clean = text(value);
  const at = clean.lastIndexOf('@');
  return clean.slice(0, at + 1) + clean.slice(at + 1).toLowerCase();
}

function localTime(value, zone) {
  return value ? DateTime.fromJSDate(value, { zone }).toFormat('yyyy-MM-dd HH:mm:ss') : '';
}

function utcTime(value) {
  return value ? `${value.toISOString().slice(0, 19)}Z` : '';
}

function language(value, campaign) {
  const found = (value ?? '').replace('_', '-');
  return campaign.locales.includes(found) ? found : campaign.defaultLocale;
}

function answer(entry, key) {
  return (entry.answers ?? []).find((given) => given.key === key)?.value ?? '';
}

function granted(entry, key) {
  return (entry.consents ?? []).some(
    (consent) => consent.key === key && consent.granted && !consent.withdrawnAt,
  );
}

function label(market) {
  return market.name + (market.status === 'cancelled' ? ' (cancelled)' : '');
}

function row(entry, campaign, markets) {
  const { contact } = entry;
  const wishes = [...(entry.preferences ?? [])].sort((one, other) => one.rank - other.rank);
  return [
    entry._id.toString(),
    text(entry.status),
    localTime(entry.createdAt, campaign.timeZone),
    utcTime(entry.createdAt),
    utcTime(entry.updatedAt),
    address(contact.email),
    text(contact.firstName),
    text(contact.lastName),
    contact.phone?.e164 ?? '',
    contact.phone?.verifiedAt ? 'Y' : 'N',
    (contact.countryCode ?? '').toUpperCase(),
    text(contact.city),
    text(contact.postalCode),
    language(entry.locale, campaign),
    text(markets.get(wishes[0]?.marketId.toString())),
    wishes[0]?.ticketQuantity ?? '',
    text(markets.get(wishes[1]?.marketId.toString())),
    granted(entry, 'artist_email') ? 'Y' : 'N',
    answer(entry, 'fan_since'),
    text(answer(entry, 'favourite-song')),
  ];
}

const path = process.argv[2];
const used = begin();
const client = await MongoClient.connect(process.env.MONGODB_URI);
const database = client.db('fanreg');
const campaign = await database.collection('campaigns').findOne({ key: 'small-2026' });
const found = await database.collection('markets').find({ campaignId: campaign._id }).toArray();
const markets = new Map(found.map((market) => [market._id.toString(), label(market)]));
const entries = database
  .collection('entries')
  .find({ campaignId: campaign._id })
  .sort({ createdAt: 1, _id: 1 });
let rows = 0;
const rowsOf = new Transform({
  objectMode: true,
  transform(entry, _, done) {
    rows += 1;
    done(null, row(entry, campaign, markets));
  },
});
const csv = stringify({
  header: true,
  columns: HEADER,
  bom: true,
  quoted: true,
  quoted_empty: true,
  record_delimiter: '\r\n',
});
await pipeline(entries.stream(), rowsOf, csv, createWriteStream(path));
await client.close();
end(used, statSync(path).size, rows);
