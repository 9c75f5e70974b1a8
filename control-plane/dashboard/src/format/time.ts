import { type Maybe, UNKNOWN } from "./numbers.js";

const SECOND = 1000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** A length of time in its largest useful unit, from ms: 12 s, 4 min, 3 h, 2 d. */
export function formatDuration(milliseconds: Maybe<number>): string {
  if (typeof milliseconds !== "number" || !Number.isFinite(milliseconds)) return UNKNOWN;
  const size = Math.max(0, milliseconds);
  if (size < MINUTE) return `${Math.floor(size / SECOND)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min`;
  if (size < DAY) return `${Math.floor(size / HOUR)} h`;
  return `${Math.floor(size / DAY)} d`;
}

/** A length of time with its two largest units, from ms: 1 min 5 s, 2 h 3 min. */
export function formatLongDuration(milliseconds: Maybe<number>): string {
  if (typeof milliseconds !== "number" || !Number.isFinite(milliseconds)) return UNKNOWN;
  const size = Math.max(0, milliseconds);
  if (size < MINUTE) return `${Math.floor(size / SECOND)} s`;
  if (size < HOUR) return `${Math.floor(size / MINUTE)} min ${Math.floor((size % MINUTE) / SECOND)} s`;
  if (size < DAY) return `${Math.floor(size / HOUR)} h ${Math.floor((size % HOUR) / MINUTE)} min`;
  return `${Math.floor(size / DAY)} d ${Math.floor((size % DAY) / HOUR)} h`;
}

/** How long ago a moment was. Clocks differ a little: a moment ahead of ours is "now". */
export function formatAge(at: Maybe<number>, now: number): string {
  if (typeof at !== "number" || !Number.isFinite(at)) return UNKNOWN;
  const age = now - at;
  return age < 2 * SECOND ? "now" : `${formatDuration(age)} ago`;
}

function two(value: number): string {
  return String(value).padStart(2, "0");
}

/** A moment in the reader's time zone, sortable, with its offset: 2026-03-01 14:05:09 UTC+01:00. */
export function formatMoment(at: Maybe<number>): string {
  if (typeof at !== "number" || !Number.isFinite(at)) return UNKNOWN;
  const date = new Date(at);
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`;
  const time = `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}`;
  const offset = -date.getTimezoneOffset();
  const sign = offset < 0 ? "-" : "+";
  const size = Math.abs(offset);
  const zone = offset === 0 ? "UTC" : `UTC${sign}${two(Math.floor(size / 60))}:${two(size % 60)}`;
  return `${day} ${time} ${zone}`;
}

/** A moment's time of day in the reader's time zone, from seconds since 1970: 14:05, or 14:05:09 with seconds. */
export function formatClock(seconds: number, withSeconds: boolean): string {
  const date = new Date(seconds * 1000);
  const clock = `${two(date.getHours())}:${two(date.getMinutes())}`;
  return withSeconds ? `${clock}:${two(date.getSeconds())}` : clock;
}
