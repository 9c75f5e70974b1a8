/** What stands where a value is not known. */
export const UNKNOWN = "–";

/** A value that may be missing: null from the API, undefined from an optional field. */
export type Maybe<T> = T | null | undefined;

function finite(value: Maybe<number>): value is number {
  return typeof value === "number" && Number.isFinite(value);
}

/** Rounds to about three significant digits without an exponent: 0.0123, 1.23, 12.3, 123, 1235. */
export function formatSignificant(value: Maybe<number>): string {
  if (!finite(value)) return UNKNOWN;
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 100) return value.toFixed(0);
  if (size >= 10) return value.toFixed(1);
  if (size >= 1) return value.toFixed(2);
  if (size >= 0.1) return value.toFixed(3);
  return value.toFixed(4);
}

/** A whole number with thin groups of three: 12 345. */
export function formatCount(value: Maybe<number>): string {
  if (!finite(value)) return UNKNOWN;
  return Math.round(value)
    .toString()
    .replace(/\B(?=(\d{3})+(?!\d))/g, "\u202f");
}

/** Requests a second. */
export function formatRate(value: Maybe<number>): string {
  return finite(value) ? `${formatSignificant(value)}/s` : UNKNOWN;
}

/** Milliseconds; from 10 s on, seconds. */
export function formatMilliseconds(value: Maybe<number>): string {
  if (!finite(value)) return UNKNOWN;
  return Math.abs(value) >= 10_000 ? `${formatSignificant(value / 1000)} s` : `${formatSignificant(value)} ms`;
}

/** A share from 0 to 1 as a percentage, finer from 99 % on; never rounded up to 100 %. */
export function formatShare(value: Maybe<number>): string {
  if (!finite(value)) return UNKNOWN;
  const percent = value * 100;
  if (percent < 99) return `${percent.toFixed(1)} %`;
  return `${(percent < 100 ? Math.min(99.99, percent) : percent).toFixed(2)} %`;
}

/** Degrees Celsius. */
export function formatTemperature(value: Maybe<number>): string {
  return finite(value) ? `${value.toFixed(1)} °C` : UNKNOWN;
}

/** Megahertz; from 1000 on, gigahertz. */
export function formatFrequency(megahertz: Maybe<number>): string {
  if (!finite(megahertz)) return UNKNOWN;
  return megahertz >= 1000 ? `${(megahertz / 1000).toFixed(2)} GHz` : `${megahertz.toFixed(0)} MHz`;
}

const BYTE_UNITS = ["B", "KiB", "MiB", "GiB", "TiB", "PiB"] as const;

/** Bytes in units of 1024. */
export function formatBytes(value: Maybe<number>): string {
  if (!finite(value)) return UNKNOWN;
  let size = value;
  let unit = 0;
  while (size >= 1023.95 && unit < BYTE_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  const digits = unit === 0 || size >= 100 ? 0 : 1;
  return `${size.toFixed(digits)} ${BYTE_UNITS[unit]}`;
}
