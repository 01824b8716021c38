// Node with what can be tuned: only the fields that are needed, larger batches, one look at the zone
// a quarter of an hour, no object a row, and a file written by the megabyte.
//
//     node benchmarks/peers/node_tuned.mjs FILE
//
// MONGODB_URI names the database. With AWS_ENDPOINT_URL_S3 it uploads to `exports/entries.csv` there
// and writes no file. The last line is JSON: rows, bytes, seconds, cpu_seconds, peak_mb.

import { once } from 'node:events';
import { createWriteStream, statSync } from 'node:fs';
import { PassThrough } from 'node:stream';

import { S3Client } from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { DateTime } from 'luxon';
import { MongoClient } from 'mongodb';

import { HEADER, begin, end } from './work.mjs';

const FIELDS = [
  ...['status', 'createdAt', 'updatedAt', 'locale', 'contact.email', 'contact.firstName'],
  ...['contact.lastName', 'contact.phone.e164', 'contact.phone.verifiedAt'],
  ...['contact.countryCode', 'contact.city', 'contact.postalCode'],
  ...['preferences.marketId', 'preferences.rank', 'preferences.ticketQuantity'],
  ...['consents.key', 'consents.granted', 'consents.withdrawnAt', 'answers.key', 'answers.value'],
];
const BATCH = 2_000;
const WRITE = 1 << 20; // characters
const PART = 8 << 20; // bytes
const IN_FLIGHT = 4;
const QUARTER = 900_000; // milliseconds in which no zone changes its offset
const FORMULA = new Set('=+-@\t\r');

function text(value) {
  if (!value) return '';
  const clean = value.normalize('NFC').trim();
  return FORMULA.has(clean[0]) ? `'${clean}` : clean;
}

function address(value) {
  const clean = text(value);
  const at = clean.lastIndexOf('@');
  return clean.slice(0, at + 1) + clean.slice(at + 1).toLowerCase();
}

const utcTime = (value) => (value ? `${value.toISOString().slice(0, 19)}Z` : '');

function localTimes(zone) {
  const offsets = new Map();
  return (value) => {
    if (!value) return '';
    const at = value.getTime();
    const quarter = Math.floor(at / QUARTER);
    let offset = offsets.get(quarter);
    if (offset === undefined) {
      offset = DateTime.fromMillis(quarter * QUARTER, { zone }).offset * 60_000;
      offsets.set(quarter, offset);
    }
    const shown = new Date(at + offset).toISOString();
    return `${shown.slice(0, 10)} ${shown.slice(11, 19)}`;
  };
}

function quoted(cell) {
  const shown = String(cell);
  return shown.includes('"') ? shown.replaceAll('"', '""') : shown;
}

// Where the text goes, and a function that waits until all of it is there and tells its bytes.
function target(path) {
  if (!process.env.AWS_ENDPOINT_URL_S3) {
    const file = createWriteStream(path, { highWaterMark: WRITE });
    return [file, async () => (await once(file, 'finish')) && statSync(path).size];
  }
  const body = new PassThrough({ highWaterMark: WRITE });
  const client = new S3Client({ region: 'us-east-1', forcePathStyle: true });
  const upload = new Upload({
    client,
    params: { Bucket: 'exports', Key: 'entries.csv', Body: body },
    partSize: PART,
    queueSize: IN_FLIGHT,
  });
  let bytes = 0;
  upload.on('httpUploadProgress', (progress) => {
    bytes = progress.loaded;
  });
  const done = upload.done();
  return [body, async () => (await done) && bytes];
}

const label = (market) => market.name + (market.status === 'cancelled' ? ' (cancelled)' : '');

const path = process.argv[2];
const used = begin();
const client = await MongoClient.connect(process.env.MONGODB_URI);
const database = client.db('fanreg');
const campaign = await database.collection('campaigns').findOne({ key: 'small-2026' });
const found = await database.collection('markets').find({ campaignId: campaign._id }).toArray();
const markets = new Map(found.map((market) => [market._id.toHexString(), text(label(market))]));
const localTime = localTimes(campaign.timeZone);
const locales = new Set(campaign.locales);

function row(entry) {
  const { contact, preferences } = entry;
  let first;
  let second;
  for (const wish of preferences ?? []) {
    if (!first || wish.rank < first.rank) [first, second] = [wish, first];
    else if (!second || wish.rank < second.rank) second = wish;
  }
  let since = '';
  let song = '';
  for (const { key, value } of entry.answers ?? []) {
    if (key === 'fan_since') since = value;
    else if (key === 'favourite-song') song = value;
  }
  let artist = 'N';
  for (const consent of entry.consents ?? []) {
    if (consent.key === 'artist_email' && consent.granted && !consent.withdrawnAt) artist = 'Y';
  }
  const locale = (entry.locale ?? '').replace('_', '-');
  return [
    entry._id.toHexString(),
    entry.status,
    localTime(entry.createdAt),
    utcTime(entry.createdAt),
    utcTime(entry.updatedAt),
    quoted(address(contact.email)),
    quoted(text(contact.firstName)),
    quoted(text(contact.lastName)),
    contact.phone?.e164 ?? '',
    contact.phone?.verifiedAt ? 'Y' : 'N',
    (contact.countryCode ?? '').toUpperCase(),
    quoted(text(contact.city)),
    quoted(text(contact.postalCode)),
    locales.has(locale) ? locale : campaign.defaultLocale,
    first ? quoted(markets.get(first.marketId.toHexString()) ?? '') : '',
    first?.ticketQuantity ?? '',
    second ? quoted(markets.get(second.marketId.toHexString()) ?? '') : '',
    artist,
    since,
    quoted(text(song)),
  ].join('","');
}

const [output, finished] = target(path);
const entries = database
  .collection('entries')
  .find({ campaignId: campaign._id }, { batchSize: BATCH })
  .project(Object.fromEntries(FIELDS.map((name) => [name, 1])))
  .sort({ createdAt: 1, _id: 1 });
let rows = 0;
let waiting = `\ufeff"${HEADER.join('","')}"\r\n`;
for await (const entry of entries) {
  waiting += `"${row(entry)}"\r\n`;
  rows += 1;
  if (waiting.length > WRITE) {
    if (!output.write(waiting)) await once(output, 'drain');
    waiting = '';
  }
}
output.end(waiting);
const bytes = await finished();
await client.close();
end(used, bytes, rows);
