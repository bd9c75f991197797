// Timestamps: microseconds since 1970-01-01T00:00:00Z, UTC, as `bigint`. A `number` cannot hold those after 2255 exactly.

/** 0001-01-01T00:00:00Z, the first instant of Firestore. */
const FIRST = -62_135_596_800_000_000n;
/** 9999-12-31T23:59:59.999999Z, the last. */
const LAST = 253_402_300_799_999_999n;

const INSTANT =
  /^([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))$/;

export function parse(text) {
  const found = INSTANT.exec(text);
  if (found === null) return null;
  const [, year, month, day, hour, minute, second, fraction = "", sign, offsetHour = "0", offsetMinute = "0"] = found;
  if (+hour > 23 || +minute > 59 || +second > 59 || +offsetHour > 23 || +offsetMinute > 59) return null;
  // `Date.UTC` takes the years 0 to 99 for 1900 to 1999.
  const date = new Date(0);
  date.setUTCFullYear(+year, +month - 1, +day);
  if (date.getUTCMonth() !== +month - 1 || date.getUTCDate() !== +day) return null;
  const offset = (+offsetHour * 60 + +offsetMinute) * (sign === "-" ? -60 : 60);
  const seconds = date.getTime() / 1000 + +hour * 3600 + +minute * 60 + +second - offset;
  const micros = BigInt(seconds) * 1_000_000n + BigInt(fraction.slice(0, 6).padEnd(6, "0"));
  return micros < FIRST || micros > LAST ? null : micros;
}

export function format(micros) {
  if (micros < FIRST || micros > LAST) throw new RangeError("a timestamp lies in the years 1 to 9999");
  const rest = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const text = new Date(Number((micros - rest) / 1000n)).toISOString();
  return `${text.slice(0, 19)}.${String(rest).padStart(6, "0")}Z`;
}

export function fromDate(date) {
  const millis = date.getTime();
  if (Number.isNaN(millis)) throw new RangeError("the date is invalid");
  return BigInt(millis) * 1000n;
}

/** Rounds down, as dates of JavaScript have milliseconds. */
export const toDate = (micros) => new Date(Number((micros - (((micros % 1000n) + 1000n) % 1000n)) / 1000n));

/** The day of a timestamp, as the type `date` counts: days since 1970-01-01, UTC. */
export const dayOf = (micros) => Math.floor(Number(micros / 1000n - (micros % 1000n < 0n ? 1n : 0n)) / 86_400_000);
