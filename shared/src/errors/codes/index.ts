import { BUNDLE_CODES } from "./bundles.js";
import { CERTIFICATE_CODES } from "./certificates.js";
import type { CodeTable, ErrorCodeEntry } from "./entry.js";
import { GENERAL_CODES } from "./general.js";
import { IDENTITY_CODES } from "./identity.js";
import { INFERENCE_CODES } from "./inference.js";
import { MODEL_CODES } from "./models.js";
import { OVER_THE_AIR_CODES } from "./over-the-air.js";
import { PEOPLE_CODES } from "./people.js";
import { PROTOCOL_CODES } from "./protocol.js";
import { ROLLOUT_CODES } from "./rollouts.js";
import { TAILORING_CODES } from "./tailoring.js";
import { TRUST_CODES } from "./trust.js";
import { VARIANT_CODES } from "./variants.js";

export type { ErrorCodeEntry };

/** The codes of one part of Sartor, under the heading that they have in `docs/errors.md`. */
export interface ErrorArea {
  readonly title: string;
  readonly codes: CodeTable;
}

/**
 * Every stable error code of Sartor, with its HTTP status and what a person can do about it, area by area.
 *
 * A code never changes its meaning and is never reused. `docs/errors.md` is generated from these tables, in this order
 * (`npm run docs:errors`), and a test fails when the page and the tables differ.
 */
export const ERROR_AREAS = [
  { title: "General", codes: GENERAL_CODES },
  { title: "Identity", codes: IDENTITY_CODES },
  { title: "Protocol", codes: PROTOCOL_CODES },
  { title: "Models", codes: MODEL_CODES },
  { title: "Variants: quantization and calibration", codes: VARIANT_CODES },
  { title: "Tailoring and tuning", codes: TAILORING_CODES },
  { title: "Blobs and bundles", codes: BUNDLE_CODES },
  { title: "Trust: signed metadata", codes: TRUST_CODES },
  { title: "Certificates", codes: CERTIFICATE_CODES },
  { title: "People", codes: PEOPLE_CODES },
  { title: "Rollouts", codes: ROLLOUT_CODES },
  { title: "Agent: over the air", codes: OVER_THE_AIR_CODES },
  { title: "Agent: inference", codes: INFERENCE_CODES },
] as const satisfies readonly ErrorArea[];

type AreaCodes<Area extends ErrorArea> = Area extends ErrorArea ? keyof Area["codes"] : never;

/** A stable error code. */
export type ErrorCode = AreaCodes<(typeof ERROR_AREAS)[number]>;

/** The codes of all areas; a test holds that no two areas name the same one. */
export const ERROR_CODES = Object.fromEntries(ERROR_AREAS.flatMap(({ codes }) => Object.entries(codes))) as Readonly<
  Record<ErrorCode, ErrorCodeEntry>
>;

/** Tells whether a string is one of Sartor's codes. */
export function isErrorCode(value: string): value is ErrorCode {
  return Object.hasOwn(ERROR_CODES, value);
}
