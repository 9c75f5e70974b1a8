import { type DesiredState, desiredSchema, releaseCounterSchema } from "@sartor/shared/protocol";
import { z } from "zod";
import type { DeviceTrust, VerifiedBundle } from "../ota/index.js";

/** What the loop needs of the device's trust: what it never goes below again. */
export type ReleaseFloors = Pick<DeviceTrust, "floorOf" | "noteInstalled">;

/** An order as it was verified: nothing else is taken. */
export interface AcceptableOrder {
  readonly desired: DesiredState;
  /** What both repositories vouch for, by bundle id. */
  readonly bundles: ReadonlyMap<string, Pick<VerifiedBundle, "releaseCounter">>;
}

/** An order as it is kept, so that it is acted on after a restart without a network: it was verified when it came. */
export const keptOrderSchema = z
  .object({
    desired: desiredSchema,
    /** Of the deployment's bundle; null where nothing is to be installed. */
    releaseCounter: releaseCounterSchema.nullable(),
  })
  .refine(({ desired, releaseCounter }) => (desired.deployment === null) === (releaseCounter === null));
export type KeptOrder = z.infer<typeof keptOrderSchema>;
