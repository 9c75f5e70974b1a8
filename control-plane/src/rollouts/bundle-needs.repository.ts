import { setImmediate as pause } from "node:timers/promises";
import { Injectable } from "@nestjs/common";
import type { Transaction } from "kysely";
import { type BundleTables, dropBundlesOf } from "../bundles/index.js";
import { Database } from "../database/index.js";
import type { TailoringTables } from "../tailoring/index.js";
import { retireVariant, type VariantTables } from "../variants/index.js";
import type { RolloutTables } from "./rollouts.tables.js";

/** What is read of devices: the newest state that each reported. */
interface DeviceReports {
  device: { device_id: string; reported: string | null };
}

type Tables = RolloutTables & TailoringTables & BundleTables & VariantTables & DeviceReports;

const ROWS_AT_ONCE = 500;
const UNDER_WAY = ["queued", "in_progress"] as const;
const BUNDLE_ID = /sha256:[0-9a-f]{64}/g;

/** Who needs which bundle, in the database. */
@Injectable()
export class BundleNeedsRepository {
  constructor(private readonly database: Database) {}

  /**
   * All bundles that devices have in their slots, serve, install or were told of. Read page by page, with a turn for everyone else after each:
   * there may be ten thousand devices. Other digests in the same texts do no harm.
   */
  async onDevices(): Promise<Set<string>> {
    const found = new Set<string>();
    const db = this.database.tables<Tables>();
    const pages: ((after: string) => Promise<{ device_id: string; text: string | null }[]>)[] = [
      (after) =>
        db
          .selectFrom("device")
          .select(["device_id", "reported as text"])
          .where("device_id", ">", after)
          .orderBy("device_id")
          .limit(ROWS_AT_ONCE)
          .execute(),
      (after) =>
        db
          .selectFrom("desired_state")
          .select(["device_id", "desired as text"])
          .where("device_id", ">", after)
          .orderBy("device_id")
          .limit(ROWS_AT_ONCE)
          .execute(),
    ];
    for (const page of pages) {
      for (let after: string | undefined = ""; after !== undefined; ) {
        const rows = await page(after);
        for (const { text } of rows) for (const [bundleId] of text?.matchAll(BUNDLE_ID) ?? []) found.add(bundleId);
        after = rows.length < ROWS_AT_ONCE ? undefined : rows.at(-1)?.device_id;
        await pause();
      }
    }
    return found;
  }

  /**
   * Lets go of a replaced variant and its bundle, unless a deployment, a rollout or a tuning needs it by now. All in one transaction: whoever offers
   * the same content again meanwhile waits for it, or is waited for.
   *
   * @returns whether it was removed
   */
  remove(variantId: string, bundleId: string | undefined, replacedBefore: number): Promise<boolean> {
    return this.database.transaction<Tables, boolean>(async (db) => {
      if (await isMeasured(db, variantId)) return false;
      if (bundleId !== undefined && ((await isDeployed(db, bundleId)) || (await isRolledOut(db, bundleId))))
        return false;
      if (!(await retireVariant(db, variantId, replacedBefore))) return false;
      await dropBundlesOf(db, variantId);
      return true;
    });
  }
}

/**
 * Whether a device gets a bundle, or falls back to it: the last that succeeded is what a device returns to when the one under way does not
 * succeed. What devices that are no more once had does not count.
 */
async function isDeployed(db: Transaction<Tables>, bundleId: string): Promise<boolean> {
  const row = await db
    .selectFrom("device_deployment as deployment")
    .innerJoin("device", "device.device_id", "deployment.device_id")
    .select("deployment.deployment_id")
    .where("deployment.bundle_id", "=", bundleId)
    .where(({ or, and, eb, not, exists, selectFrom }) =>
      or([
        eb("deployment.status", "in", UNDER_WAY),
        and([
          eb("deployment.status", "=", "succeeded"),
          not(
            exists(
              selectFrom("device_deployment as newer")
                .select("newer.deployment_id")
                .whereRef("newer.device_id", "=", "deployment.device_id")
                .whereRef("newer.rollout_id", ">", "deployment.rollout_id")
                .where("newer.status", "=", "succeeded"),
            ),
          ),
        ]),
      ]),
    )
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether a rollout that runs is about to install a bundle: the candidate of a verdict. */
async function isRolledOut(db: Transaction<Tables>, bundleId: string): Promise<boolean> {
  const row = await db
    .selectFrom("rollout")
    .select("rollout_id")
    .where("status", "=", "running")
    .where("choice", "like", `%"${bundleId}"%`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Whether a device is to measure a variant, or is at it. */
async function isMeasured(db: Transaction<Tables>, variantId: string): Promise<boolean> {
  const row = await db
    .selectFrom("tuning")
    .select("tuning_id")
    .where("status", "in", UNDER_WAY)
    .where("variants", "like", `%"${variantId}"%`)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}
