import { type Maybe, UNKNOWN } from "./numbers.js";

/** The minus sign of typography, as wide as a digit. */
const MINUS = "\u2212";

/** A difference of two shares in percentage points with its sign: +0.12, −0.30, ±0. */
export function formatPoints(difference: Maybe<number>): string {
  if (typeof difference !== "number" || !Number.isFinite(difference)) return UNKNOWN;
  const points = Math.round(difference * 10_000) / 100;
  if (points === 0) return "±0";
  return `${points < 0 ? MINUS : "+"}${Math.abs(points).toFixed(2)}`;
}

/** A share of time that is saved, as a percentage: 23 %, −4 % where it takes longer. */
export function formatGain(share: Maybe<number>): string {
  if (typeof share !== "number" || !Number.isFinite(share)) return UNKNOWN;
  const percent = Math.round(share * 100);
  return `${percent < 0 ? MINUS : ""}${Math.abs(percent)} %`;
}

/** A number of decibels. */
export function formatDecibels(value: Maybe<number>): string {
  return typeof value === "number" && Number.isFinite(value) ? `${value.toFixed(1)} dB` : UNKNOWN;
}

/** A p-value: 0.38, 0.004, below 0.001. */
export function formatPValue(pValue: number): string {
  if (pValue < 0.001) return "below 0.001";
  return pValue < 0.1 ? pValue.toFixed(3) : pValue.toFixed(2);
}

/** What a p-value of a difference says, in words. The bounds are the usual 5 % and 0.1 %. */
export function chanceWords(pValue: number): string {
  if (pValue < 0.001) return "surely a real difference";
  if (pValue < 0.05) return "most likely a real difference";
  if (pValue < 0.2) return "may be chance";
  return "no more than chance";
}
